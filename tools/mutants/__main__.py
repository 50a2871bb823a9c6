"""Change the code, and print each change that no test noticed: ``make mutants``."""

import argparse
import queue
import signal
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Final, TypeVar

from tools import ROOT
from tools.mutants.copy_of_tree import Worker, start_worker
from tools.mutants.equivalents import EquivalentsError, check_equivalents, read_equivalents
from tools.mutants.mutant import Mutant, mutants_of
from tools.mutants.report import Tally, markdown, survivors
from tools.mutants.targets import TARGETS, chosen

WORKERS: Final = 2
LEAST_OF_A_MODULE: Final = 3
BASELINE_SECONDS: Final = 600.0

Tests = tuple[str, ...]
Task = TypeVar("Task")


class TestsFail(Exception):
    """The tests do not pass on the code as it is, or do not run."""


def sample(mutants: dict[str, list[Mutant]], size: int, seed: int) -> list[Mutant]:
    """Draw about ``size`` mutants: of each module by its length, and a few of a short one."""
    random = Random(seed)
    total = sum(map(len, mutants.values()))
    drawn = []
    for _, of_module in sorted(mutants.items()):
        share = max(LEAST_OF_A_MODULE, round(size * len(of_module) / max(total, 1)))
        drawn += random.sample(of_module, min(share, len(of_module)))
    random.shuffle(drawn)
    return drawn


def time_limit(seconds: float) -> float:
    """Give a mutant three times as long as the code itself, on a machine that may be busy."""
    return 15 + 3 * seconds


def measure(workers: list[Worker], all_tests: set[str]) -> dict[str, float]:
    """Run each test path on the code as it is; return how many seconds each takes.

    Raises:
        TestsFail: they do not pass.
    """
    took: dict[str, float] = {}

    def run(worker: Worker, tests: str) -> None:
        answer = worker.run(tests, BASELINE_SECONDS)
        if answer["outcome"] != "survived":
            raise TestsFail(f"{tests} does not pass:\n{answer['output']}")
        took[tests] = answer["seconds"]

    in_turns(workers, sorted(all_tests), run)
    return took


def run_mutants(
    workers: list[Worker], mutants: list[Mutant], tests_of: dict[str, Tests], tally: Tally
) -> None:
    """Run the tests of each mutant, and count what became of it."""
    paths = {path for mutant in mutants for path in tests_of[mutant.path]}
    limits = {path: time_limit(took) for path, took in measure(workers, paths).items()}

    def run(worker: Worker, mutant: Mutant) -> None:
        source = (ROOT / mutant.path).read_bytes()
        text = mutant.change.apply(source).decode()
        tests = [(path, limits[path]) for path in tests_of[mutant.path]]
        answer = worker.run_mutant(mutant.path, text, tests)
        if answer["outcome"] == "error":
            raise TestsFail(f"pytest did not run for {mutant.key}:\n{answer['output']}")
        tally.add(mutant, answer["outcome"])
        if sys.stderr.isatty():
            done = sum(counts.total() for counts in tally.counts.values())
            print(f"\r{done} mutants, {len(tally.survivors)} survive", end="", file=sys.stderr)

    in_turns(workers, mutants, run)


def in_turns(workers: list[Worker], tasks: list[Task], run: Callable[[Worker, Task], None]) -> None:
    """Let each worker take the next task until none is left, or one has failed."""
    waiting: queue.SimpleQueue[Task] = queue.SimpleQueue()
    for task in tasks:
        waiting.put(task)
    failures: list[BaseException] = []

    def work(worker: Worker) -> None:
        try:
            while not failures:
                run(worker, waiting.get_nowait())
        except queue.Empty:
            return
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=work, args=(worker,), daemon=True) for worker in workers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise failures[0]


def all_mutants(root: Path = ROOT) -> dict[str, list[Mutant]]:
    """Return the mutants of each module of the list."""
    return {path: mutants_of(root, path) for path in TARGETS}


def main() -> int:
    """Run the command; return 2 if it cannot say anything."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # so that the copies are removed
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--sample", type=int, default=400, help="about how many mutants to run")
    parser.add_argument("--seed", type=int, default=0, help="which ones")
    parser.add_argument("--full", action="store_true", help="run all")
    parser.add_argument("--modules", nargs="*", default=[], help="parts of the modules' paths")
    arguments = parser.parse_args()
    try:
        targets = chosen(arguments.modules)
        found = all_mutants()
        reasons = read_equivalents()
        check_equivalents(reasons, (mutant for some in found.values() for mutant in some))
    except (ValueError, EquivalentsError) as error:
        print(error, file=sys.stderr)
        return 2
    mine = {path: found[path] for path in targets}
    if arguments.full:
        drawn = [mutant for some in mine.values() for mutant in some]
        Random(arguments.seed).shuffle(drawn)
    else:
        drawn = sample(mine, arguments.sample, arguments.seed)
    tally = Tally()
    for mutant in drawn:
        if mutant.key in reasons:
            tally.add(mutant, "equivalent")
    to_run = [mutant for mutant in drawn if mutant.key not in reasons]
    try:
        with start_worker() as first, start_worker() as second:
            run_mutants([first, second], to_run, targets, tally)
    except TestsFail as error:
        print(error, file=sys.stderr)
        return 2
    print(f"{len(drawn)} of {sum(map(len, mine.values()))} mutants, seed {arguments.seed}\n")
    print(markdown(tally))
    if tally.survivors:
        print(f"\nSurvivors:\n{survivors(tally.survivors)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
