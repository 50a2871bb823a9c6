import os
from dataclasses import fields

import pytest

from chalicelib.errors import InvalidSettings
from chalicelib.settings import Settings, available_cpus, is_chalice_cli


def test_an_empty_environment_gives_the_defaults():
    """Without any RANGEFINDER_ variable, every setting has its default."""
    settings = Settings.from_environment({"PATH": "/bin"})
    assert settings == Settings()
    assert settings.geo is True
    assert settings.maximum_photo_bytes == 4_700_000


def test_variables_override_the_defaults():
    """The variable that has a field's name sets that field."""
    settings = Settings.from_environment(
        {"RANGEFINDER_GEO": "off", "RANGEFINDER_GEO_WEIGHT_FLOOR": "0.2"}
    )
    assert settings.geo is False
    assert settings.geo_weight_floor == 0.2


def test_all_faults_are_reported_together():
    """One error lists every invalid variable, an unknown name included."""
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


def test_nan_is_refused():
    """NaN is refused, although it is neither above nor below a bound."""
    with pytest.raises(InvalidSettings):
        Settings.from_environment({"RANGEFINDER_GEO_WEIGHT_FLOOR": "nan"})


def test_the_chalice_command_is_recognised():
    """The chalice command is recognised by its environment variable."""
    assert is_chalice_cli({"AWS_CHALICE_CLI_MODE": "true"})
    assert not is_chalice_cli({})


LIMITS = [
    field.name for field in fields(Settings) if field.name.startswith(("maximum_", "minimum_"))
]


@pytest.mark.parametrize("name", LIMITS)
@pytest.mark.parametrize("text", ["-1", "1e99", "99999999999", "nan", "none"])
def test_every_input_limit_is_bounded(name, text):
    """A value out of bounds cannot switch an input limit off."""
    with pytest.raises(InvalidSettings, match=name.upper()):
        Settings.from_environment({f"RANGEFINDER_{name.upper()}": text})


@pytest.mark.parametrize(("megabytes", "expected"), [(512, 1), (1769, 1), (3538, 2), (10240, 5)])
def test_the_cpus_on_lambda_follow_from_the_memory(megabytes, expected):
    """On Lambda, the memory size determines the number of CPUs, not the visible cores."""
    assert available_cpus({"AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(megabytes)}) == expected


def test_outside_lambda_all_cores_are_available():
    """Outside Lambda, every core of the machine is available."""
    assert available_cpus({}) == os.cpu_count()


@pytest.mark.parametrize(
    ("url", "fault"),
    [
        ("http://:hunter2@cache", "must begin with redis:// or rediss://"),
        ("rediss://:hunter2@cache?ssl_cert_reqs=none", "must have no options"),
    ],
)
def test_the_address_of_a_cache_says_where_it_is_and_no_more(url, fault):
    """An option in the address could switch the check of the certificate off."""
    with pytest.raises(InvalidSettings, match=fault) as caught:
        Settings.from_environment({"RANGEFINDER_REDIS_URL": url})
    assert "hunter2" not in str(caught.value)
