"""A visitor of the page: actions, observations, and what must never happen."""

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
TIMEOUT_MILLISECONDS = 10_000
"""The time that any step may take on a busy machine."""

expect.set_options(timeout=TIMEOUT_MILLISECONDS)

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
    """A tab. At its end, the page must have had no error and no request to another host."""

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
        with browser.new_context(**options) as tab_context:
            tab_context.set_default_timeout(TIMEOUT_MILLISECONDS)
            page = tab_context.new_page()
            visit = cls(page, base, {urlsplit(url).netloc for url in (base, *hosts)})
            page.on("pageerror", lambda error: visit.faults.append(str(error)))
            page.on("console", lambda message: visit.hear(message.type, message.text))
            page.on("request", visit.notice)
            if setup:
                setup(page)
            page.goto(base + path)
            yield visit
        requested_hosts = {
            urlsplit(request.url).netloc for request in visit.requests if "blob:" not in request.url
        }
        assert requested_hosts <= visit.hosts
        assert visit.faults == []

    def notice(self, request: Request) -> None:
        """Record a request."""
        self.requests.append(request)

    def hear(self, kind: str, text: str) -> None:
        """Record what the browser reports as an error, but for statuses of the service."""
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

    def sees(self, selector: str) -> Locator:
        """Return the element once it is visible."""
        element = self.page.locator(selector)
        expect(element).to_be_visible()
        return element

    def answer(self, name: str) -> Locator:
        """Return the answer once it names that animal."""
        expect(self.page.locator("#answer")).to_have_text(name)
        return self.sees("#results")

    def asked(self, path: str) -> list[Request]:
        """Return the requests to that path so far."""
        return [request for request in self.requests if urlsplit(request.url).path == path]

    def look(self, name: str) -> None:
        """Take a screenshot in light and dark, and require that axe-core reports nothing."""
        every = {"runOnly": {"type": "tag", "values": WCAG}}
        contrast = {"runOnly": {"type": "rule", "values": ["color-contrast"]}}
        schemes: tuple[tuple[Literal["light", "dark"], dict], ...]
        schemes = (("light", every), ("dark", contrast))
        for scheme, rules in schemes:
            self.page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
            results = Axe().run(self.page, options=rules)
            violations = [
                (violation["id"], [node["target"] for node in violation["nodes"]])
                for violation in results.response["violations"]
            ]
            assert violations == [], f"{name}, {scheme}"
            self.page.screenshot(path=SCREENSHOTS / f"{name}-{scheme}.png", full_page=True)
