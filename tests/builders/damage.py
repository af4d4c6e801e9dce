"""Damages uploads, as happens on the way, or in a sender's program that does not know the message."""

from collections.abc import Callable

from hypothesis import strategies as st
from lxml import etree
from lxml.etree import _Element as Element

from tests.builders.upload import HL7, serialised

_PIECES = st.one_of(
    st.binary(max_size=8),
    st.sampled_from([b"<!--", b"<record>", b"</record>", b"<!DOCTYPE File>", b"&#0;", b'"', b"<", b"0"]),
)
_WORDS = st.text(st.characters(codec="ascii", min_codepoint=32), max_size=14)


def remove(element: Element) -> None:
    """Take an element out of its parent."""
    parent = element.getparent()
    assert parent is not None
    parent.remove(element)


def repeat(element: Element) -> None:
    """Put a copy of an element behind it."""
    element.addnext(etree.fromstring(etree.tostring(element)))


def rename(element: Element) -> None:
    """Give an element a name that no schema knows."""
    element.tag = f"{{{HL7}}}rekord"


_ALTERATIONS: list[Callable[[Element], object] | None] = [remove, repeat, rename, Element.clear, None]


@st.composite
def torn(draw: st.DrawFn, whole: bytes) -> bytes:
    """Return the file with pieces cut out and others put in."""
    data = whole
    for _ in range(draw(st.integers(1, 3))):
        start, length = draw(st.integers(0, len(whole))), draw(st.integers(0, 40))
        data = data[:start] + draw(_PIECES) + data[start + length :]
    return data


@st.composite
def misbuilt(draw: st.DrawFn, whole: bytes) -> bytes:
    """Return the file with elements taken away, repeated, renamed, emptied or given other values."""
    root = etree.fromstring(whole)
    for _ in range(draw(st.integers(1, 4))):
        element = draw(st.sampled_from(list(root.iterdescendants()) or [root]))
        alter = draw(st.sampled_from(_ALTERATIONS))
        if alter is not None and element is not root:
            alter(element)
        for name in element.attrib:
            element.set(name, draw(_WORDS))
    return serialised(root)
