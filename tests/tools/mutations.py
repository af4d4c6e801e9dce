"""
Wrong versions of the core's modules, of which the specifications must notice each.

`NAMED` are mistakes that somebody could make with a rule, each of one line. `Mutable` makes all that follow
from a few small operators: another comparison, `or` for `and`, a number one higher.
"""

import ast
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

_COMPARISONS: Mapping[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt, ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq, ast.In: ast.NotIn, ast.NotIn: ast.In, ast.Is: ast.IsNot, ast.IsNot: ast.Is,
}  # fmt: skip
_OPERATORS: Mapping[type[ast.AST], type[ast.AST]] = {
    ast.Add: ast.Sub, ast.Sub: ast.Add, ast.BitAnd: ast.BitOr, ast.BitOr: ast.BitAnd, ast.And: ast.Or,
    ast.Or: ast.And,
}  # fmt: skip
_NAMES = {"min": "max", "max": "min", "any": "all", "all": "any"}
_DECLARING = frozenset({"dataclass", "field"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Mutation:
    """
    One mistake with a rule: in a module of the program `wrong` stands where `right` stood once.

    `rule` is the one that its rows must notice, as `tests/spec/rules.toml` names it.
    """

    rule: str
    mistake: str
    module: PurePosixPath
    right: str
    wrong: str

    def mutant(self, repository: Path) -> "Mutant":
        """Return the module with the mistake. Raises `ValueError` where the line has changed since."""
        text = (repository / self.module).read_text("utf-8")
        if text.count(self.right) != 1:
            raise ValueError(f"{self.module} no longer has once: {self.right!r}; mend it in {__name__}")
        line = text[: text.index(self.right)].count("\n") + 1
        return Mutant(
            module=self.module, line=line, change=self.mistake, text=text.replace(self.right, self.wrong)
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Mutant:
    """A module's whole text after a change, and in which line of the right text that is."""

    module: PurePosixPath
    line: int
    change: str
    text: str

    @property
    def name(self) -> str:
        """The module's name for an import."""
        return ".".join(self.module.with_suffix("").parts)


_PLANS = PurePosixPath("broker/core/plans.py")
_VISITS = PurePosixPath("broker/core/visits.py")

NAMED = (
    Mutation(
        rule="ruling 26", mistake="what covers a newborn ends with the earlier of the two days",
        module=_PLANS,
        right="return max(last, later(born,",
        wrong="return min(last, later(born,",
    ),
    Mutation(
        rule="ruling 26", mistake="a newborn is met by a plan that it was not born under",
        module=PurePosixPath("broker/core/possible.py"),
        right="            window.first <= born <= window.last\n",
        wrong="            True\n",
    ),
    Mutation(
        rule="ruling 9", mistake="visible one day longer", module=_PLANS,
        right="return later(content.end, settled",
        wrong="return later(date.fromordinal(content.end.toordinal() + 1), settled",
    ),
    Mutation(
        rule="ruling 10", mistake="< for <= at the cut-off", module=_PLANS,
        right="if version.recorded_at <= stay.cutoff]",
        wrong="if version.recorded_at < stay.cutoff]",
    ),
    Mutation(
        rule="ruling 10", mistake="W ignored", module=_PLANS,
        right="waits = later(newest_at, policy.plan_wait), later(arrived_at",
        wrong="waits = newest_at, later(arrived_at",
    ),
    Mutation(
        rule="ruling 10", mistake="a plan that begins on the last day of the stay forgotten", module=_PLANS,
        right="content.start <= stay.last_day",
        wrong="content.start < stay.last_day",
    ),
    Mutation(
        rule="ruling 11", mistake="two hours counted from the departure alone", module=_PLANS,
        right="max(later(first_recorded_at, policy.delayed_after), later(left_at",
        wrong="max(left_at, later(left_at",
    ),
    Mutation(
        rule="ruling 13", mistake="under age on the 18th birthday", module=_PLANS,
        right="return at is not None and at <= day",
        wrong="return at is not None and at < day",
    ),
    Mutation(
        rule="ruling 14", mistake="removed at the arrival taken for removed after it", module=_PLANS,
        right="if version.recorded_at <= stay.arrived_at]",
        wrong="if version.recorded_at < stay.arrived_at]",
    ),
    Mutation(
        rule="ruling 16", mistake="registered again on the two hours forgotten", module=_VISITS,
        right="abs(other.arrived_at - began_at) <= visit.policy.same_visit",
        wrong="abs(other.arrived_at - began_at) < visit.policy.same_visit",
    ),
    Mutation(
        rule="ruling 45", mistake="gone at the last moment of the stay, when the rules change",
        module=PurePosixPath("broker/core/newer_rules.py"),
        right="stays[subject] < clock",
        wrong="stays[subject] <= clock",
    ),
    Mutation(
        rule="ruling 45", mistake="a flood of visits that are over, when the rules change",
        module=PurePosixPath("broker/core/newer_rules.py"),
        right="if alert_id not in person.told and not moved and is_over(alert.subject):",
        wrong="if alert_id in person.told and not moved and is_over(alert.subject):",
    ),
    Mutation(
        rule="ruling 8", mistake="a visit seven days before not counted", module=_VISITS,
        right="since <= other.arrived_at < visit.arrived_at",
        wrong="since < other.arrived_at < visit.arrived_at",
    ),
    Mutation(
        rule="ruling 19", mistake="an authority is told of the plans of the others",
        module=PurePosixPath("broker/core/content.py"),
        right="own = [line for line in matched if line.owner == owner]",
        wrong="own = [line for line in matched if line.owner != owner] or list(matched)",
    ),
    Mutation(
        rule="ruling 4", mistake="a planned class outweighs an emergency",
        module=PurePosixPath("broker/core/setting.py"),
        right="if patient_class in settled.emergency_classes or",
        wrong="if patient_class in settled.emergency_classes and",
    ),
    Mutation(
        rule="ruling 49", mistake="a place that is not said taken for one that is listed",
        module=PurePosixPath("broker/core/setting.py"),
        right="return funded is None or location in funded",
        wrong="return funded is None or location is None or location in funded",
    ),
    Mutation(
        rule="ruling 37", mistake="a record time before 1900 believed",
        module=PurePosixPath("broker/core/clock.py"),
        right="FIRST_TIME <= recorded_at <= received_at",
        wrong="recorded_at <= received_at",
    ),
    Mutation(
        rule="ruling 7", mistake="an admission of another provider joins",
        module=PurePosixPath("broker/core/visits.py"),
        right="admission.provider == emergency.provider and ",
        wrong="",
    ),
    Mutation(
        rule="ruling 10", mistake="a transfer within the provider taken for a departure",
        module=PurePosixPath("broker/core/reading.py"),
        right="event is VisitEvent.TRANSFERRED and message.disposition == OTHER_PROVIDER",
        wrong="event is VisitEvent.TRANSFERRED",
    ),
    Mutation(
        rule="ruling 20", mistake="a name that is missing taken for one that disagrees",
        module=PurePosixPath("broker/core/matching.py"),
        right="return Comparison.NEITHER\n    return Comparison.AGREES if left == right else",
        wrong="return Comparison.DISAGREES\n    return Comparison.AGREES if left == right else",
    ),
    Mutation(
        rule="ruling 46", mistake="told a moment too late: after 12 hours instead of at them",
        module=PurePosixPath("broker/core/identity_words.py"),
        right="return any(at >= due_from", wrong="return any(at > due_from",
    ),
    Mutation(
        rule="ruling 43", mistake="lapsed a moment too late: after day 29 has begun instead of then",
        module=PurePosixPath("broker/core/outcome_asked.py"),
        right="if late < lapses_at(", wrong="if late <= lapses_at(",
    ),
    Mutation(
        rule="ruling 45", mistake="an alert taken for opened that was not opened again since",
        module=PurePosixPath("broker/core/identity_words.py"),
        right="opened < unopened)", wrong="opened <= unopened)",
    ),
    Mutation(
        rule="ruling 46", mistake="a word taken back because the arrival was corrected",
        module=PurePosixPath("broker/core/identity_words.py"),
        right="min(filter(None, (visit.arrived_at, *said)))", wrong="visit.arrived_at",
    ),
    Mutation(
        rule="ruling 7", mistake="no outcome said of a visit whose outcome has come since",
        module=PurePosixPath("broker/core/identity_words.py"),
        right="return waiting and any(", wrong="return any(",
    ),
    Mutation(
        rule="ruling 46", mistake="a refusal taken for one of whatever is stated afterwards",
        module=PurePosixPath("broker/core/identity_words.py"),
        right="}, at)", wrong="}, visit.cutoff)",
    ),
)  # fmt: skip
"""Mistakes that somebody could make, with the rule whose rows must notice it."""


class Mutable:
    """A module of which mutants are made, each at one place, in the order of its syntax tree."""

    def __init__(self, repository: Path, module: PurePosixPath) -> None:
        self.module = module
        self.tree = ast.parse((repository / module).read_text("utf-8"))
        declared = [part for node in ast.walk(self.tree) for part in _declared(node)]
        passed_over = {id(below) for part in declared for below in ast.walk(part)}
        nodes = [node for node in ast.walk(self.tree) if id(node) not in passed_over]
        self.places = [(node, *change) for node in nodes for change in _changes(node)]

    def mutant(self, place: int) -> Mutant:
        """Return the mutant of one place, from 0 to one less than there are `places`."""
        node, owner, attribute, value = self.places[place]
        before, kept = ast.unparse(node), getattr(owner, attribute)
        setattr(owner, attribute, value)
        after, text = ast.unparse(node), ast.unparse(self.tree)
        setattr(owner, attribute, kept)
        change = f"{_first_line(before)} → {_first_line(after)}"
        return Mutant(module=self.module, line=getattr(node, "lineno", 0), change=change, text=text)


def _declared(node: ast.AST) -> Iterator[ast.AST]:
    """Yield the parts of a node that say what things are and not what happens: types and fields."""
    for name in ("annotation", "returns"):
        if isinstance(part := getattr(node, name, None), ast.AST):
            yield part
    yield from getattr(node, "decorator_list", ())
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in _DECLARING:
        yield node


def _changes(node: ast.AST) -> Iterator[tuple[ast.AST, str, Any]]:
    """Yield what may be changed of a node: an attribute and its other value."""
    match node:
        case ast.Compare():
            for place, operator in enumerate(node.ops):
                other = _COMPARISONS[type(operator)]()
                yield node, "ops", [*node.ops[:place], other, *node.ops[place + 1 :]]
        case ast.BoolOp() | ast.BinOp() if type(node.op) in _OPERATORS:
            yield node, "op", _OPERATORS[type(node.op)]()
        case ast.Constant(value=int(number)):
            yield node, "value", not number if isinstance(number, bool) else number + 1
        case ast.Call(func=ast.Name(id=name)) if name in _NAMES:
            yield node.func, "id", _NAMES[name]
        case ast.Return(value=ast.AST()):
            yield node, "value", ast.Constant(value=None)
        case _:
            yield from _conditions(node)


def _conditions(node: ast.AST) -> Iterator[tuple[ast.AST, str, Any]]:
    """Yield the opposite of a condition, and a comprehension without its own."""
    match node:
        case ast.UnaryOp(op=ast.Not()):
            yield node, "operand", _negated(node.operand)
        case ast.If() | ast.IfExp():
            yield node, "test", _negated(node.test)
        case ast.comprehension() if node.ifs:
            yield node, "ifs", []


def _negated(test: ast.expr) -> ast.expr:
    """Return the opposite of a condition."""
    return ast.UnaryOp(op=ast.Not(), operand=test)


def _first_line(code: str) -> str:
    """Return the first line of code, for a message."""
    return code.split("\n", maxsplit=1)[0]
