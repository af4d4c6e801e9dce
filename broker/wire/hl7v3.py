"""
HL7 version 3 as XML: bytes → elements, with nothing that XML can be made to do to a reader.

Knows the namespace, how a single child, a text, a place and an absent value are written, and which XML is
refused: document types (and with them every entity), documents that are not well formed or nested past 256
elements.
"""

from typing import Literal

from lxml import etree
from lxml.etree import _Element as Element

from broker.core.errors import MalformedMessage

NAMESPACE = "urn:hl7-org:v3"
"""The namespace of HL7 v3."""
SCHEMA_INSTANCE = "http://www.w3.org/2001/XMLSchema-instance"
"""The namespace of what a document says about its schema."""
NIL = f"{{{SCHEMA_INSTANCE}}}nil"
"""The attribute by which an element says that it has no content."""
_TRUE = frozenset({"true", "1"})  # the two spellings of an XML Schema boolean


def read_document(data: bytes) -> Element:
    """
    Return the root element of an XML document without comments and processing instructions.

    The encoding is the declared one, else UTF-8 or what a byte order mark says. Raises `MalformedMessage` for
    everything else that bytes can be; nothing is fetched and no entity is expanded into text.
    """
    parser = etree.XMLParser(
        resolve_entities=False,
        load_dtd=False,
        no_network=True,
        remove_comments=True,
        remove_pis=True,
        huge_tree=False,  # keeps the parser's own limits: depth 256, texts of 10 MB, amplification
    )
    try:
        root = etree.fromstring(data, parser)
    except etree.XMLSyntaxError as error:
        line = error.lineno
    else:
        if root.getroottree().docinfo.internalDTD is not None:
            raise MalformedMessage("document type refused", location="/")
        return root
    # Outside the handler: the parser's own words may repeat what it read.
    raise MalformedMessage("not well-formed XML", location=f"line {line}")


def pull_parser(
    events: tuple[Literal["start", "end"], ...], tags: tuple[str, ...] | None = None
) -> etree.XMLPullParser:
    """Return a parser that is handed a document piece by piece, and refuses what `read_document` does."""
    return etree.XMLPullParser(
        events,
        tag=tags,
        resolve_entities=False,
        load_dtd=False,
        no_network=True,
        remove_comments=True,
        remove_pis=True,
        huge_tree=False,
    )


def qualified(name: str) -> str:
    """Return the name of an HL7 v3 element as lxml writes it."""
    return f"{{{NAMESPACE}}}{name}"


def the_only(parent: Element, name: str) -> Element:
    """
    Return the only child of that name.

    Raises `MalformedMessage` at the parent where there is none, at the second child where there are many.
    """
    found = parent.findall(qualified(name))
    if not found:
        raise MalformedMessage(f"{name} missing", location=place(parent))
    if len(found) > 1:
        raise MalformedMessage(f"{name} repeated", location=place(found[1]))
    return found[0]


def place(element: Element) -> str:
    """
    Return the XPath of an element by plain names, counted where several of a name stand side by side.

    It begins at the root, or below the `record` that holds the element: who reads the records counts them.
    """
    steps: list[str] = []
    node: Element | None = element
    while node is not None and node.tag != qualified("record"):
        steps.append(_step(node))
        node = node.getparent()
    return "".join(f"/{step}" for step in reversed(steps))


def _step(element: Element) -> str:
    """Return the last step of an element's XPath."""
    name = etree.QName(element).localname
    parent = element.getparent()
    twins = [] if parent is None else parent.findall(element.tag)
    return f"{name}[{twins.index(element) + 1}]" if len(twins) > 1 else name


def attribute(element: Element, name: str) -> str:
    """Return an attribute's text without blanks around it; empty when it is absent."""
    return element.get(name, "").strip()


def text(element: Element) -> str:
    """Return all text of an element, its runs of blanks made one; empty when there is none."""
    return " ".join(etree.tostring(element, encoding="unicode", method="text", with_tail=False).split())


def is_nil(element: Element) -> bool:
    """Whether the element says that it has no content, and has none (`xsi:nil`)."""
    return len(element) == 0 and attribute(element, NIL) in _TRUE
