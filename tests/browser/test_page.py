"""The actions of a visitor on the page, and their results."""

import re

import pytest
from playwright.sync_api import expect

from tests.browser.prefix import under_prefix
from tests.browser.visit import Visit
from tests.conftest import OCEAN, PLACES
from tests.distant_animal import distant

KRUGER = PLACES["Kruger park"]
MINUS = "\N{MINUS SIGN}"


def test_a_photo_is_chosen_and_named(visit):
    """The page names the animal, its scores, its position and where else it occurs."""
    visit.look("first")
    visit.upload("jaguar.jpg")
    answer = visit.answer("Jaguar")
    first, second = answer.locator(".predictions > li").all()[:2]
    expect(first).to_contain_text(re.compile(r"Panthera onca> 99.9%Picture: 99.\d%.*lives here"))
    expect(second).to_contain_text(re.compile(r"Leopard.*Picture: .*not expected here"))
    expect(first.get_by_role("button")).to_have_attribute("aria-pressed", "true")
    expect(visit.sees("#range-status")).to_contain_text("Where jaguar occurs")
    expect(visit.sees("#map-status")).to_contain_text("From the photo: 17.364° S, 56.777° W")
    expect(visit.page.get_by_label("Latitude")).to_have_value("-17.364")
    expect(visit.page.locator("#status")).to_contain_text("Jaguar: We are > 99.9% sure")
    assert visit.page.evaluate("document.activeElement.id") == "results"
    visit.look("answer")


@pytest.mark.parametrize("event", ["drop", "paste"])
def test_a_photo_is_dropped_or_pasted(visit, event):
    """A photo that is dropped on the page or pasted into it is identified."""
    visit.hand_over(event, "giant-panda.jpg")
    visit.answer("Giant panda")
    visit.sees("#preview")


def test_a_phone_offers_its_camera(browser, base):
    """At 360 pixels, the page opens the camera and does not scroll sideways."""
    size = {"width": 360, "height": 740}
    with Visit.begin(browser, base, viewport=size, has_touch=True, is_mobile=True) as visit:
        with visit.page.expect_file_chooser():
            visit.press("Take a photo")
        assert visit.page.locator("#camera").get_attribute("capture") == "environment"
        visit.upload("koala.jpg")
        visit.answer("Koala")
        width = "document.documentElement.scrollWidth"
        assert visit.page.evaluate(width) == 360
        visit.look("phone")


def test_controls_are_large_enough(visit):
    """Every control measures at least 24 pixels each way (WCAG 2.2, 2.5.8)."""
    visit.upload("jaguar.jpg")
    visit.answer("Jaguar")
    for control in visit.page.locator("button:visible, input:visible, select, summary").all():
        box = control.bounding_box()
        assert box
        assert min(box["width"], box["height"]) >= 24, control


def test_a_missing_place_can_be_set_by_keyboard(visit):
    """The page says why it needs a place, takes it from the map by keyboard, and sends it."""
    visit.upload("sheep-without-gps.jpg")
    expect(visit.sees("#place-hint")).to_contain_text("does not say where it was taken")
    assert visit.page.evaluate("document.activeElement.id") == "place-heading"
    visit.look("place-needed")
    keyboard = visit.page.keyboard
    keyboard.press("Tab")
    assert visit.page.evaluate("document.activeElement.id") == "map"
    for key in ("ArrowUp", "+", "+", "ArrowLeft", "ArrowUp", "ArrowUp", "-", "ArrowRight"):
        keyboard.press(key)
    expect(visit.sees("#map-status")).to_contain_text("The cross is at")
    keyboard.press("Enter")
    expect(visit.sees("#map-status")).to_contain_text("Place set")
    latitude = float(visit.page.get_by_label("Latitude").input_value())
    assert 20 < latitude < 70
    visit.press("Identify with this place")
    expect(visit.sees("#geo")).to_contain_text(f"{latitude:.3f}° N")
    assert len(visit.asked("/v1/predictions")) == 2


def test_typed_coordinates_are_read_as_people_write_them(visit):
    """A decimal comma and a minus sign are accepted, and an error is reported at its field."""
    visit.upload("jaguar.jpg")
    visit.answer("Jaguar")
    visit.place(f"{MINUS}240,1", "31,49")
    visit.press("Identify with this place")
    expect(visit.sees("#place-error")).to_contain_text(f"from {MINUS}90")
    assert visit.page.evaluate("document.activeElement.id") == "latitude"
    visit.look("wrong-place")
    visit.place(f"{MINUS}24,01", "31,49")
    visit.press("Identify with this place")
    expect(visit.sees("#rejected")).to_contain_text("The picture alone suggests jaguar")
    expect(visit.sees("#geo")).to_contain_text("24.010° S, 31.490° E")
    visit.look("rejected")
    visit.press("Use the photo's own place")
    visit.answer("Jaguar")
    expect(visit.page.locator("#rejected")).to_have_count(0)


def test_an_animal_in_a_zoo_is_named_and_does_not_live_here(visit):
    """A koala in London keeps its name, with the reason why the place does not speak for it."""
    visit.upload("koala.jpg")
    visit.answer("Koala")
    expect(visit.sees(".decision")).not_to_contain_text("zoo")
    visit.place("51.5", "-0.1")
    visit.press("Identify with this place")
    expect(visit.sees(".decision")).to_contain_text("It does not live here in the wild: a zoo?")
    visit.answer("Koala")
    expect(visit.page.locator("#rejected")).to_have_count(0)
    visit.look("zoo")


def test_animals_that_the_model_does_not_know_are_named(visit):
    """A red panda in Berlin may be a raccoon. Its name is English on a page in any language."""
    visit.upload("red-panda.jpg")
    visit.answer("Red panda")  # what is typed before is overwritten by the photo's own place
    visit.place("52.5", "13.4")
    visit.press("Identify with this place")
    said = visit.sees("#lookalikes")
    expect(said).to_contain_text("an animal that this model does not know: ")
    expect(said).to_contain_text("common raccoon")
    expect(said.locator("[lang=en]").first).to_be_visible()
    visit.look("lookalikes")


def test_a_click_on_the_map_sets_the_place(visit):
    """A click in the middle of the first view sets a place on the prime meridian."""
    visit.page.locator("#map").click()
    assert abs(float(visit.page.get_by_label("Longitude").input_value())) < 1
    assert 25 < float(visit.page.get_by_label("Latitude").input_value()) < 40


def test_the_map_is_moved_by_wheel_buttons_and_dragging(visit):
    """After dragging and zooming, a click at the same pixel sets another place."""
    frame = visit.page.locator("#map")
    box = frame.bounding_box()
    assert box
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2

    def place() -> tuple[float, float]:
        visit.page.mouse.click(x, y)
        fields = (visit.page.get_by_label(name) for name in ("Latitude", "Longitude"))
        latitude, longitude = (float(field.input_value()) for field in fields)
        return latitude, longitude

    before = place()
    visit.page.mouse.move(x, y)
    visit.page.mouse.down()
    visit.page.mouse.move(x - 100, y + 50, steps=4)
    visit.page.mouse.up()
    dragged = place()
    assert dragged[0] > before[0] + 5
    assert dragged[1] > before[1] + 20
    visit.press("Zoom in")
    visit.press("Zoom in")
    visit.page.mouse.move(x, y)
    visit.page.mouse.wheel(0, -300)
    closer = place()
    visit.page.mouse.move(x, y)
    visit.page.mouse.down()
    visit.page.mouse.move(x + 100, y, steps=4)
    visit.page.mouse.up()
    moved = dragged[1] - before[1]
    assert closer[1] - place()[1] == pytest.approx(moved / 8, rel=0.1), "eight times as close"
    visit.press("Whole world")
    assert place()[1] == pytest.approx(0, abs=1)


def test_the_place_can_come_from_the_device(browser, base):
    """With the visitor's permission, the device's position and accuracy fill the fields."""
    here = {"latitude": 47.1, "longitude": 9.5, "accuracy": 30}
    with Visit.begin(browser, base, geolocation=here, permissions=["geolocation"]) as visit:
        visit.press("Use my location")
        expect(visit.page.get_by_label("Latitude")).to_have_value("47.1")
        expect(visit.page.get_by_label("Accuracy, metres")).to_have_value("30")


def test_the_animals_of_a_place_can_be_looked_up_without_a_photo(visit):
    """The list of expected animals can be searched, and the map draws an animal's range."""
    visit.place(KRUGER.latitude, KRUGER.longitude)
    visit.press("Show the animals here")
    expect(visit.sees("#animals-hint")).to_contain_text(re.compile(r"We expect \d+ animals here"))
    visit.page.get_by_label("Find").fill("zeb")
    expect(visit.page.locator("#animals-list > li:visible")).to_have_count(1)
    before = visit.page.locator("canvas").screenshot()
    visit.page.get_by_role("button", name=re.compile("Zebra")).click()
    expect(visit.sees("#range-status")).to_contain_text("Where zebra occurs")
    visit.page.wait_for_timeout(100)
    assert visit.page.locator("canvas").screenshot() != before
    visit.look("animals")


def test_the_switch_leaves_the_place_out(visit):
    """The switch for captive animals sends the photo again without the place."""
    visit.upload("sheep-without-gps.jpg")
    visit.sees("#place.needed")
    visit.page.get_by_role("switch").check()
    expect(visit.sees("#geo")).to_contain_text("The location was ignored")
    visit.look("zoo")


def test_a_place_without_data_is_reported(visit):
    """At a place without data, the page says that it has no data on it."""
    visit.place(OCEAN.latitude, OCEAN.longitude)
    visit.upload("jaguar.jpg")
    expect(visit.sees("#geo")).to_contain_text("We have no data on this place")
    visit.look("no-data")


def test_a_photo_without_an_animal_gets_words(visit):
    """For a photo without an animal, the page says that there is none or that it is not sure."""
    visit.upload("trees-without-animal.jpg")
    expect(visit.sees("#results")).to_contain_text(re.compile("No animal|Not sure|not sure"))


def test_a_second_look_is_marked_on_the_photo(visit, tmp_path):
    """The page draws a box around the part that the answer is of; the next photo has none."""
    (tmp_path / "distant.jpg").write_bytes(distant("polar-bear.jpg"))
    visit.upload(tmp_path / "distant.jpg")
    visit.sees("#place.needed")
    visit.page.get_by_role("switch").check()
    box, photo = visit.sees("#crop").bounding_box(), visit.sees("#preview").bounding_box()
    expect(visit.sees("#closer")).to_contain_text("We looked closer")
    assert (box["x"], box["y"]) == pytest.approx((photo["x"], photo["y"]), abs=1)
    assert box["width"] / photo["width"] == pytest.approx(0.45, abs=0.02)
    assert box["height"] / photo["height"] == pytest.approx(0.6, abs=0.02)
    visit.look("closer")
    visit.upload("giant-panda.jpg")
    visit.answer("Giant panda")
    expect(visit.page.locator("#crop")).to_be_hidden()
    expect(visit.page.locator("#closer")).to_have_count(0)


def test_a_photo_that_the_browser_cannot_show_is_identified(visit):
    """A HEIC photo has no preview in this browser, but an answer."""
    visit.upload("koala.heic")
    expect(visit.sees("#no-preview")).to_contain_text("cannot show this photo")
    visit.answer("Koala")


def test_the_history_lasts_in_the_tab_until_it_is_cleared(visit):
    """Earlier answers can be opened again, also after a reload, until the visitor clears them."""
    for file, name in (("jaguar.jpg", "Jaguar"), ("koala.jpg", "Koala")):
        visit.upload(file)
        visit.answer(name)
    expect(visit.page.locator("#history-list > li")).to_have_text(["Koala", "Jaguar"])
    visit.page.reload()
    visit.page.locator("#history-list").get_by_role("button", name="Jaguar").click()
    visit.answer("Jaguar")
    visit.look("history")
    visit.press("Clear")
    expect(visit.page.locator("#history")).to_be_hidden()
    assert visit.page.evaluate("sessionStorage.length") == 0


def test_a_full_browser_storage_does_not_fail(browser, base):
    """If the browser's storage is full, the visitor gets an answer and no history."""
    full = "Storage.prototype.setItem = () => { throw new DOMException('', 'QuotaExceededError'); }"
    with Visit.begin(browser, base, setup=lambda page: page.add_init_script(full)) as visit:
        visit.upload("koala.jpg")
        visit.answer("Koala")
        expect(visit.page.locator("#history")).to_be_hidden()


def test_the_page_speaks_the_visitors_language(browser, base):
    """A German browser gets German texts and names, and all languages have the same texts."""
    with Visit.begin(browser, base, locale="de-AT") as visit:
        expect(visit.page.get_by_role("heading", level=1)).to_have_text("Welches Tier ist das?")
        assert visit.page.evaluate("document.documentElement.lang") == "de"
        visit.upload("jaguar.jpg")
        expect(visit.sees("#geo")).to_contain_text("Die Antwort berücksichtigt")
        assert "lang=de-AT" in visit.asked("/v1/species")[0].url
        visit.look("german")
        visit.page.get_by_label("Sprache").select_option("English")
        expect(visit.page.get_by_role("heading", level=1)).to_have_text("Which animal is this?")
        script = visit.page.locator("script").get_attribute("src") or ""
        keys = visit.page.evaluate(
            """async (address) => {
              const { STRINGS } = await import(new URL(address, location).href);
              return Object.values(STRINGS).map((texts) => Object.keys(texts));
            }""",
            script.replace("main.js", "strings.js"),
        )
        assert len(keys) > 1
        assert all(texts == keys[0] for texts in keys)


def test_animals_are_named_in_languages_that_the_page_does_not_speak(browser, base):
    """A Chinese browser gets an English page with Chinese names, which are marked as such."""
    with Visit.begin(browser, base, locale="zh-CN") as visit:
        expect(visit.page.get_by_role("heading", level=1)).to_have_text("Which animal is this?")
        visit.upload("giant-panda.jpg")
        name = visit.sees("#results .candidate >> nth=0").locator("b")
        expect(name).to_have_text(re.compile("[\u4e00-\u9fff]"))
        expect(name).to_have_attribute("lang", re.compile("^zh"))


def test_the_colour_scheme_follows_the_system_until_the_visitor_chooses(browser, base):
    """The page starts in the system's scheme and keeps the visitor's choice after a reload."""
    brightness = """
      getComputedStyle(document.body).backgroundColor.match(/\\d+/g).slice(0, 3).map(Number)
    """
    with Visit.begin(browser, base, color_scheme="dark") as visit:
        assert max(visit.page.evaluate(brightness)) < 60
        visit.press("Light")
        assert min(visit.page.evaluate(brightness)) > 200
        visit.page.reload()
        assert min(visit.page.evaluate(brightness)) > 200


def test_reduced_motion_stops_the_animation(browser, base):
    """With reduced motion the map jumps to its target; otherwise it moves there."""
    moving = "document.querySelector('canvas').toDataURL()"
    for wish, is_still in (("reduce", True), ("no-preference", False)):
        with Visit.begin(browser, base, reduced_motion=wish) as visit:
            visit.page.wait_for_timeout(300)
            visit.press("Zoom in")
            pictures = []
            for _ in range(4):
                visit.page.evaluate("new Promise(requestAnimationFrame)")
                pictures.append(visit.page.evaluate(moving))
            assert (len(set(pictures[1:])) == 1) is is_still


def test_the_page_works_under_a_prefix(browser, base):
    """Under a prefix, as of an API Gateway stage, the page identifies a photo and draws a range."""
    with under_prefix(base, "/api") as url, Visit.begin(browser, url, path="/api/") as visit:
        visit.upload("jaguar.jpg")
        visit.answer("Jaguar")
        expect(visit.sees("#range-status")).to_contain_text("Where jaguar occurs")


def test_stale_data_is_reported(visit):
    """If the features are stale, the page says that they may be out of date."""
    visit.upload("jaguar.jpg")
    visit.answer("Jaguar")
    visit.sees("#history")
    answer = visit.page.evaluate("JSON.parse(sessionStorage.rangefinder)[0].answer")
    answer["geo"]["source"] = "stale"
    visit.page.route("**/v1/predictions", lambda route: route.fulfill(json=answer))
    visit.upload("jaguar.jpg")
    expect(visit.sees("#stale")).to_contain_text("may be out of date")


def test_a_named_animal_has_a_link_to_inaturalist(visit):
    """It goes to the animal's page there; nothing is asked of that host before a click."""
    visit.upload("jaguar.jpg")
    visit.answer("Jaguar")
    link = visit.sees("#inaturalist")
    expect(link).to_have_attribute("href", "https://www.inaturalist.org/taxa/41970")
    expect(link).to_have_attribute("rel", "noreferrer")
    expect(visit.page.locator("#uncalibrated")).to_have_count(0)


def test_the_page_says_who_looked_and_that_scores_are_not_calibrated(visit):
    """A visitor must not take such a score for a probability."""
    visit.upload("jaguar.jpg")
    visit.answer("Jaguar")
    visit.sees("#history")
    answer = visit.page.evaluate("JSON.parse(sessionStorage.rangefinder)[0].answer")
    answer["model"] |= {"calibrated": False, "specialists": [{"name": "cats", "version": "1.0"}]}
    visit.page.route("**/v1/predictions", lambda route: route.fulfill(json=answer))
    visit.upload("jaguar.jpg")
    expect(visit.sees("#uncalibrated")).to_contain_text("may be too sure")
    visit.page.get_by_text("Details", exact=True).click()
    expect(visit.sees("#results dl")).to_contain_text("efficientnet-lite2 1.0.0, cats 1.0")
    visit.look("uncalibrated")
