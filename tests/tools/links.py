"""
Follows the relative links of Markdown files, to files and to headings in them.

Links to the world outside are not followed. What stands in code is no link.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.tools.markdown import without_blocks, without_code

_LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
_HEADING = re.compile(r"^#{1,6}\s+(.+?)\s*$", re.MULTILINE)
_OUTSIDE = re.compile(r"[a-z][a-z0-9+.-]*:", re.IGNORECASE)
_NOT_IN_ANCHOR = re.compile(r"[^\w\- ]")


@dataclass(frozen=True, slots=True)
class BrokenLink:
    """A link whose target is not there; `page` is relative to the repository."""

    page: Path
    target: str

    def __str__(self) -> str:
        """Return the line to print."""
        return f"{self.page}: the link to {self.target} leads nowhere"


def links(text: str) -> list[str]:
    """Return the targets of a page's relative links, in order."""
    return [target for target in _LINK.findall(without_code(text)) if not _OUTSIDE.match(target)]


def anchors(text: str) -> frozenset[str]:
    """Return the anchors of a page's headings: lower case, without punctuation, blanks as hyphens."""
    headings = _HEADING.findall(without_blocks(text))
    return frozenset(_NOT_IN_ANCHOR.sub("", heading.lower()).replace(" ", "-") for heading in headings)


def broken_links(pages: Iterable[Path], repository: Path) -> Iterator[BrokenLink]:
    """Yield every relative link that leads to no file, out of the repository, or to no heading."""
    for page in pages:
        for target in links(page.read_text("utf-8")):
            if not _resolves(page, target, repository):
                yield BrokenLink(page.relative_to(repository), target)


def _resolves(page: Path, target: str, repository: Path) -> bool:
    """Whether a link leads somewhere."""
    place, _, anchor = target.partition("#")
    found = (page.parent / place).resolve() if place else page
    if not found.exists() or not found.is_relative_to(repository.resolve()):
        return False
    return not anchor or anchor in anchors(found.read_text("utf-8"))
