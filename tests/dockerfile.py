"""Follow a Dockerfile in a directory, where no program can build images.

COPY takes only what .dockerignore leaves; RUN runs the same command line; whatever it starts at the
end may write nowhere but in given directories. What a base image brings is the caller's to provide.
"""

import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from tools import ROOT

WITHOUT_PRIVILEGES = ("setpriv", "--bounding-set=-all", "--inh-caps=-all", "--no-new-privs")
"""Before a command of root: root may then do no more than the owner of a file."""


class Instruction(NamedTuple):
    """A line of a Dockerfile, with its continuations."""

    name: str
    argument: str


def read(path: Path) -> list[Instruction]:
    """Return the instructions of a Dockerfile."""
    lines = [line for line in path.read_text(encoding="utf-8").splitlines() if line[:1] != "#"]
    text = re.sub(r"\\\n\s*", " ", "\n".join(lines))
    return [
        Instruction(*re.split(r"\s+", line, maxsplit=1))
        for line in text.splitlines()
        if line.strip()
    ]


def value(instructions: Iterable[Instruction], name: str) -> str:
    """Return the argument of an instruction that occurs once."""
    (argument,) = (one.argument for one in instructions if one.name == name)
    return argument


def command(instructions: Iterable[Instruction], name: str) -> list[str]:
    """Return the words of CMD, or of HEALTHCHECK behind its options."""
    argument = value(instructions, name)
    words: list[str] = json.loads(argument[argument.index("[") :])
    return words


def is_ignored(path: str, patterns: Iterable[str]) -> bool:
    """Return whether a .dockerignore leaves a file out. The last pattern that matches decides."""
    ignored = False
    for pattern in patterns:
        if _matches(path, pattern.removeprefix("!")):
            ignored = not pattern.startswith("!")
    return ignored


def _matches(path: str, pattern: str) -> bool:
    """Return whether a pattern matches a file or a directory above it."""
    parts, wanted = PurePosixPath(path).parts, PurePosixPath(pattern).parts
    starts = range(len(parts)) if wanted[0] == "**" else [0]
    wanted = wanted[1:] if wanted[0] == "**" else wanted
    return any(
        len(parts) >= start + len(wanted)
        and all(map(fnmatchcase, parts[start : start + len(wanted)], wanted))
        for start in starts
    )


@dataclass
class Image:
    """A directory that stands for the root of an image."""

    root: Path
    dockerfile: Path
    ignore_file: Path
    path: str
    instructions: list[Instruction] = field(init=False)
    environment: dict[str, str] = field(default_factory=dict)
    workdir: str = "/"

    def __post_init__(self) -> None:
        self.instructions = read(self.dockerfile)
        lines = self.ignore_file.read_text(encoding="utf-8").splitlines()
        self.ignored = [line for line in lines if line and not line.startswith("#")]

    def inside(self, path: str) -> Path:
        """Return where an absolute path of the image is here."""
        return self.root / path.lstrip("/")

    def build(self, *, with_run: bool = True) -> None:
        """Follow ENV, WORKDIR, COPY and RUN; then take the right to write from everything."""
        for name, argument in self.instructions:
            if name == "ENV":
                for setting in argument.split():
                    key, _, text = setting.partition("=")
                    self.environment[key] = str(self.inside(text)) if text[:1] == "/" else text
            elif name == "WORKDIR":
                self.workdir = argument
                self.inside(argument).mkdir(parents=True)
            elif name == "COPY":
                *sources, target = argument.split()
                self._copy(sources, self.inside(f"{self.workdir}/{target}"), target)
            elif name == "RUN" and with_run:
                self.run(["sh", "-c", argument], check=True)
        for directory, _, names in os.walk(self.root):
            for item in (directory, *(os.path.join(directory, name) for name in names)):  # noqa: PTH118
                if not os.path.islink(item):  # noqa: PTH114
                    os.chmod(item, os.stat(item).st_mode & ~0o222)  # noqa: PTH101, PTH116

    def _copy(self, sources: list[str], target: Path, written: str) -> None:
        is_directory = len(sources) > 1 or written.endswith("/") or written == "."
        for source in sources:
            copied = list(self._files(source))
            assert copied, f"COPY {source}: there is no such file, or .dockerignore leaves it out"
            for file in copied:
                relative = file.relative_to(ROOT / source)
                place = target / relative if (ROOT / source).is_dir() else target
                place = target / file.name if place == target and is_directory else place
                place.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(file, place)

    def _files(self, source: str) -> Iterator[Path]:
        whole = ROOT / source
        for file in sorted(whole.rglob("*")) if whole.is_dir() else [whole]:
            name = file.relative_to(ROOT).as_posix()
            if file.is_file() and not is_ignored(name, self.ignored):
                yield file

    def start(self, words: list[str], **more: str) -> subprocess.Popen[bytes]:
        """Start a command without privileges, in the working directory."""
        prefix = WITHOUT_PRIVILEGES if os.getuid() == 0 else ()
        return subprocess.Popen(
            [*prefix, *words], cwd=self.inside(self.workdir), env=self._variables(more),
        )  # fmt: skip

    def run(self, words: list[str], *, check: bool, **more: str) -> int:
        """Run a command in the working directory, and return its status."""
        return subprocess.run(
            words, cwd=self.inside(self.workdir), env=self._variables(more), check=check,
        ).returncode  # fmt: skip

    def _variables(self, more: dict[str, str]) -> dict[str, str]:
        usual = {
            name: text for name, text in os.environ.items()
            if name.startswith("PIP_") or name in ("HOME", "SSL_CERT_FILE", "REQUESTS_CA_BUNDLE")
        }  # fmt: skip
        return {"PATH": self.path, **usual, **self.environment, **more}
