"""All settings, read from the environment and checked once, at the start.

No other module reads the environment. Each field of ``Settings`` is a variable
``RANGEFINDER_<NAME>``. ``docs/settings.md`` lists them, and a test compares that
list with this class.
"""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Self

from chalicelib.errors import InvalidSettings
from chalicelib.features.mysql_url import MysqlConnection, mysql_connection
from chalicelib.runtime.setting_values import directories as _directories
from chalicelib.runtime.setting_values import existing as _existing
from chalicelib.runtime.setting_values import number as _number
from chalicelib.runtime.setting_values import redis_url as _redis_url
from chalicelib.runtime.setting_values import switch as _switch
from chalicelib.runtime.setting_values import text as _text

if TYPE_CHECKING:
    from chalicelib.runtime.aws_signature import AwsKeys

PREFIX: Final = "RANGEFINDER_"
DATA: Final = Path(__file__).with_name("data")
"""What ships beside the code."""
SHIPPED_MODEL: Final = DATA / "model"
"""The directory of the model that ships, with its features and names."""
MB_PER_VCPU: Final = 1_769


def _setting(
    parse: Callable[[str], Any], help_text: str, *, default: Any, is_secret: bool = False
) -> Any:
    # Neither an error text nor a printed Settings shows a secret.
    metadata = {"parse": parse, "help": help_text, "is_secret": is_secret}
    return field(default=default, metadata=metadata, repr=not is_secret)


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """The settings of an operator. The defaults fit ``make demo`` and the ``dev`` stage."""

    geo: bool = _setting(
        _switch,
        "Whether the service uses places; off answers every photo from the picture alone.",
        default=True,
    )
    geo_weight_floor: float = _setting(
        _number(float, 0.0, 1.0),
        "Smallest factor by which a place changes a score: 0 forbids animals out of range, 1 "
        "ignores the place.",
        default=0.1,
    )
    geo_weight_ceiling: float = _setting(
        _number(float, 1.1, 1_000.0),
        "Largest factor by which a place can raise a score (rare, localised animals).",
        default=10.0,
    )
    features_file: Path = _setting(
        _existing,
        "The embedded feature store, as `make features` builds it; by default that of the model's "
        "directory, where it has one.",
        default=SHIPPED_MODEL / "features.sqlite",
    )
    features_timeout_seconds: float = _setting(
        _number(float, 0.01, 30.0),
        "How long a prediction waits for the features of the place after the model has run.",
        default=1.0,
    )
    mysql_url: MysqlConnection | None = _setting(
        mysql_connection,
        "The database, as mysql://user:password@host:port/database; without it the embedded "
        "feature store serves.",
        default=None,
        is_secret=True,
    )
    mysql_secret: str = _setting(
        _text,
        "A secret of AWS Secrets Manager (name or ARN) with the database's username and "
        "password; it replaces those of the URL.",
        default="",
    )
    mysql_iam: bool = _setting(
        _switch,
        "Whether to log in to the database with an IAM token instead of a password.",
        default=False,
    )
    mysql_certificate_authorities: Path | None = _setting(
        _existing,
        "File of the certificates that sign the database's certificate; with it TLS is required.",
        default=None,
    )
    mysql_timeout_seconds: float = _setting(
        _number(float, 0.01, 30.0),
        "Timeout of the database: to connect, to write, to read.",
        default=1.0,
    )
    redis_url: str = _setting(
        _redis_url,
        "The shared cache, as redis://... or, with TLS, rediss://user:password@host:port.",
        default="",
        is_secret=True,
    )
    redis_cluster: bool = _setting(
        _switch,
        "Whether the cache speaks the cluster protocol, as ElastiCache Serverless does.",
        default=False,
    )
    redis_certificate_authorities: Path | None = _setting(
        _existing,
        "File of the certificates that sign the cache's certificate, if the system's do not.",
        default=None,
    )
    redis_timeout_seconds: float = _setting(
        _number(float, 0.001, 5.0),
        "Timeout of the cache to answer a call.",
        default=0.05,
    )
    redis_connect_timeout_seconds: float = _setting(
        _number(float, 0.001, 5.0),
        "Timeout of each step of a connection to the cache: to connect, TLS, to log in.",
        default=0.15,
    )
    cache_kept_seconds: float = _setting(
        _number(float, 1.0, 31_536_000.0),
        "How long the shared cache keeps a place that no client asks for.",
        default=604_800.0,
    )
    dataset_check_seconds: float = _setting(
        _number(float, 1.0, 31_536_000.0),
        "How often the service asks the database, behind a shared cache, for a new dataset. "
        "Commands that activate a dataset announce it through the cache; this finds the others.",
        default=86_400.0,
    )
    embedded_fallback: bool = _setting(
        _switch,
        "Whether the embedded file answers while the database is asleep or out of reach.",
        default=True,
    )
    memory_cache_entries: int = _setting(
        _number(int, 0, 1_000_000),
        "How many places' features stay in the memory of the process. 0 keeps none.",
        default=1_000,
    )
    deployment: str = _setting(
        _text,
        "The name under which metrics are reported; it separates the stages of one account.",
        default="rangefinder",
    )
    allowed_origin: str = _setting(
        _text,
        "The website whose scripts may call the service from a browser (CORS): an origin, or "
        "`*` for all.",
        default="*",
    )
    api_key_required: bool = _setting(
        _switch,
        "Whether API Gateway requires a key of a usage plan (`x-api-key`) for what costs: "
        "predictions, uploads, species and ranges.",
        default=False,
    )
    model_directory: Path = _setting(
        _existing,
        "Directory with model.json and the files that it names.",
        default=SHIPPED_MODEL,
    )
    specialists: tuple[Path, ...] = _setting(
        _directories,
        "Directories of models that each know a taxon better, separated by commas.",
        default=(),
    )
    specialists_at_start: bool = _setting(
        _switch,
        "Whether specialists are loaded at the start, or when a photo first needs one.",
        default=False,
    )
    classifier_threads: int = _setting(
        _number(int, 0, 64),
        "Threads of one prediction; 0 uses one for each available CPU.",
        default=0,
    )
    looks: int = _setting(
        _number(int, 1, 16),
        "Most looks of the model at one photo: it looks again, at other parts, while it is unsure "
        "whether it sees an animal of any class. 1 looks at the middle only.",
        default=6,
    )
    maximum_photo_bytes: int = _setting(
        _number(int, 1_000, 100_000_000),
        "Largest photo. API Gateway and Lambda pass about this much (6 MB as base64).",
        default=4_700_000,
    )
    uploads_bucket: str = _setting(
        _text,
        "The S3 bucket for photos that are too large to post; without it they are refused.",
        default="",
    )
    maximum_upload_bytes: int = _setting(
        _number(int, 1_000, 100_000_000),
        "Largest photo that is uploaded through the bucket.",
        default=25_000_000,
    )
    maximum_photo_pixels: int = _setting(
        _number(int, 1_000, 1_000_000_000),
        "Most pixels of a photo, checked before decoding; phones take up to 50 million.",
        default=64_000_000,
    )
    maximum_decoding_bytes: int = _setting(
        _number(int, 1_000_000, 2_000_000_000),
        "Most memory that decoding a photo may take, checked before it begins.",
        default=220_000_000,
    )
    maximum_hevc_pixels: int = _setting(
        _number(int, 1_000, 1_000_000_000),
        "Most pixels of a HEIC that are decoded: of a grid, the tiles that the model sees. A coded "
        "byte counts as a pixel. Of a larger photo the preview is used, where it has one. A "
        "million takes 40 to 75 ms of CPU time.",
        default=14_500_000,
    )
    maximum_jpeg_scans: int = _setting(
        _number(int, 10, 10_000),
        "Most scans of a progressive JPEG; each passes over the whole picture. Cameras and "
        "editors write about ten.",
        default=50,
    )
    maximum_photo_segments: int = _setting(
        _number(int, 100, 1_000_000),
        "Most segments before a JPEG's pixels, chunks of a PNG, and boxes of a HEIF file.",
        default=10_000,
    )
    minimum_jpeg_share: float = _setting(
        _number(float, 0.0, 1.0),
        "Share of the rows that the model needs that must be there if a JPEG ends early.",
        default=0.5,
    )
    maximum_exif_reads: int = _setting(
        _number(int, 2_000, 1_000_000),
        "Most reads of an EXIF block, which can be made to loop; real ones need under 2,000.",
        default=20_000,
    )
    maximum_form_parts: int = _setting(_number(int, 7, 1_000), "Most parts of a form.", default=16)
    maximum_part_header_bytes: int = _setting(
        _number(int, 256, 65_536), "Longest header of a part of a form.", default=4_096
    )
    maximum_field_bytes: int = _setting(
        _number(int, 64, 65_536), "Longest field of a form, other than the photo.", default=256
    )

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ) -> Self:
        """Read and check all settings. Raises ``InvalidSettings`` with every fault.

        An unknown ``RANGEFINDER_`` variable is a fault too, or a typing error would
        silently leave a default in place.
        """
        values: dict[str, Any] = {}
        faults: list[str] = []
        settings = {PREFIX + setting.name.upper(): setting for setting in fields(cls)}
        for name, text in sorted(environment.items()):
            if not name.startswith(PREFIX):
                continue
            if name not in settings:
                faults.append(f"{name}: there is no such setting")
                continue
            setting = settings[name]
            try:
                values[setting.name] = setting.metadata["parse"](text)
            except ValueError as error:
                value = "" if setting.metadata["is_secret"] else f"={text!r}"
                faults.append(f"{name}{value}: {error}")
        if faults:
            raise InvalidSettings(faults)
        return cls(**values)


def is_chalice_cli(environment: Mapping[str, str] = os.environ) -> bool:
    """Return whether the ``chalice`` command, rather than Lambda, has imported the app."""
    return "AWS_CHALICE_CLI_MODE" in environment


def aws_keys(environment: Mapping[str, str] = os.environ) -> "AwsKeys | None":
    """Return the keys that Lambda gives to a function; ``None`` where it gives none."""
    # A cold start without a database does without this module.
    from chalicelib.runtime.aws_signature import lambda_keys  # noqa: PLC0415

    return lambda_keys(environment)


def available_cpus(environment: Mapping[str, str] = os.environ) -> int:
    """Return how many threads can run at the same time.

    Lambda shows more cores than a function may use: it has the time of one vCPU for each 1,769 MB
    (https://docs.aws.amazon.com/lambda/latest/dg/configuration-memory.html). Surplus threads
    would spend that time while they wait for each other.
    """
    memory = environment.get("AWS_LAMBDA_FUNCTION_MEMORY_SIZE")
    return max(int(memory) // MB_PER_VCPU, 1) if memory else os.cpu_count() or 1
