"""Reading HL7 version 2: delimiters, character sets, escapes, and a second reader as witness."""

from collections.abc import Iterator
from itertools import product
from pathlib import Path

import hl7
import pytest
from hypothesis import given
from hypothesis import strategies as st

from broker.core.errors import MalformedMessage
from broker.wire.acknowledgement import answer
from broker.wire.adt_other import may_hold_two_numbers
from broker.wire.hl7v2 import (
    CLEARED,
    REPEATS_MAX,
    SEGMENTS_MAX,
    STANDARD,
    Delimiters,
    Segment,
    Value,
    parse,
    unescape,
)
from tests.builders.hl7 import fixture, message_of

FIXTURES = Path(__file__).parents[2] / "fixtures" / "hl7"
WHOLE = fixture()
CONTROL_ID = WHOLE.split(b"|")[9]
HEADER = b"MSH|^~\\&|EDSYS|RXX|ROUTE|ROUTE|20250301101500||ADT^A04|1|T|2.4"


def message_with(line: bytes, character_set: bytes = b"") -> bytes:
    """Return a message of two segments, the second being `line`; MSH-18 is there when one is given."""
    declared = b"||||||" + character_set if character_set else b""
    return HEADER + declared + b"\r" + line + b"\r"


def read(line: bytes, position: int = 3, component: int = 1, subcomponent: int = 1) -> Value:
    """Read a part of the segment that `line` is."""
    segment = parse(message_with(line)).first(line[:3].decode())
    assert segment is not None
    return segment.field(position, component, subcomponent)


@pytest.mark.parametrize(
    ("line", "value"),
    [
        (b"PV2|||Fall", "Fall"),
        (b"PV2||| Fall ", "Fall"),
        (b"PV2|||First~Second", "First"),
        (b"PV2|||Code^Text", "Code"),
        (b"PV2|||Part&Other", "Part"),
        (b'PV2|||""', CLEARED),
        (b'PV2||| "" ', CLEARED),
        (b'PV2|||""^Text', CLEARED),
        (b'PV2|||""&Other', CLEARED),
        (b'PV2|||"quoted"', '"quoted"'),
        (b"PV2|||", None),
        (b"PV2|||  ", None),
        (b"PV2|||^Text", None),
        (b"PV2||", None),
        (b"PV2", None),
    ],
)
def test_a_field_is_a_text_cleared_or_left_alone(line: bytes, value: Value) -> None:
    """Two quotes clear a value, an absent field leaves it alone, and both differ from a text (R41)."""
    assert value == read(line)


@pytest.mark.parametrize(
    ("component", "subcomponent", "value"),
    [
        (1, 1, "a"),
        (1, 2, "b"),
        (1, 0, "a&b"),
        (1, 3, None),
        (2, 1, "c"),
        (2, 2, None),
        (3, 1, CLEARED),
        (4, 1, None),
    ],
)
def test_components_and_sub_components_count_from_one(
    component: int, subcomponent: int, value: Value
) -> None:
    """Sub-component 0 is the whole component; what is not there is None."""
    assert value == read(b'PV2|||a&b^c^""', 3, component, subcomponent)


def test_a_field_cleared_as_a_whole_is_cleared_in_every_part() -> None:
    """A name of two quotes clears the family and the given name alike."""
    assert CLEARED == read(b'PID|||""', 3, 2)


def test_repeats_come_in_order_with_their_parts() -> None:
    """Each repeat answers for itself, and an absent field has none."""
    patient = parse(message_with(b'PID|||1^^^NHS&x~""~3')).first("PID")
    assert patient is not None

    assert [["1", None, None, "NHS"], [CLEARED], ["3"]] == [repeat.parts() for repeat in patient.repeats(3)]
    assert [] == patient.repeats(4)


def test_segments_are_found_by_their_whole_name() -> None:
    """The first and all of a name, in order; a bare name is a segment."""
    message = parse(HEADER + b"\rNK1|1\rNK2|9\rNK1|2\rPV2\r")

    assert ["1", "2"] == [segment.field(1) for segment in message.all("NK1")]
    assert message.first("PV2") is not None
    assert message.first("PID") is None


def test_the_header_counts_its_separator_as_the_first_field() -> None:
    """MSH-1 is the separator itself, so MSH-3 is what stands behind the delimiters."""
    header = parse(HEADER).header

    assert ["|", "^~\\&", "EDSYS"] == [header.raw(position) for position in (1, 2, 3)]


@pytest.mark.parametrize("end", [b"\r", b"\n", b"\r\n", b"\n\r"])
def test_segments_end_with_return_line_feed_or_both(end: bytes) -> None:
    """Real senders use all three; blank lines in front do no harm."""
    message = parse(b"\r\n" + end.join((HEADER, b"PV1||E", b"PV2|||x", b"")))

    assert ["E"] == [segment.field(2) for segment in message.all("PV1")]
    assert ["x"] == [segment.field(3) for segment in message.all("PV2")]


def test_a_stray_return_ends_no_segment_where_line_feeds_do() -> None:
    """An engine that reads files ends with one: the message is not one header for it."""
    message = parse(HEADER + b"\nPV2|||a\ra|b\n\r")

    assert [("a\ra", "b")] == [(one.field(3), one.field(4)) for one in message.all("PV2")]


@pytest.mark.parametrize(
    ("lines", "read", "broken"),
    [
        (b"PV2|||Head\rinjury|b", ("Head\ninjury", "b"), True),
        (b"PV2|||Head\rinjury\r\rNK12|b", ("Head\ninjury\nNK12", "b"), True),
        (b"PV2|||Head|b\rFALL", ("Head", "b"), True),
        (b"PV2|||Head|b\r\x1a\r", ("Head", "b"), True),
        (b"PV2|||Head|b\r \r", ("Head", "b"), False),
        (b"hello|world\rPV2|||Head|b", ("Head", "b"), True),
    ],
)
def test_a_text_that_is_broken_into_lines_loses_no_field_behind_it(
    lines: bytes, read: tuple[str, str], *, broken: bool
) -> None:
    """A return that nobody escaped is no segment's end; what is no segment at all is left out, and told."""
    message = parse(message_with(lines))

    assert ([read], broken) == ([(one.field(3), one.field(4)) for one in message.all("PV2")], message.broken)


def test_a_byte_order_mark_is_no_part_of_a_message() -> None:
    """Editors and engines of Windows write one."""
    assert ["|", "^~\\&", "EDSYS"] == [parse(b"\xef\xbb\xbf" + HEADER).header.raw(one) for one in (1, 2, 3)]


@pytest.mark.parametrize("head", [b"FHS|^~\\&|A\r", b"BHS|^~\\&|A\r"])
def test_a_batch_is_told_to_be_one(head: bytes) -> None:
    """Its messages have to be answered one by one: `no MSH segment` would help nobody."""
    with pytest.raises(MalformedMessage) as caught:
        parse(head + HEADER)

    assert (200, "a batch, send its messages one by one") == (caught.value.hl7_code, caught.value.reason)


def test_a_line_feed_within_a_text_ends_no_segment_where_returns_do() -> None:
    """The rest of the segment is not lost for it."""
    assert "b" == read(b"PV2|||a\na|b", 4)


@pytest.mark.parametrize(
    ("escaped", "text"),
    [
        (r"a\F\b", "a|b"),
        (r"a\S\b", "a^b"),
        (r"a\T\b", "a&b"),
        (r"a\R\b", "a~b"),
        (r"a\E\b", "a\\b"),
        (r"a\E\F\E\b", "a\\F\\b"),
        (r"\X41\\X4243\ ", "ABC "),
        (r"\Xc3ab\ ", "ë "),
        (r"\XEB\ ", "ë "),
        (r"a\.br\b\.sp+2\c", "a\nb\nc"),
        (r"\H\loud\N\ and\.in4\ \.fi\quiet", "loud and quiet"),
        (r"a\Zlocal\b", r"a\Zlocal\b"),
        (r"a\C2842\b\M2442\c\M242849\d", "abcd"),
        (r"a\C28\b", r"a\C28\b"),
        (r"a\X004100\b", "aAb"),
        (r"a\X4\b", r"a\X4\b"),
        (r"c:\temp", r"c:\temp"),
        (r"a\b\F\c", r"a\b|c"),
        ("plain", "plain"),
    ],
)
def test_every_escape_of_the_standard_is_decoded_and_others_stay(escaped: str, text: str) -> None:
    """Delimiters, bytes and line breaks are decoded, formatting is dropped, the unknown stays as written."""
    assert text == unescape(escaped, STANDARD, "utf-8")


@pytest.mark.parametrize(
    ("header", "text"),
    [
        (b"MSH|^|", r"a\F\b~c&d"),
        (b"MSH|^~|", r"a\F\b"),
        (b"MSH|^~\\|", "a|b"),
        (b"MSH|^", r"a\F\b~c&d"),
    ],
)
def test_a_delimiter_that_is_not_declared_delimits_nothing(header: bytes, text: str) -> None:
    """Without a sign for repeats, escapes or sub-components the text is not cut or decoded by it."""
    segment = parse(header + b"\rPV2|||a\\F\\b~c&d").first("PV2")
    assert segment is not None

    assert (text, text) == (segment.field(3), segment.repeats(3)[0].part())


def test_an_undeclared_delimiter_is_still_written_by_its_escape() -> None:
    """A sender that never uses sub-components may write an ampersand by its usual escape."""
    assert "a&b~c" == unescape(r"a\T\b\R\c", Delimiters("|", "^", None, "\\", None), "utf-8")


def test_own_delimiters_are_those_of_the_message() -> None:
    """Everything is read with MSH-1 and MSH-2, escapes included."""
    message = parse((FIXTURES / "own-delimiters.hl7").read_bytes())
    patient = message.first("PID")
    assert patient is not None

    assert Delimiters("#", "*", "!", "?", "%") == message.delimiters
    assert ["9990000034", None, None, "NHS"] == patient.repeats(3)[0].parts()
    assert ("Sa#mple", "Jo^Ann") == (patient.field(5), patient.field(5, 2))


@pytest.mark.parametrize(
    "data",
    [
        *(
            b"MSH",
            b"MSH|",
            b"MSH||",
            b"MSH||||||",
            b"MSH|^~^&|A",
            b"MSH|^~\\&#+|A",
            b"MSHA^~\\&A",
            b"MSH|AB|C",
        ),
        *(b'MSH|^~"|A', b"MSH|^ |A", b"MSH\xff^~\\&\xffA", b"MSH|\xc3\xa9|A"),
    ],
)
def test_delimiters_that_cannot_delimit_are_refused(data: bytes) -> None:
    """Missing, repeated, too many, letters, quotes, blanks and other bytes than ASCII signs."""
    with pytest.raises(MalformedMessage) as caught:
        parse(data)

    assert (102, "MSH-2") == (caught.value.hl7_code, caught.value.location)


@pytest.mark.parametrize("data", [b"", b"\r\n", b"PID|||1", b" MSH|^~\\&|"])
def test_what_does_not_begin_with_a_header_is_refused(data: bytes) -> None:
    """A message is known by MSH alone."""
    with pytest.raises(MalformedMessage) as caught:
        parse(data)

    assert (100, "MSH") == (caught.value.hl7_code, caught.value.location)


@pytest.mark.parametrize(
    ("declared", "content", "codec", "misdeclared"),
    [
        (b"", b"Zo\xc3\xab", "utf-8", False),
        (b"", b"Zo\xeb", "iso8859_1", False),
        (b"UNICODE UTF-8", b"Zo\xc3\xab", "utf-8", False),
        (b"unicode utf-8~8859/1", b"Zo\xc3\xab", "utf-8", False),
        (b"8859/1", b"Zo\xeb", "iso8859_1", False),
        (b"8859/15", b"Zo\xeb", "iso8859_15", False),
        (b"8859/2", b"Zo\xeb", "iso8859_2", False),
        (b"8859/4", b"Zo\xeb", "iso8859_4", False),
        (b"8859/9", b"Zo\xeb", "iso8859_9", False),
        (b"ASCII", b"Zo\\XEB\\", "ascii", False),
        (b"ASCII", b"Zo\xeb", "iso8859_1", True),
        (b"ASCII", b"Zo\xc3\xab", "utf-8", True),
        (b"UNICODE UTF-8", b"Zo\xeb", "iso8859_1", True),
        (b"KLINGON", b"Zo\xc3\xab", "utf-8", True),
        (b'""', b"Zo\xeb", "iso8859_1", False),
    ],
)
def test_the_character_set_is_the_declared_one_or_the_one_that_fits(
    declared: bytes, content: bytes, codec: str, *, misdeclared: bool
) -> None:
    """A wrong declaration refuses nothing: the text is read all the same, and the fault is told."""
    message = parse(message_with(b"PV2|||" + content, declared))
    segment = message.first("PV2")
    assert segment is not None

    assert ("Zoë", codec, misdeclared) == (segment.field(3), message.codec, message.misdeclared)


def test_null_bytes_are_no_characters() -> None:
    """A database takes none; they are left out, and that they were there is told."""
    message = parse(message_with(b"PV2|||Zo\x00e\x00"))
    segment = message.first("PV2")
    assert segment is not None

    assert ("Zoe", True) == (segment.field(3), message.misdeclared)


@pytest.mark.parametrize("codec", ["utf-16", "utf-16-le", "utf-16-be"])
def test_two_bytes_a_character_are_named_as_what_they_are(codec: str) -> None:
    """No segment of it can be read; the sender's analyst learns why."""
    with pytest.raises(MalformedMessage) as caught:
        parse(message_with(b"PV2|||a").decode().encode(codec))

    assert ("character set of two bytes", "MSH-18") == (caught.value.reason, caught.value.location)


def test_the_euro_sign_needs_its_character_set() -> None:
    """One byte is the currency sign in 8859/1 and the euro in 8859/15."""
    segments = [parse(message_with(b"PV2|||\xa4", name)).first("PV2") for name in (b"8859/1", b"8859/15")]

    assert ["¤", "€"] == [segment.field(3) for segment in segments if segment]


def test_nothing_of_the_content_is_shown() -> None:
    """A traceback or a log line with a message in it names nobody."""
    message = parse(message_with(b"PID|||9990000018"))
    patient = message.first("PID")
    assert patient is not None

    assert "9990000018" not in "".join(map(repr, (message, patient, patient.repeats(3))))


@pytest.mark.parametrize("path", sorted(FIXTURES.glob("*.hl7")), ids=lambda path: path.stem)
def test_another_reader_sees_the_same_values(path: Path) -> None:
    """The `hl7` package, as witness, reads every field, repeat, component and sub-component the same."""
    data = path.read_bytes()
    codec = "latin-1" if path.stem == "latin-1" else "utf-8"

    witness = hl7.parse(data.decode(codec))

    message = parse(data)
    compared = 0
    for theirs in (segment for segment in witness if str(segment[0]) != "MSH"):
        ours = message.all(str(theirs[0]))[witness.segments(str(theirs[0])).index(theirs)]
        for position, field in enumerate(theirs[1:], 1):
            for repeat, component, subcomponent, text in leaves(field):
                # It writes highlighting as underlines and a line break as a return.
                expected = witness.unescape(text).replace("_", "").replace("\r", "\n")
                value = ours.repeats(position)[repeat].part(component, subcomponent) if text else None
                assert expected == ('""' if value is CLEARED else value or "")
                compared += bool(text)
    assert compared > 10


def leaves(field: hl7.Field) -> Iterator[tuple[int, int, int, str]]:
    """Yield the witness's texts with their repeat (from 0), component and sub-component (from 1)."""
    for repeat, components in enumerate(field):
        for component, parts in enumerate([components] if isinstance(components, str) else components, 1):
            for subcomponent, text in enumerate([parts] if isinstance(parts, str) else parts, 1):
                yield repeat, component, subcomponent, text


@given(st.sampled_from([HEADER, b""]), st.binary(max_size=200))
def test_any_bytes_end_in_a_message_or_one_kind_of_error(beginning: bytes, rest: bytes) -> None:
    """Invariant: parsing and reading any field gives a value or raises `MalformedMessage`, nothing else."""
    try:
        message = parse(beginning + rest)
    except MalformedMessage:
        return
    places = product(range(22), (1, 2), (0, 1))
    values = [message.header.field(*place) for place in places]
    assert all(value is None or value is CLEARED or isinstance(value, str) for value in values)


@given(
    st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Zs", "Zl", "Zp"]), min_size=1).map(
        str.strip
    )
)
def test_an_escaped_text_is_read_as_it_was(text: str) -> None:
    """Invariant: any text with its delimiters escaped comes back unchanged."""
    escaped = text.replace("\\", "\\E\\")
    for name, sign in zip("FSTR", "|^&~", strict=True):
        escaped = escaped.replace(sign, f"\\{name}\\")
    expected = CLEARED if text == '""' else text or None

    assert expected == Segment(f"PV2|{escaped}", STANDARD, "utf-8").field(1)


@pytest.mark.parametrize(
    ("more", "excess"),
    [
        (b"NK1|1\r" * (SEGMENTS_MAX - WHOLE.count(b"\r")), ""),
        (b"NK1|1\r" * (SEGMENTS_MAX - WHOLE.count(b"\r") + 1), "too many segments"),
        (b"OBX|1||" + b"~" * (REPEATS_MAX - WHOLE[8:].count(b"~") - 1) + b"\r", ""),
        (b"OBX|1||" + b"~" * (REPEATS_MAX - WHOLE[8:].count(b"~")) + b"\r", "too many repeats"),
        (b"OBX|1||" + b"a long text, " * 20_000 + b"\r", ""),
    ],
)
def test_so_many_segments_and_repeats_are_read_and_no_more(more: bytes, excess: str) -> None:
    """
    Every other sender waits while one message is read; the answer says of what there is too much.

    Nobody looks for a second number in so much, so that no byte of it is kept (ruling 42).
    """
    data = WHOLE + more
    assert (excess, bool(excess)) == (parse(data).excess, may_hold_two_numbers(data))
    if not excess:
        assert CONTROL_ID.decode() == message_of(data).control_id
        return

    with pytest.raises(MalformedMessage) as caught:
        message_of(data)
    assert (excess, 102) == (caught.value.reason, caught.value.hl7_code)
    told = answer(data, caught.value).split(b"\r")
    assert (b"MSA|AE|" + CONTROL_ID + b"|" + excess.encode()) == told[1]
    assert told[2].startswith(b"ERR|^^^102&Data type error&HL70357&CPIS-201&")


def test_a_message_without_a_sign_for_repeats_has_none_too_many() -> None:
    """MSH-2 may declare a component separator alone."""
    assert "" == parse(b"MSH|^|EDSYS|RXX\rOBX|" + b"~" * (REPEATS_MAX + 1) + b"\r").excess


@pytest.mark.parametrize(
    "data",
    [
        b"MSH|^~\\&|A|RXX|||||ADT^A04|1|P|2.4\rPID|1\rPV1|1\r",
        b"\r\nMSH|^~\\&|A|RXX\r\nPID|1||caf\xe9\r\n",
        b"MSH|^~\\&|A|RXX\nPID|1||caf\xc3\xa9\n",
        b"MSH#*+!%#A#RXX############8859/1\rPID#1##caf\xe9",
        b"MSH|^~\\&|A|RXX\rPID|\0" + b"\rNTE|1" * 5_001,
        b"MSH|^~\\&|A|RXX",
    ],
)
def test_the_header_alone_is_read_as_in_the_whole_message(data: bytes) -> None:
    """An answer speaks the delimiters and the character set of the whole."""
    alone, whole = parse(data, header_alone=True), parse(data)
    for said in ("delimiters", "codec", "misdeclared"):
        assert getattr(alone, said) == getattr(whole, said)
    assert [alone.header.raw(place) for place in range(20)] == [
        whole.header.raw(place) for place in range(20)
    ]
    assert [*alone.names()] == ["MSH"]
