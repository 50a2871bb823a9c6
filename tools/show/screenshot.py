"""Draw docs/pictures/page.png: the page with an answer, in Debian's Chromium."""

import io
from typing import Final

from PIL import Image
from playwright.sync_api import ViewportSize, sync_playwright

from tools import ROOT
from tools.show.serving import serving

TARGET: Final = ROOT / "docs" / "pictures" / "page.png"
PHOTO: Final = ROOT / "samples" / "jaguar.jpg"
SIZE: Final = ViewportSize(width=1200, height=1240)
COLOURS: Final = 256
"""Few enough for a small file, and more than the page has."""


def main() -> None:
    """Upload a sample and take the picture."""
    with serving() as base, sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path="/usr/bin/chromium", args=["--no-sandbox", "--disable-gpu"]
        )
        page = browser.new_page(viewport=SIZE, reduced_motion="reduce")
        page.goto(base)
        page.set_input_files("#file", PHOTO)
        page.locator("#animals-list > li").first.wait_for()
        page.locator("#range-status:not(:empty)").wait_for()
        page.wait_for_load_state("networkidle")
        page.evaluate("document.activeElement.blur(), scrollTo(0, 0)")
        picture = Image.open(io.BytesIO(page.screenshot()))
        browser.close()
    picture.convert("RGB").quantize(COLOURS).save(TARGET, optimize=True)
    print(f"{TARGET.relative_to(ROOT)}: {TARGET.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
