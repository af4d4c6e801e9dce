"""
Tells which documents no longer say what is so: generated pages that differ, links that lead nowhere, rules
without rows.

`python -m tests.tools.stale_docs` prints them and ends with 1; `--write` first writes the generated pages.
"""

import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import click

from tests.tools.links import broken_links
from tests.tools.reference import build_pages
from tests.tools.rules import TABLE, problems, read_rules, stated_in

REPOSITORY = Path(__file__).resolve().parents[2]


def stale(pages: Mapping[Path, str]) -> Iterator[Path]:
    """Yield the pages whose file is missing or differs from what it should hold."""
    for path, text in pages.items():
        if not path.is_file() or path.read_text("utf-8") != text:
            yield path


def write(pages: Mapping[Path, str]) -> None:
    """Write the pages that are stale."""
    for path in tuple(stale(pages)):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(pages[path], encoding="utf-8")


def documents(repository: Path) -> list[Path]:
    """Return every Markdown file whose links are checked."""
    return [*sorted(repository.glob("*.md")), *sorted((repository / "docs").rglob("*.md"))]


@click.command()
@click.option("--write", "write_anew", is_flag=True, help="Write the generated pages anew first.")
def main(*, write_anew: bool) -> None:
    """Compare the generated pages with what they describe, follow every relative link, count rules' rows."""
    pages = build_pages(REPOSITORY)
    if write_anew:
        write(pages)
    rules = read_rules((REPOSITORY / TABLE).read_text("utf-8"))
    found = [
        *(f"{path.relative_to(REPOSITORY)}: stale, `make fix` writes it anew" for path in stale(pages)),
        *(str(link) for link in broken_links(documents(REPOSITORY), REPOSITORY)),
        *problems(rules, stated_in(REPOSITORY)),
    ]
    for problem in found:
        click.echo(problem)
    sys.exit(1 if found else 0)


if __name__ == "__main__":
    main()
