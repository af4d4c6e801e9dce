"""The tool that finds stale documents finds them, and nothing else."""

from pathlib import Path

import pytest

from tests.tools.links import broken_links
from tests.tools.markdown import code_blocks, code_spans, table
from tests.tools.reference import build_pages, errors_page, settings_page
from tests.tools.reference_schemas import schemas_page
from tests.tools.stale_docs import REPOSITORY, stale, write


def _page(folder: Path, name: str, text: str) -> Path:
    """Write a page and return where it is."""
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def test_a_page_that_differs_is_stale(tmp_path: Path) -> None:
    """A page whose file says something else is stale."""
    path = _page(tmp_path, "a.md", "old\n")

    assert [path] == list(stale({path: "new\n"}))


def test_a_page_that_is_missing_is_stale(tmp_path: Path) -> None:
    """A page without a file is stale."""
    path = tmp_path / "reference" / "a.md"

    assert [path] == list(stale({path: "new\n"}))


def test_a_page_that_was_written_is_not_stale(tmp_path: Path) -> None:
    """After writing, nothing is stale, and folders were made where needed."""
    pages = {tmp_path / "reference" / "a.md": "new\n", _page(tmp_path, "b.md", "old\n"): "b\n"}

    write(pages)

    assert [] == list(stale(pages))


def test_two_builds_are_equal() -> None:
    """A page depends on nothing but the repository."""
    assert build_pages(REPOSITORY) == build_pages(REPOSITORY)


@pytest.mark.parametrize(
    ("text", "broken"),
    [
        pytest.param("[a](there.md)", [], id="file"),
        pytest.param("[a](there.md#a-heading)", [], id="heading"),
        pytest.param("[a](#own-heading)\n\n# Own heading\n", [], id="own heading"),
        pytest.param("[a](https://example.org/x)", [], id="outside"),
        pytest.param("`[a](gone.md)`", [], id="in code"),
        pytest.param("```text\n[a](gone.md)\n```\n", [], id="in a block"),
        pytest.param("[a](gone.md)", ["gone.md"], id="no file"),
        pytest.param("[a](there.md#gone)", ["there.md#gone"], id="no heading"),
        pytest.param("[a](../../outside.md)", ["../../outside.md"], id="outside the repository"),
    ],
)
def test_a_link_that_leads_nowhere_is_found(tmp_path: Path, text: str, broken: list[str]) -> None:
    """A relative link must lead to a file in the repository, and to a heading where it names one."""
    _page(tmp_path, "outside.md", "")
    _page(tmp_path, "repository/there.md", "## A heading\n")
    page = _page(tmp_path, "repository/page.md", text)

    found = broken_links([page], tmp_path / "repository")

    assert broken == [link.target for link in found]


def test_a_broken_link_is_told_with_its_page(tmp_path: Path) -> None:
    """The line to print names page and target."""
    page = _page(tmp_path, "docs/page.md", "[a](gone.md)")

    assert ["docs/page.md: the link to gone.md leads nowhere"] == [
        str(link) for link in broken_links([page], tmp_path)
    ]


def test_a_bar_does_not_end_a_cell() -> None:
    """What would end a cell is escaped."""
    assert ["| a |", "| --- |", "| x \\| y |"] == list(table(["a"], [["x | y"]]))


def test_code_is_found_by_its_language() -> None:
    """Blocks are told apart by their language, also where they are indented in a list."""
    text = "1. x:\n\n   ```sh\n   ls\n   ```\n\n```python\nprint()\n```\nand `span`\n"

    assert (["ls\n"], ["print()\n"], ["span"]) == (
        code_blocks(text, "sh"),
        code_blocks(text, "python"),
        code_spans(text),
    )


def test_the_settings_page_names_variables_with_their_defaults() -> None:
    """A default that follows from another setting is shown as it comes out."""
    assert "| `CPIS_SEALING_KEYS_DIR` | `.data/keys` |" in settings_page()


def test_the_errors_page_has_one_row_for_each_code() -> None:
    """No two errors share a code."""
    codes = [row.split("`")[1] for row in errors_page().splitlines() if row.startswith("| `CPIS-")]

    assert sorted(set(codes)) == codes


def test_two_things_under_one_name_are_refused(tmp_path: Path) -> None:
    """A page with one section for two different types would be wrong about one of them."""
    _page(tmp_path, "ids.json", '{"a": 1, "b": 2}')
    for name, symbol in (("a", "X"), ("b", "Y")):
        enum = f'{{"type": "enum", "name": "Kind", "doc": "", "symbols": ["{symbol}"]}}'
        field = f'{{"name": "kind", "doc": "", "type": {enum}}}'
        _page(
            tmp_path,
            f"{name}.avsc",
            f'{{"type": "record", "name": "R{name}", "doc": "", "fields": [{field}]}}',
        )

    with pytest.raises(ValueError, match="Kind is not the same in every schema"):
        schemas_page(tmp_path)
