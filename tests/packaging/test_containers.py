"""The Dockerfiles: linted, and followed where no program can build images.

Following proves that the files they copy and the requirements they install are enough, and that
what they start needs no right to write. It does not prove the base images, which it replaces by
this machine's Python and nginx.
"""

import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.request import Request, urlopen

import pytest
import yaml

from chalicelib.settings import Settings
from tests import dockerfile
from tests.samples import SAMPLES
from tests.templates import load, resources
from tools import ROOT
from tools.show.serving import free_port

SERVICE = ROOT / "Dockerfile"
WEBSITE = ROOT / "infra" / "website" / "Dockerfile"
OPERATIONS = ROOT / "infra" / "operations" / "Dockerfile"
DEADLINE_SECONDS = 60.0


@pytest.fixture
def directory(tmp_path) -> Iterator[Path]:
    """An empty directory whose files may be write-protected."""
    yield tmp_path
    subprocess.run(["chmod", "-R", "u+w", tmp_path], check=True)


def healthy(image: dockerfile.Image, check: list[str], **more: str) -> bool:
    """Wait until the health check of an image succeeds."""
    deadline = time.monotonic() + DEADLINE_SECONDS
    while time.monotonic() < deadline:
        if image.run(check, check=False, **more) == 0:
            return True
        time.sleep(0.1)
    return False


def on_port(words: list[str], port: int) -> list[str]:
    """Put a free port in the place of the container's."""
    return [word.replace("8000", str(port)) for word in words]


@pytest.mark.parametrize("path", [SERVICE, WEBSITE, OPERATIONS], ids=lambda path: path.parent.name)
def test_hadolint_finds_nothing(path):
    """No warning; a comment says why a rule does not hold."""
    program = shutil.which("hadolint", path=f"{Path(sys.executable).parent}:{os.environ['PATH']}")
    assert program, "hadolint is among the requirements of development"
    done = subprocess.run(
        [program, "--no-color", "--failure-threshold", "warning", path],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("path", [SERVICE, WEBSITE])
def test_an_image_is_neither_root_nor_unversioned(path):
    """The user is a number, so that a cluster can see that it is not root."""
    instructions = dockerfile.read(path)
    assert re.fullmatch(r"[1-9]\d*:[1-9]\d*", dockerfile.value(instructions, "USER"))
    base = dockerfile.value(instructions, "FROM")
    assert re.fullmatch(r"public\.ecr\.aws/docker/library/\w+:[\w.-]*trixie[\w-]*", base)


def test_the_service_runs_from_what_its_dockerfile_copies(directory):
    """Installed by hash into a fresh environment, it identifies a photo and can write nothing."""
    subprocess.run(
        [sys.executable, "-m", "venv", directory / "base"], check=True
    )  # which stands for the Python of the base image
    image = dockerfile.Image(
        directory / "root", SERVICE, ROOT / ".dockerignore", f"{directory}/base/bin:/usr/bin:/bin"
    )
    image.build()
    image.environment["TMPDIR"] = image.environment["HOME"]
    port = free_port()
    served = image.start(on_port(dockerfile.command(image.instructions, "CMD"), port))
    try:
        assert healthy(image, on_port(dockerfile.command(image.instructions, "HEALTHCHECK"), port))
        photo = Request(
            f"http://127.0.0.1:{port}/v1/predictions", SAMPLES["jaguar.jpg"].content,
            {"Content-Type": "image/jpeg"},
        )  # fmt: skip
        with urlopen(photo) as response:
            answer = json.load(response)
        assert answer["predictions"][0]["taxon"]["vernacularName"] == "jaguar"
        with urlopen(f"http://127.0.0.1:{port}/") as response:
            assert b"<title>Rangefinder" in response.read()
    finally:
        served.terminate()
        served.wait()
    check = on_port(dockerfile.command(image.instructions, "HEALTHCHECK"), port)
    assert image.run(check, check=False) != 0


def test_the_website_runs_from_what_its_dockerfile_copies(directory):
    """With this machine's nginx, it serves the page and writes to its volume alone."""
    image = dockerfile.Image(
        directory / "root", WEBSITE, WEBSITE.with_name("Dockerfile.dockerignore"),
        "/usr/sbin:/usr/bin:/bin",
    )  # fmt: skip
    image.build(with_run=False)
    volume = directory / "volume"
    settings = {
        "API_URL": "https://api.invalid/api", "LISTEN": f"127.0.0.1:{free_port()}",
        "STATE": str(volume), "NAMESERVERS": "127.0.0.1",
    }  # fmt: skip
    user = ["-g", "user root;"] if os.getuid() == 0 else []
    served = image.start([*dockerfile.command(image.instructions, "CMD"), *user], **settings)
    try:
        check = dockerfile.command(image.instructions, "HEALTHCHECK")
        assert healthy(image, check, **settings)
        with urlopen(f"http://{settings['LISTEN']}/") as response:
            assert b"<title>Rangefinder" in response.read()
    finally:
        served.terminate()
        served.wait()
    assert image.run(check, check=False, **settings) != 0
    assert shutil.which("nginx", path=image.path)


def test_a_file_that_is_ignored_cannot_be_copied(tmp_path):
    """As Docker would say, so that a COPY that .dockerignore forbids fails here, too."""
    patterns = ["*", "!chalicelib", "!tools/show", "**/__pycache__"]
    names = ["chalicelib/a.py", "tools/show/demo.py", "tools/x.py", "app.py",
             "chalicelib/http/__pycache__/a.pyc", "x/chalicelib"]  # fmt: skip
    assert [name for name in names if not dockerfile.is_ignored(name, patterns)] == names[:2]


def test_the_template_starts_the_image_as_it_was_built():
    """The same user, directory, health check and settings; nothing that the image does not read."""
    instructions = dockerfile.read(WEBSITE)
    (task,) = resources("website.yaml", "AWS::ECS::TaskDefinition").values()
    (container,) = task["ContainerDefinitions"]
    assert container["ReadonlyRootFilesystem"] is True
    assert container["User"] == dockerfile.value(instructions, "USER")
    (mount,) = container["MountPoints"]
    assert mount["ContainerPath"] == dockerfile.value(instructions, "VOLUME")
    assert task["Volumes"] == [{"Name": mount["SourceVolume"]}]
    assert container["HealthCheck"]["Command"] == [
        "CMD", *dockerfile.command(instructions, "HEALTHCHECK"),
    ]  # fmt: skip
    named = {variable["Name"] for variable in container["Environment"]}
    (secret,) = container["Secrets"]["Fn::If"][1]
    start = WEBSITE.with_name("start").read_text(encoding="utf-8")
    documented = set(re.findall(r"^#   ([A-Z_]+)  ", start, re.MULTILINE))
    assert named | {secret["Name"]} == documented - {"AUTHORITIES", "NAMESERVERS", "STATE"}
    parameters = load("website.yaml")["Parameters"]
    assert str(parameters["Port"]["Default"]) == dockerfile.value(instructions, "EXPOSE")
    maximum = parameters["MaximumPhotoBytes"]["Default"]
    assert maximum == Settings.from_environment({}).maximum_photo_bytes


def test_compose_builds_both_images_and_shows_them_to_this_machine_only():
    """It leaves them out of `docker compose up`, which is for the tests."""
    services = yaml.safe_load((ROOT / "compose.yaml").read_text(encoding="utf-8"))["services"]
    built = {name: service for name, service in services.items() if "build" in service}
    files = {
        (ROOT / service["build"].get("dockerfile", "Dockerfile")).resolve()
        for service in built.values()
    }
    assert files == {SERVICE, WEBSITE}
    for service in services.values():
        assert all(port.startswith("127.0.0.1:") for port in service["ports"])
    for service in built.values():
        assert service["read_only"] is True
        assert service["profiles"] == ["service"]
        assert service["cap_drop"] == ["ALL"]
