"""Which mutants are made of a module, and what is counted of them."""

from pathlib import Path, PurePosixPath

import pytest

from tests.tools.mutants import Trial, sample, scores
from tests.tools.mutations import NAMED, Mutable, Mutant, Mutation
from tests.tools.rules import TABLE, read_rules
from tests.tools.stale_docs import REPOSITORY

MODULE = PurePosixPath("module.py")


def mutants_of(folder: Path) -> list[Mutant]:
    """Return every mutant of the module in a folder."""
    module = Mutable(folder, MODULE)
    return [module.mutant(place) for place in range(len(module.places))]


@pytest.mark.parametrize(
    ("code", "changes"),
    [
        ("a < b", ["a < b → a <= b"]),
        ("a >= b", ["a >= b → a > b"]),
        ("a <= b < c", ["a <= b < c → a < b < c", "a <= b < c → a <= b <= c"]),
        ("a == b", ["a == b → a != b"]),
        ("a in b", ["a in b → a not in b"]),
        ("a is not b", ["a is not b → a is b"]),
        ("a and b", ["a and b → a or b"]),
        ("not a", ["not a → not not a"]),
        ("a + b", ["a + b → a - b"]),
        ("a & b", ["a & b → a | b"]),
        ("a * b", []),
        ("14", ["14 → 15"]),
        ("True", ["True → False"]),
        ("'14'", []),
        ("min(a)", ["min(a) → max(a)"]),
        ("any(a)", ["any(a) → all(a)"]),
        ("len(a)", []),
        ("a if b else c", ["a if b else c → a if not b else c"]),
        ("[a for a in b if a]", [" for a in b if a →  for a in b"]),
        ("def f():\n    return a", ["return a → return None"]),
        ("def f(a: int = 1) -> 'b < c': ...", ["1 → 2"]),
        ("@dataclass(slots=True)\nclass A:\n    a: b & c = field(repr=False)", []),
    ],
)
def test_what_is_changed_of_a_piece_of_code(tmp_path: Path, code: str, changes: list[str]) -> None:
    """Comparisons, operators, conditions, numbers and answers; neither types nor declarations."""
    (tmp_path / MODULE).write_text(code, "utf-8")

    assert changes == [mutant.change for mutant in mutants_of(tmp_path)]


def test_a_mutant_is_the_module_with_one_change(tmp_path: Path) -> None:
    """Each has the rest as it was, and says in which line it differs."""
    (tmp_path / MODULE).write_text("a = 1\nb = 2  # two\n", "utf-8")

    mutants = [(mutant.line, mutant.text) for mutant in mutants_of(tmp_path)]
    assert [(1, "a = 2\nb = 2"), (2, "a = 1\nb = 3")] == mutants


@pytest.mark.parametrize("mutation", NAMED, ids=[f"{one.rule}, {one.mistake}" for one in NAMED])
def test_a_named_mistake_is_one_in_the_code_as_it_is(mutation: Mutation) -> None:
    """Its line is there once, the mutant can be compiled and differs; its rule is in the table."""
    mutant = mutation.mutant(REPOSITORY)

    compile(mutant.text, mutation.module.name, "exec")
    assert mutant.text != (REPOSITORY / mutation.module).read_text("utf-8")
    assert mutation.rule in {rule.id for rule in read_rules((REPOSITORY / TABLE).read_text("utf-8"))}


def test_at_least_ten_mistakes_are_named() -> None:
    """With nine rules or more, so that they are no variations of one."""
    assert len(NAMED) >= 10
    assert len({one.rule for one in NAMED}) >= 9


def test_a_mistake_whose_line_has_changed_is_to_be_mended(tmp_path: Path) -> None:
    """It is not tried with nothing changed, which every row would pass."""
    (tmp_path / MODULE).write_text("a < b", "utf-8")
    mutation = Mutation(rule="ruling 9", mistake="none", module=MODULE, right="a > b", wrong="a >= b")

    with pytest.raises(ValueError, match=r"module\.py no longer has once: 'a > b'"):
        mutation.mutant(tmp_path)


def test_a_sample_is_the_same_for_the_same_seed() -> None:
    """So that a figure can be had again; another seed draws another."""
    first = sample(5, seed=1)

    assert 5 == len(first)
    assert first == sample(5, seed=1) != sample(5, seed=2)


def trial(module: str, *, noticed: bool, broken: bool = False) -> Trial:
    """Return what came of a mutant of a module."""
    mutant = Mutant(module=PurePosixPath(module), line=1, change="", text="")
    return Trial(mutant=mutant, noticed_by=("tests/x.py::test_y",) * noticed, broken=broken)


def test_scores_are_counted_by_module_and_for_all() -> None:
    """What cannot be run is caught; what only unit tests notice is not caught by rows."""
    lives, noticed = trial("a.py", noticed=False), trial("a.py", noticed=True)
    broken = trial("b.py", noticed=False, broken=True)

    assert [
        ("a.py", "3", "1", "2", "67%"),
        ("b.py", "1", "1", "1", "100%"),
        ("all", "4", "2", "3", "75%"),
    ] == scores([(lives, lives), (lives, noticed), (noticed, noticed), (broken, broken)])
