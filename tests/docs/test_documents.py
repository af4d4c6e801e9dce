"""The documents are true to the program: what they name exists."""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from broker.adapters.topic_declarations import load_topics
from broker.cli import root
from broker.runtime.policy_file import parse_policy
from broker.runtime.settings import PREFIX, Settings
from tests.tools.citations import cited
from tests.tools.links import links
from tests.tools.markdown import code_blocks, code_spans
from tests.tools.rules import TABLE, read_rules
from tests.tools.stale_docs import REPOSITORY, documents

FIRST_SCREEN_LINES_MAX = 45
"""How much of the README a reader sees without scrolling, links included."""

_PAGES = {path.relative_to(REPOSITORY): path.read_text("utf-8") for path in documents(REPOSITORY)}
_DECISIONS = {place: text for place, text in _PAGES.items() if re.match(r"\d{4}-", place.name)}
_SECTIONS = ["## Context", "## Options", "## Decision", "## Consequences", "### Positive", "### Negative"]
_PLACE = re.compile(r"(?:broker|tests|deploy|schemas|docs|\.ci)/[\w./-]*")
_SOURCE = re.compile(r"\[(S\d+)\]")


def _everywhere(pattern: str) -> set[str]:
    """Return what a pattern finds in all pages."""
    return {match for text in _PAGES.values() for match in re.findall(pattern, text)}


def _commands() -> Iterator[str]:
    """Yield every command line of ours that a page shows."""
    for text in _PAGES.values():
        lines = [line.strip() for block in code_blocks(text, "sh") for line in block.splitlines()]
        for line in [*lines, *code_spans(text)]:
            shown = line.removeprefix(".venv/bin/")
            if shown.startswith("cpis "):
                yield shown


def _fault(line: str) -> str | None:
    """Return what is wrong with a command line, None for nothing."""
    words = shlex.split(line, comments=True)[1:]
    command: click.Command = root
    context = click.Context(root)
    while isinstance(command, click.Group) and words and not words[0].startswith("-"):
        found = command.get_command(context, words.pop(0))
        if found is None:
            return f"no such command: {line}"
        command = found
    known = {name for option in command.params for name in (*option.opts, *option.secondary_opts)}
    unknown = [word for word in words if word.startswith("-") and word.split("=")[0] not in known]
    return f"no such option: {line}" if unknown else None


def test_every_setting_that_a_page_names_exists() -> None:
    """A variable in a document is a setting of the program."""
    settings = {f"{PREFIX}{name.upper()}" for name in Settings.model_fields}

    assert set() == _everywhere(rf"\b{PREFIX}[A-Z][A-Z_]+\b") - settings


def test_every_command_that_a_page_shows_exists() -> None:
    """A command line in a document has a command and options that the program knows."""
    assert [] == [fault for line in _commands() if (fault := _fault(line))]


def test_every_target_that_a_page_names_is_in_the_makefile() -> None:
    """`make x` in a document is a target."""
    targets = set(re.findall(r"^([a-z]+):", (REPOSITORY / "Makefile").read_text("utf-8"), re.MULTILINE))

    assert set() == _everywhere(r"(?:`|^)make ([a-z]+)") - targets


def test_every_file_that_a_page_names_exists() -> None:
    """A path of the repository in inline code leads somewhere."""
    named = {span for text in _PAGES.values() for span in code_spans(text) if _PLACE.fullmatch(span)}

    assert [] == sorted(place for place in named if not (REPOSITORY / place).exists())


def test_every_error_code_that_a_page_names_is_in_the_reference() -> None:
    """A code in a document stands in the list of errors."""
    reference = _PAGES[Path("docs/reference/errors.md")]

    assert [] == sorted(code for code in _everywhere(r"CPIS-\d{3}(?!\d)") if f"`{code}`" not in reference)


def test_every_topic_that_a_page_names_is_declared() -> None:
    """A topic in inline code is declared, or is a pattern of declared ones."""
    topics = load_topics((REPOSITORY / "deploy" / "topics.toml").read_text("utf-8"))
    declared = topics.names | {f"{stem}RXX" for stem in topics.stems}
    named = {span for text in _PAGES.values() for span in code_spans(text) if re.match(r"cpis\.[a-z]", span)}
    patterns = {span: re.escape(re.sub(r"<\w+>|\{\w+\}", "*", span)).replace(r"\*", ".*") for span in named}

    assert [] == sorted(
        span
        for span, pattern in patterns.items()
        if not any(re.fullmatch(pattern, topic) for topic in declared)
    )


def test_every_page_is_in_the_index() -> None:
    """The index leads to every page."""
    index = REPOSITORY / "docs" / "index.md"
    linked = {(index.parent / target).resolve() for target in links(index.read_text("utf-8"))}
    pages = {path.resolve() for path in documents(REPOSITORY) if path.is_relative_to(REPOSITORY / "docs")}

    assert {index.resolve()} == pages - linked


@pytest.mark.parametrize("place", [pytest.param(place, id=place.stem) for place in _DECISIONS])
def test_a_decision_tells_its_price(place: Path) -> None:
    """A decision has every section in order, a date, a status, two options and a negative consequence."""
    text = _DECISIONS[place]
    options = text.split("## Options", maxsplit=1)[1].split("## Decision")[0]

    assert _SECTIONS == [line for line in text.splitlines() if line in _SECTIONS]
    assert re.search(r"^- Date: \d{4}-\d{2}-\d{2}\n- Status: \w+", text, re.MULTILINE)
    assert (options.count("- For:") >= 2, options.count("- Against:") >= 2) == (True, True)
    assert text.split("### Negative")[1].strip().startswith("- ")


@pytest.mark.parametrize(
    "place", [pytest.param(place, id=place.stem) for place in _PAGES if place.parent.name == "runbooks"]
)
def test_a_runbook_tells_what_happens_what_to_do_and_how_that_is_known(place: Path) -> None:
    """A page for a failure has its three parts, and names the tests behind it."""
    text = _PAGES[place]
    headings = " ".join(line for line in text.splitlines() if line.startswith("## ")).lower()
    evidence = text.rsplit("\nTested by ", 1)[-1]

    assert [] == [part for part in ("you see", "the system does", "you do") if part not in headings]
    assert [True] == [
        all(span.startswith("tests/") for span in spans) for spans in [code_spans(evidence)] if spans
    ]


def test_every_rule_that_the_program_cites_is_explained() -> None:
    """A rule in code or schemas stands in the table of the rules, a source on the page about them."""
    rules = {rule.id for rule in read_rules((REPOSITORY / TABLE).read_text("utf-8"))}
    sources = set(re.findall(r"\bS\d+\b", _PAGES[Path("docs/explanation/rules.md")]))
    texts = [
        path.read_text("utf-8")
        for path in [*(REPOSITORY / "broker").rglob("*.py"), *(REPOSITORY / "schemas").glob("*.avsc")]
    ]

    assert [] == sorted(set().union(*map(cited, texts)) - rules)
    assert [] == sorted({source for text in texts for source in _SOURCE.findall(text)} - sources)


def test_the_first_screen_of_the_readme_says_how_to_begin() -> None:
    """The README begins with what it is, a picture, the two commands and where to read on."""
    first_screen = _PAGES[Path("README.md")].split("\n## ")[0].rstrip()
    lines = first_screen.splitlines()

    assert len(lines) <= FIRST_SCREEN_LINES_MAX
    assert [True, True, True] == [
        text in first_screen for text in ("make demo", "make test", "(docs/index.md)")
    ]


def test_the_policy_in_the_documents_can_be_read() -> None:
    """The example of a policy file is one."""
    (example,) = code_blocks(_PAGES[Path("docs/how-to/settle-a-policy.md")], "toml")

    first, later = parse_policy(example, "example.toml").policy.every

    assert (14, 7) == (first.reattendance.days, later.reattendance.days)
    assert {"RXH"} == {selector.provider.code for selector in later.overrides if selector.provider}


PRINCIPLES = ("Necessary", "Relevant", "Adequate", "Accurate", "Timely", "Secure", "Recorded")


def test_each_principle_has_its_mechanisms_and_each_of_them_a_test() -> None:
    """The seven in their order; in every row a test file that is there."""
    text = _PAGES[Path("docs/explanation/principles.md")]
    rows = [line.strip("| ").split(" | ") for line in text.splitlines() if re.match(r"\| (\*\*|\| )", line)]
    tests = [code_spans(row[-1]) for row in rows]

    assert list(PRINCIPLES) == re.findall(r"^\| \*\*(\w+)", text, re.MULTILINE)
    assert [True] * len(rows) == [bool(spans) and all(map(_is_a_test, spans)) for spans in map(list, tests)]


def _is_a_test(span: str) -> bool:
    """Whether a span is the path of a file of tests."""
    return bool(re.fullmatch(r"tests/[\w/]+/test_\w+\.py", span)) and (REPOSITORY / span).is_file()


def _tables(text: str) -> Iterator[list[str]]:
    """Yield the lines of each table of a page, outside blocks of code."""
    table: list[str] = []
    is_code = False
    for line in [*text.splitlines(), ""]:
        is_code ^= line.lstrip().startswith("```")
        if line.startswith("|") and not is_code:
            table.append(line)
        elif table:
            yield table
            table = []


def test_every_table_has_its_head_first() -> None:
    """A row above the head makes lines of text of the whole table."""
    headless = [
        f"{place}: {table[0]}"
        for place, text in _PAGES.items()
        for table in _tables(text)
        if len(table) < 2 or not re.fullmatch(r"\|( *:?-+:? *\|)+", table[1])
    ]
    assert [] == headless


def test_the_glossary_has_each_word_once_in_order() -> None:
    """So that a reader finds the word, and no second meaning of it."""
    [[_, _, *rows]] = _tables(_PAGES[Path("docs/glossary.md")])
    words = [re.sub(r"[^a-z0-9& ]", "", row.split("|")[1].strip().lower()) for row in rows]
    assert sorted(set(words)) == words
