"""One visitor of the page: what is done, what is seen, and what must never happen."""

import base64
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, Self
from urllib.parse import urlsplit

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Locator, Page, Request, expect

from tests.samples import DIRECTORY
from tools import ROOT

SCREENSHOTS = ROOT / "build" / "browser"
WCAG = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
SECONDS = 10_000
"""Milliseconds that anything may take; machines are busy."""

expect.set_options(timeout=SECONDS)

TRANSFER = """
([name, type, content]) => {
  const bytes = Uint8Array.from(atob(content), (one) => one.charCodeAt(0));
  const transfer = new DataTransfer();
  transfer.items.add(new File([bytes], name, { type }));
  return transfer;
}
"""

HAND_OVER = """
([name, transfer]) => document.body.dispatchEvent(name === "paste"
  ? new ClipboardEvent(name, { clipboardData: transfer, bubbles: true })
  : new DragEvent(name, { dataTransfer: transfer, bubbles: true, cancelable: true }))
"""


@dataclass
class Visit:
    """A tab. At its end there must have been no fault and no request to somebody else."""

    page: Page
    base: str
    hosts: set[str]
    faults: list[str] = field(default_factory=list)
    requests: list[Request] = field(default_factory=list)

    @classmethod
    @contextmanager
    def begin(
        cls, browser: Browser, base: str, *, path: str = "/", hosts: tuple[str, ...] = (),
        setup: Any = None, **context: Any,
    ) -> Iterator[Self]:  # fmt: skip
        """Open the page in a context of its own; ``setup`` gets the tab before that."""
        options = {"locale": "en-GB", "reduced_motion": "reduce", **context}
        with browser.new_context(**options) as opened:
            opened.set_default_timeout(SECONDS)
            page = opened.new_page()
            visit = cls(page, base, {urlsplit(url).netloc for url in (base, *hosts)})
            page.on("pageerror", lambda error: visit.faults.append(str(error)))
            page.on("console", lambda message: visit.hear(message.type, message.text))
            page.on("request", visit.notice)
            if setup:
                setup(page)
            page.goto(base + path)
            yield visit
        strangers = {urlsplit(one.url).netloc for one in visit.requests if "blob:" not in one.url}
        assert strangers <= visit.hosts
        assert visit.faults == []

    def notice(self, request: Request) -> None:
        """Every request is remembered."""
        self.requests.append(request)

    def hear(self, kind: str, text: str) -> None:
        """Faults are what the browser itself reports, but for statuses of the service."""
        if kind in ("error", "warning") and not text.startswith("Failed to load resource"):
            self.faults.append(text)

    def upload(self, file: str | Path) -> None:
        """Choose a photo with the file picker."""
        self.page.set_input_files("#file", DIRECTORY / file)

    def hand_over(self, event: str, file: str) -> None:
        """Drop or paste a photo."""
        content = base64.b64encode((DIRECTORY / file).read_bytes()).decode()
        transfer = self.page.evaluate_handle(TRANSFER, [file, "image/jpeg", content])
        self.page.evaluate(HAND_OVER, [event, transfer])

    def place(self, latitude: object, longitude: object) -> None:
        """Type a place."""
        self.page.get_by_label("Latitude").fill(str(latitude))
        self.page.get_by_label("Longitude").fill(str(longitude))

    def press(self, name: str) -> None:
        """Press the button of that name."""
        self.page.get_by_role("button", name=name, exact=True).click()

    def sees(self, what: str) -> Locator:
        """The element, once it is seen."""
        found = self.page.locator(what)
        expect(found).to_be_visible()
        return found

    def answer(self, name: str) -> Locator:
        """The answer, once it names that animal."""
        expect(self.page.locator("#answer")).to_have_text(name)
        return self.sees("#results")

    def asked(self, path: str) -> list[Request]:
        """The requests of that path so far."""
        return [one for one in self.requests if urlsplit(one.url).path == path]

    def look(self, name: str) -> None:
        """A picture in light and dark, and nothing that axe-core says; of dark, of its colours."""
        every = {"runOnly": {"type": "tag", "values": WCAG}}
        contrast = {"runOnly": {"type": "rule", "values": ["color-contrast"]}}
        schemes: tuple[tuple[Literal["light", "dark"], dict], ...]
        schemes = (("light", every), ("dark", contrast))
        for scheme, rules in schemes:
            self.page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
            found = Axe().run(self.page, options=rules)
            told = [
                (one["id"], [node["target"] for node in one["nodes"]])
                for one in found.response["violations"]
            ]
            assert told == [], f"{name}, {scheme}"
            self.page.screenshot(path=SCREENSHOTS / f"{name}-{scheme}.png", full_page=True)
