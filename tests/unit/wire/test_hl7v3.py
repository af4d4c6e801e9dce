"""Which XML is read as an HL7 v3 document, and which is refused."""

import pytest

from broker.core.errors import MalformedMessage
from broker.wire.hl7v3 import attribute, is_nil, place, qualified, read_document, text, the_only

LAUGHS = b"".join(b'<!ENTITY l%d "%s">' % (level, b"&l%d;" % (level - 1) * 10) for level in range(1, 12))


def refusal(data: bytes) -> MalformedMessage:
    """Return the error that reading ends in."""
    with pytest.raises(MalformedMessage) as caught:
        read_document(data)
    return caught.value


@pytest.mark.parametrize(
    "data",
    [
        b'<!DOCTYPE File><File xmlns="urn:hl7-org:v3"/>',
        b'<!DOCTYPE File SYSTEM "file:///etc/hostname"><File/>',
        b'<!DOCTYPE File [<!ENTITY name SYSTEM "file:///etc/hostname">]><File>&name;</File>',
        b'<!DOCTYPE File [<!ENTITY % more SYSTEM "file:///etc/hostname"> %more;]><File/>',
        b'<!DOCTYPE File [<!ENTITY name "Sample">]><File>&name;</File>',
    ],
    ids=["bare", "external subset", "external entity", "parameter entity", "entity"],
)
def test_a_document_type_is_refused_whatever_it_holds(data: bytes) -> None:
    """A document type is refused, and with it every entity, before a text is taken from the document."""
    assert "document type refused" == refusal(data).reason


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x00",
        b"MSH|^~\\&|",
        b"<File>",
        b"<File/><File/>",
        b"<File>&name;</File>",
        b"<File>&#0;</File>",
        b"<File>\xff</File>",
        b'<?xml version="1.0" encoding="klingon"?><File/>',
        b'<!DOCTYPE File [<!ENTITY l0 "ha">' + LAUGHS + b"]><File>&l11;</File>",
        b'<!DOCTYPE File [<!ENTITY l0 "ha">' + LAUGHS + b']><File at="&l11;"/>',
        b"<a>" * 300 + b"</a>" * 300,
    ],
    ids=[
        "nothing",
        "a zero byte",
        "HL7 version 2",
        "cut off",
        "two roots",
        "undefined entity",
        "a forbidden character",
        "not UTF-8",
        "an encoding nobody knows",
        "billion laughs in a text",
        "billion laughs in an attribute",
        "300 elements deep",
    ],
)
def test_what_is_not_well_formed_or_too_much_is_refused(data: bytes) -> None:
    """Bytes that are no well-formed document, or one that would exhaust the reader, are refused."""
    assert "not well-formed XML" == refusal(data).reason


def test_a_document_that_is_not_well_formed_says_the_line() -> None:
    """The place of a document's fault is the line where reading stopped."""
    assert "line 3" == refusal(b"<File>\n<id/>\n</file>").location


def test_the_error_does_not_lead_back_to_the_words_of_the_parser() -> None:
    """Neither the error nor what stands behind it repeats what was read."""
    error = refusal(b"<File><Sample>9990000018</Robin></File>")

    assert (None, None) == (error.__cause__, error.__context__)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_an_undeclared_encoding_is_utf_8_or_what_the_byte_order_mark_says(encoding: str) -> None:
    """Without a declaration UTF-8 and marked UTF-16 are read."""
    assert "Zoë" == text(read_document("<name>Zoë</name>".encode(encoding)))


def test_a_declared_encoding_is_kept_to() -> None:
    """A document in another encoding is read by its declaration."""
    data = '<?xml version="1.0" encoding="iso-8859-1"?><name>Zoë</name>'.encode("latin-1")

    assert "Zoë" == text(read_document(data))


def test_comments_and_processing_instructions_do_not_cut_a_text() -> None:
    """A comment in the middle of a name does not end the name."""
    assert "Samples" == text(read_document(b"<name>Samp<!-- x -->le<?y?>s</name>"))


def test_a_text_has_its_blanks_made_one_and_none_around_it() -> None:
    """Line breaks and blanks of a pretty-printed file are not part of a text."""
    assert "Exton Borough" == text(read_document(b"<name>\n  Exton\n\t <b>Borough</b> </name>"))


def test_a_text_ends_with_its_element() -> None:
    """What follows an element is not part of its text."""
    root = read_document(b'<a xmlns="urn:hl7-org:v3"><b>in</b>out</a>')

    assert "in" == text(the_only(root, "b"))


def test_the_prefix_of_the_namespace_does_not_matter() -> None:
    """A child is found by its namespace, whatever prefix the sender chose for it."""
    root = read_document(b'<q:a xmlns:q="urn:hl7-org:v3"><q:b value="7"/></q:a>')

    assert "7" == attribute(the_only(root, "b"), "value")


def test_a_child_of_no_namespace_is_not_an_hl7_child() -> None:
    """An element of the right name outside the namespace is missing."""
    root = read_document(b"<a><b/></a>")

    with pytest.raises(MalformedMessage, match="b missing at /a"):
        the_only(root, "b")


def test_a_repeated_child_is_refused() -> None:
    """Where one child may stand, two are a fault and not a choice."""
    root = read_document(b'<a xmlns="urn:hl7-org:v3"><b/><b/></a>')

    with pytest.raises(MalformedMessage, match=r"b repeated at /a/b\[2\]"):
        the_only(root, "b")


def test_the_place_of_an_element_in_a_record_begins_below_the_record() -> None:
    """Whoever reads the records counts them: no other element is counted that stands alone."""
    root = read_document(b'<File xmlns="urn:hl7-org:v3"><record/><record><a><b/><c/><b/></a></record></File>')
    (first, second) = root.iterfind(f".//{qualified('b')}")
    single = the_only(the_only(root[1], "a"), "c")

    assert ["/a/b[1]", "/a/b[2]", "/a/c", "/File"] == [place(it) for it in (first, second, single, root)]


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ('<b xsi:nil="true"/>', True),
        ('<b xsi:nil="1"></b>', True),
        ('<b xsi:nil="true"><!-- no --></b>', True),
        ('<b xsi:nil="false"/>', False),
        ('<b xsi:nil="true"><c/></b>', False),
        ("<b/>", False),
    ],
)
def test_an_element_is_nil_when_it_says_so_and_holds_nothing(*, content: str, expected: bool) -> None:
    """Nil is what is marked so and is empty: content outweighs the mark."""
    root = read_document(
        f'<a xmlns="urn:hl7-org:v3" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">{content}</a>'.encode()
    )

    assert expected == is_nil(the_only(root, "b"))


def test_a_missing_attribute_reads_as_nothing() -> None:
    """An attribute that is not there is the same as an empty one."""
    assert "" == attribute(read_document(b"<a/>"), "value")


def test_a_qualified_name_is_in_the_hl7_namespace() -> None:
    """The name of an element begins with the namespace of HL7 version 3."""
    assert "{urn:hl7-org:v3}File" == qualified("File")
