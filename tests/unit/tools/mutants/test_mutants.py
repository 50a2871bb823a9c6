"""Which changes are made, which are drawn, and how the list and the report name them."""

import ast
from collections import Counter

import pytest

from tools import ROOT
from tools.mutants.__main__ import all_mutants, sample
from tools.mutants.changes import changes
from tools.mutants.equivalents import EquivalentsError, check_equivalents, read_equivalents
from tools.mutants.mutant import mutants_of
from tools.mutants.report import Tally, markdown, survivors
from tools.mutants.targets import TARGETS, chosen
from tools.mutants.worker import result


def changed(source: str) -> set[str]:
    return {change.apply(source.encode()).decode() for change in changes(source.encode())}


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("a < b", {"a <= b", "a >= b"}),
        ("a is not None", {"a is None"}),
        ("é == a not in b", {"é != a not in b", "é == a in b"}),
        ("a and b or c", {"a or b or c", "a and b and c"}),
        ("(a) + (b)", {"(a) - (b)"}),
        ("a -= b", {"a += b"}),
        ("not a", {"(a)"}),
        ("LIMIT = 20", {"LIMIT = (20 + 1)"}),
        ("LIMIT: Final[int] = True", {"LIMIT: Final[int] = False"}),
        ("a = b'x'", {"a = b\"XX\" b'x'"}),
        ("f(a, b=c, d=e)", {"pass", "f(a, d=e)", "f(a, b=c)"}),
        ("a = f(b=c)", {"a = f()"}),
        ("a = {B.c, B.d}", {"a = {B.d}", "a = {B.c,}"}),
        ("a = B.c, B.d", {"a = B.d", "a = B.c,"}),
        ("a, b = b, a", set()),
        ("a = [b for b in c if b]", {"a = [b for b in c if True]"}),
        ("a = b if c else d", {"a = b if not (c) else d"}),
        (
            "def f():\n  '''Text.'''\n  if a:\n    raise B('text')\n  return c",
            {
                "def f():\n  '''Text.'''\n  if False:\n    raise B('text')\n  return c",
                "def f():\n  '''Text.'''\n  if not (a):\n    raise B('text')\n  return c",
                "def f():\n  '''Text.'''\n  if a:\n    pass\n  return c",
                "def f():\n  '''Text.'''\n  if a:\n    raise B('text')\n  return None",
            },
        ),
        ("logger = logging.getLogger('name')", set()),
        ("a = f'{b + 1}'", set()),
    ],
)
def test_each_kind_of_change_is_made(source, expected):
    """Of operators, conditions, values, arguments, statements; not of texts for people."""
    assert changed(source) == expected


def test_every_module_of_the_list_exists_and_has_mutants_that_are_python():
    """A module that moves takes its line with it."""
    for path, mutants in all_mutants().items():
        source = (ROOT / path).read_bytes()
        assert mutants, path
        ast.parse(mutants[0].change.apply(source))
        ast.parse(mutants[-1].change.apply(source))


def test_every_test_of_the_list_exists():
    """None stands twice, or below another, where it would run twice."""
    for path, tests in TARGETS.items():
        assert tests, path
        assert len(set(tests)) == len(tests), path
        for test in tests:
            assert (ROOT / test).exists(), test
            assert not any(test.startswith(f"{other}/") for other in tests), test


def test_every_equivalent_mutant_is_one_of_today():
    """An entry whose code has changed is looked at again."""
    mutants = (mutant for some in all_mutants().values() for mutant in some)
    check_equivalents(read_equivalents(), mutants)


@pytest.fixture(name="root")
def make_root(tmp_path):
    (tmp_path / "a.py").write_text("LOW = 1\n\n\ndef f(x):\n    return x > LOW\n")
    return tmp_path


def entry(**fields: str) -> str:
    lines = [f'{name} = "{value}"\n' for name, value in fields.items()]
    return f"[[mutant]]\n{''.join(lines)}"


ENTRY = {"module": "a.py", "function": "f", "was": "return x > LOW", "becomes": "return x >= LOW"}


def test_an_entry_of_the_list_names_its_mutant_without_its_line(root):
    """It is stale as soon as the line, the change or the function is another."""
    mutants = mutants_of(root, "a.py")
    path = root / "list.toml"
    path.write_text(entry(**ENTRY, reason="LOW is never asked for."))
    check_equivalents(read_equivalents(path), mutants)
    for field in ENTRY:
        path.write_text(entry(**{**ENTRY, field: "other"}, reason="It was."))
        with pytest.raises(EquivalentsError, match="no mutant is any more"):
            check_equivalents(read_equivalents(path), mutants)


@pytest.mark.parametrize(
    "text",
    [entry(**ENTRY), entry(**ENTRY, reason=" "), 2 * entry(**ENTRY, reason="It stands twice.")],
)
def test_an_entry_without_a_reason_or_a_second_one_is_refused(tmp_path, text):
    """The reason is what a reviewer reads."""
    path = tmp_path / "list.toml"
    path.write_text(text)
    with pytest.raises(EquivalentsError, match=r"list\.toml"):
        read_equivalents(path)


def test_a_sample_is_drawn_by_seed_and_from_every_module(root):
    """The same seed gives the same mutants, in the same order."""
    many = mutants_of(root, "a.py")
    mutants = {"long": many * 100, "short": many[:2]}
    drawn = sample(mutants, 40, 1)
    assert drawn == sample(mutants, 40, 1)
    assert drawn != sample(mutants, 40, 2)
    assert len(drawn) == 40 + 2
    assert len(sample(mutants, 10_000, 1)) == len(many) * 100 + 2


def test_modules_are_chosen_by_words():
    """A word that is in no path is an error, not a run of nothing."""
    assert chosen([]) == TARGETS
    assert list(chosen(["circuit_breaker"])) == ["chalicelib/runtime/circuit_breaker.py"]
    with pytest.raises(ValueError, match="'nowhere'"):
        chosen(["answer", "nowhere"])


def test_the_table_counts_by_module_and_survivors_have_their_line(root):
    """Time that runs out is noticed; an equivalent mutant is not asked for."""
    tally = Tally()
    *first, last = mutants_of(root, "a.py")
    outcomes = Counter({"killed": 5, "timed out": 2, "survived": 1, "equivalent": 4})
    for outcome in outcomes.elements():
        tally.add(last if outcome == "survived" else first[0], outcome)
    assert markdown(tally).splitlines()[2:] == [
        "| `a.py` | 12 | 5 | 2 | 1 | 4 | 87.5% |",
        "| all | 12 | 5 | 2 | 1 | 4 | 87.5% |",
    ]
    assert survivors(tally.survivors) == f"a.py:5 f\n  - {last.was}\n  + {last.becomes}"


@pytest.mark.parametrize(
    ("code", "outcome"),
    [(0, "survived"), (1, "killed"), (2, "killed"), (-11, "killed"), (None, "timed out"),
     (4, "error"), (5, "error")],
)  # fmt: skip
def test_a_run_that_has_no_tests_says_nothing_of_the_mutant(code, outcome):
    """A failure kills; so does a module that cannot be imported, or a crash."""
    assert result(code) == outcome
