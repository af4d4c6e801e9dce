"""
A JSON message as it may be shown to anybody at the desk: which elements it has, and nothing of a person.

It reads signs and not a tree, so that what is broken or nested without end is shown as far as it goes, at the
cost of its length alone.
"""

import re
from collections.abc import Iterator
from itertools import pairwise

from broker.wire.masking import HIDDEN

_LINES_MAX = 2_000
_DEPTH_SHOWN_MAX = 20
_SIGN = re.compile(r'"(?:[^"\\]|\\.)*"|[{}\[\],:]|[^\s{}\[\],:"]+|"')
_ELEMENT = re.compile(r'"[a-z][A-Za-z]{0,39}"|"_[a-z][A-Za-z]{0,39}"')
_SHOWN = {
    '"resourceType"': re.compile(r'"[A-Z][A-Za-z]{2,39}"'),
    '"system"': re.compile(
        r'"(?!.*\d{3}-?\d{3}-?\d{4})https?://(fhir\.(hl7\.org\.uk|nhs\.uk)|(terminology\.)?hl7\.org)/[A-Za-z0-9/_.-]{1,99}"'
    ),
    '"status"': re.compile(
        r'"(planned|arrived|triaged|in-progress|onleave|finished|cancelled|entered-in-error)"'
    ),
}
"""Elements whose values are shown, each with the form that it must have."""


def outline_json(data: bytes) -> str | None:
    """Return a JSON message with its values hidden; None for bytes that do not begin as one."""
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        return None
    if text.lstrip()[:1] not in {"{", "["}:
        return None
    lines: list[str] = []
    for line in _lines(text):
        if len(lines) == _LINES_MAX:
            lines.append(HIDDEN)
            break
        lines.append(line)
    return "\n".join(lines)


def _lines(text: str) -> Iterator[str]:
    """Yield a line for each element, object and list, indented by how deep it lies."""
    depth, line, element = 0, "", ""
    signs = [*_SIGN.findall(text), ""]
    for sign, following in pairwise(signs):
        if sign in {"}", "]"}:
            if line:
                yield _indented(line, depth)
            depth, line = max(depth - 1, 0), sign
        elif sign in {"{", "["}:
            yield _indented(line + sign, depth)
            depth, line, element = depth + 1, "", "" if sign == "{" else element
        elif sign == ",":
            yield _indented(line + sign, depth)
            line = ""
        elif sign == ":":
            line += ": "
        elif following == ":":
            element = sign
            line += sign if _ELEMENT.fullmatch(sign) else HIDDEN
        else:
            form = _SHOWN.get(element)
            line += sign if form is not None and form.fullmatch(sign) else HIDDEN
    if line:
        yield _indented(line, depth)


def _indented(line: str, depth: int) -> str:
    """Return a line as deep as it lies, no deeper than can be read."""
    return "  " * min(depth, _DEPTH_SHOWN_MAX) + line
