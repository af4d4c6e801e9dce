"""
FHIR in XML, read as what it would be in JSON: texts, objects, and lists where one name stands several times.

A name that stands once is no list: `every` of fhir_values takes either. Nothing is asked of a model.
"""

from typing import Any, Final

from lxml import etree
from lxml.etree import _Element as Element

from broker.core.errors import MalformedMessage
from broker.wire.hl7v2 import DATA_TYPE
from broker.wire.hl7v3 import read_document

NAMESPACE: Final = "http://hl7.org/fhir"
"""The namespace of FHIR, whatever its release."""
ELEMENTS_MAX: Final = 20_000
"""Elements in one document: a birth notification has some 300."""
_RESOURCES = frozenset({"resource", "contained"})


def read_fhir_xml(data: bytes) -> dict[str, Any]:
    """Return the resource in a document; raise `MalformedMessage` for anything else (`read_document`)."""
    root = read_document(data)
    if sum(1 for _ in root.iter()) > ELEMENTS_MAX:
        raise MalformedMessage("too many values", hl7_code=DATA_TYPE)
    if etree.QName(root).namespace != NAMESPACE:
        raise MalformedMessage("no resource of FHIR", hl7_code=DATA_TYPE, location="/")
    return _resource(root)


def _resource(element: Element) -> dict[str, Any]:
    """Return a resource, which is called by the name of its element."""
    return {"resourceType": etree.QName(element).localname, **_object(element)}


def _object(element: Element) -> dict[str, Any]:
    """Return the attributes and children of an element."""
    found: dict[str, Any] = {name: value for name, value in element.items() if name in {"id", "url"}}
    for child in element:
        qualified = etree.QName(child)
        if qualified.namespace != NAMESPACE:  # the narrative, which nobody reads
            continue
        name, value = qualified.localname, _value(child)
        if name not in found:
            found[name] = value
        elif isinstance(found[name], list):
            found[name].append(value)
        else:
            found[name] = [found[name], value]
    return found


def _value(element: Element) -> Any:
    """Return a text, a resource, or an object."""
    if etree.QName(element).localname in _RESOURCES and len(element):
        return _resource(element[0])
    value = element.get("value")
    return _object(element) if value is None else value
