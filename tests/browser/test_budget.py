"""What the first view costs a visitor."""

from urllib.parse import urlsplit

from tests.browser.visit import Visit

MOST_BYTES = 150_000
MOST_REQUESTS = 20


def received(browser, base):
    """The bytes on the wire by address, and the visit's context, for one look at the page."""
    sizes, addresses = {}, {}

    def listen(page):
        client = page.context.new_cdp_session(page)
        client.send("Network.enable")
        client.on(
            "Network.requestWillBeSent",
            lambda event: addresses.update({event["requestId"]: event["request"]["url"]}),
        )
        client.on(
            "Network.loadingFinished",
            lambda event: sizes.update({addresses[event["requestId"]]: event["encodedDataLength"]}),
        )

    with Visit.begin(browser, base, setup=listen) as visit:
        visit.page.wait_for_load_state("networkidle")
        first = dict(sizes)
        sizes.clear()
        visit.page.goto(base)
        visit.page.wait_for_load_state("networkidle")
        again = dict(sizes)
    return first, again


def test_the_page_is_small_and_all_its_own(browser, base):
    """At most 150 KB on the wire, map included; at the next visit next to nothing."""
    first, again = received(browser, base)
    assert {urlsplit(url).netloc for url in first} == {urlsplit(base).netloc}
    assert sum(first.values()) <= MOST_BYTES
    assert len(first) <= MOST_REQUESTS
    assert any(url.endswith("countries-110m.json") for url in first)
    assert sum(again.values()) < 5_000


def test_the_wire_carries_gzip(browser, base):
    """Or the figure above would be of something else."""
    first, _ = received(browser, base)
    (size,) = (size for url, size in first.items() if url.endswith("countries-110m.json"))
    assert size < 60_000
