"""The bytes that a view of the page costs a visitor."""

from urllib.parse import urlsplit

from tests.browser.visit import Visit

MOST_BYTES = 150_000
MOST_REQUESTS = 20


def received_bytes(browser, base):
    """Return the bytes on the wire by address, for a first and a second view of the page."""
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


def test_the_page_is_small_and_loads_from_its_own_origin(browser, base):
    """A first view takes at most 150 KB and 20 requests, map included; a second view under 5 KB."""
    first, again = received_bytes(browser, base)
    assert {urlsplit(url).netloc for url in first} == {urlsplit(base).netloc}
    assert sum(first.values()) <= MOST_BYTES
    assert len(first) <= MOST_REQUESTS
    assert any(url.endswith("countries-110m.json") for url in first)
    assert sum(again.values()) < 5_000


def test_the_map_is_compressed(browser, base):
    """The map comes compressed, so the budget above counts compressed bytes."""
    first, _ = received_bytes(browser, base)
    (size,) = (size for url, size in first.items() if url.endswith("countries-110m.json"))
    assert size < 60_000
