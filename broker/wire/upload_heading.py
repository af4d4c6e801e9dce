"""Whose an upload file is, by its first bytes: so that another authority's is refused before it is kept."""

from contextlib import suppress
from typing import cast

from lxml import etree
from lxml.etree import _Element as Element

from broker.core.errors import InvalidOdsCode
from broker.core.identifiers import OdsCode
from broker.wire.hl7v3 import attribute, qualified

HEAD_BYTES_MAX = 65_536
"""How much of a file is looked at: the head of one is some 2 kB."""

_PATH = (qualified("organisation"), qualified("communicationFunctionSnd"), qualified("File"))  # upwards


def authority_of(head: bytes) -> OdsCode | None:
    """
    Return the authority that the head of an XML file names, None where that cannot be said.

    A file of which it cannot be said is no error here: whoever reads the whole says what is wrong with it.
    """
    parser = etree.XMLPullParser(("start",), resolve_entities=False, load_dtd=False, no_network=True)
    try:
        parser.feed(head)
    except etree.XMLSyntaxError:
        return None
    for _, found in parser.read_events():
        element = cast("Element", found)
        if element.tag == qualified("record"):
            break
        if element.tag == qualified("id") and tuple(one.tag for one in element.iterancestors()) == _PATH:
            with suppress(InvalidOdsCode):
                return OdsCode(attribute(element, "extension"))
    return None
