import os
from dataclasses import fields

import pytest

from chalicelib.errors import InvalidSettings
from chalicelib.settings import Settings, available_cpus, is_chalice_cli


def test_nothing_set_gives_the_defaults():
    """They serve the demonstration and the cheapest deployment."""
    settings = Settings.from_environment({"PATH": "/bin"})
    assert settings == Settings()
    assert settings.geo is True
    assert settings.maximum_photo_bytes == 4_700_000


def test_what_is_set_is_taken():
    """Each field has a variable of its name."""
    settings = Settings.from_environment(
        {"RANGEFINDER_GEO": "off", "RANGEFINDER_GEO_WEIGHT_FLOOR": "0.2"}
    )
    assert settings.geo is False
    assert settings.geo_weight_floor == 0.2


def test_all_faults_are_told_at_once():
    """So that an operator mends them in one go; a mistyped name is one of them."""
    with pytest.raises(InvalidSettings) as caught:
        Settings.from_environment(
            {
                "RANGEFINDER_GEO": "yes",
                "RANGEFINDER_GEO_WEIGHT_FLOOR": "2",
                "RANGEFINDER_MODEL_DIRECTORY": "/nowhere",
                "RANGEFINDER_MAXIMUM_PHOTO_BYTES": "4.7 MB",
                "RANGEFINDER_GOE": "off",
            }
        )
    assert len(caught.value.faults) == 5
    for name in ("GEO=", "GEO_WEIGHT_FLOOR", "MODEL_DIRECTORY", "MAXIMUM_PHOTO_BYTES", "GOE"):
        assert f"RANGEFINDER_{name}" in str(caught.value)


def test_not_a_number_is_no_number():
    """NaN is neither above nor below any limit."""
    with pytest.raises(InvalidSettings):
        Settings.from_environment({"RANGEFINDER_GEO_WEIGHT_FLOOR": "nan"})


def test_the_chalice_command_is_told_from_lambda():
    """Only under the command is the development server improved."""
    assert is_chalice_cli({"AWS_CHALICE_CLI_MODE": "true"})
    assert not is_chalice_cli({})


LIMITS = [one.name for one in fields(Settings) if one.name.startswith(("maximum_", "minimum_"))]


@pytest.mark.parametrize("name", LIMITS)
@pytest.mark.parametrize("text", ["-1", "1e99", "99999999999", "nan", "none"])
def test_every_limit_of_input_has_limits_itself(name, text):
    """None can be switched off by a number that is out of reason."""
    with pytest.raises(InvalidSettings, match=name.upper()):
        Settings.from_environment({f"RANGEFINDER_{name.upper()}": text})


@pytest.mark.parametrize(("megabytes", "expected"), [(512, 1), (1769, 1), (3538, 2), (10240, 5)])
def test_lambda_gives_processors_by_memory(megabytes, expected):
    """Whatever number of cores it shows."""
    assert available_cpus({"AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(megabytes)}) == expected


def test_elsewhere_all_cores_count():
    """As on a laptop, where nobody counts the time."""
    assert available_cpus({}) == os.cpu_count()
