"""docs/design.md follows one photo through the files; here the files say whether that is true."""

import re
import sys
from types import FrameType

import pytest
from msgspec.structs import replace

import app
from chalicelib.bootstrap import Services
from tests.fakes import InlineExecutor
from tests.forms import FORM_TYPE, form
from tests.gateway import call
from tests.samples import SAMPLES
from tools import ROOT

PAGE = (ROOT / "docs" / "design.md").read_text(encoding="utf-8")
WALK = PAGE.partition("## One photo")[2].partition("\n## ")[0]
PACKAGE = str(ROOT / "chalicelib") + "/"
FRESH = Services.build(app.settings)
"""Services of which no other test has asked for a place."""


@pytest.fixture(scope="module")
def files_met() -> list[str]:
    """The files of the package in the order in which a prediction first calls into them."""
    files: dict[str, None] = {}

    def note_file(frame: FrameType, event: str, _: object) -> None:
        code = frame.f_code
        is_function = event == "call" and not code.co_name.startswith("<")
        if is_function and code.co_filename.startswith(PACKAGE):
            files.setdefault(code.co_filename.removeprefix(PACKAGE))

    usual = app.services
    FRESH.prepare()
    # The lookup runs in this thread, so that the order is the same each time.
    app.services = replace(FRESH, identify=replace(FRESH.identify, executor=InlineExecutor()))
    previous = sys.getprofile()
    sys.setprofile(note_file)
    try:
        body = form(("photo", SAMPLES["giant-panda.jpg"].content))
        answer = call("POST", "/v1/predictions", body, {"Content-Type": FORM_TYPE})
    finally:
        sys.setprofile(previous)
        app.services = usual
    assert answer.status == 200
    return [file for file in files if not file.startswith("domain/")]


def test_the_page_names_each_file_that_a_photo_meets(files_met):
    """A reader who follows a photo finds every file of its way on the page."""
    assert {file for file in files_met if f"`{file}`" not in WALK} == set()


def test_the_page_names_the_files_in_the_order_in_which_a_photo_meets_them(files_met):
    """The text has the order of the code."""
    named = list(dict.fromkeys(re.findall(r"`([a-z_]+(?:/[a-z_]+)*\.py)`", WALK)))
    assert [file for file in named if file in files_met] == files_met


def test_every_file_on_the_page_exists():
    """A renamed file is renamed on the page, too."""
    for file in re.findall(r"`([a-z_]+(?:/[a-z_]+)*\.py)`", WALK):
        assert (ROOT / "chalicelib" / file).is_file() or (ROOT / file).is_file(), file
