"""Builds the reference page of the rules: what each says, its settings, its rows, where it is decided."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import groupby
from pathlib import Path, PurePosixPath

from tests.tools.markdown import paragraph, table
from tests.tools.rules import (
    TABLE,
    Rule,
    Stated,
    modules_by_rule,
    read_rules,
    settings_by_rule,
    stated_in,
)

_NONE = "–"


def rules_page(repository: Path) -> str:
    """Return the page of the rules."""
    rules = read_rules((repository / TABLE).read_text("utf-8"))
    stated = stated_in(repository)
    settings, modules = settings_by_rule(), modules_by_rule(repository)
    rows = sum(one.rows for one in stated if one.specifies)
    about = paragraph(
        f"""
        What `R23` and `ruling 9` in code, schemas and messages stand for, what is set of each in the
        [policy](policy.md), and which rows of tests say what it means. The {rows} rows of `tests/spec` that
        cite a rule run three times each: on the pure core, on a matcher over the in-memory twin of Kafka,
        and on a genuine Kafka (`make test`). What doors, codecs and wording decide has its tests outside
        `tests/spec`. Where the numbers come from, and how a rule is added: [about the
        rules](../explanation/rules.md).
        """
    )
    lines = ["# Rules", "", about]
    for title, members in groupby(rules, key=lambda rule: rule.group):
        overview = [_overview(rule, stated, settings, modules) for rule in members]
        head = ("rule", "in short", "settings", "rows", "cited in")
        lines += ["", f"## {title}", "", *table(head, overview)]
    listed = table(("rule", "test", "rows"), _all_rows(rules, stated))
    lines += ["", "## The rows", "", _ABOUT_ROWS, "", *listed]
    return "\n".join(lines)


_ABOUT_ROWS = "Each test that cites a rule in its docstring, and with how many rows it is run."


def _overview(
    rule: Rule,
    stated: Iterable[Stated],
    settings: Mapping[str, Sequence[str]],
    modules: Mapping[str, Sequence[PurePosixPath]],
) -> tuple[str, ...]:
    """Return a rule's row of the overview."""
    says = f"{rule.says} **Not yet:** {rule.lacks}." if rule.lacks else rule.says
    return (
        rule.id,
        says,
        "<br>".join(f"`{key}`" for key in settings.get(rule.id, ())) or _NONE,
        _proof(rule, [one for one in stated if rule.id in one.rules]),
        "<br>".join(f"`{module}`" for module in modules.get(rule.id, ())) or _NONE,
    )


def _proof(rule: Rule, stated: Sequence[Stated]) -> str:
    """Return how it is known that a rule holds, or why it is not."""
    if rule.outside:
        return f"not the broker's: {rule.outside}"
    if rule.not_yet:
        return f"not yet: {rule.not_yet}"
    if rule.settled_by:
        return f"those of {' and '.join(rule.settled_by)}"
    specified = sum(one.rows for one in stated if one.specifies)
    others = sum(one.rows for one in stated if not one.specifies)
    counted = [(specified, "in `tests/spec`"), (others, "elsewhere")]
    return ", ".join(f"{count} {where}" for count, where in counted if count)


def _all_rows(rules: Iterable[Rule], stated: Sequence[Stated]) -> Iterator[tuple[str, str, str]]:
    """Yield each rule with each test that cites it, the specifications first."""
    ordered = sorted(stated, key=lambda one: not one.specifies)
    for rule in rules:
        name = rule.id
        for one in ordered:
            if rule.id in one.rules:
                yield name, f"[`{one.name}`](../../{one.file})", str(one.rows)
                name = ""
