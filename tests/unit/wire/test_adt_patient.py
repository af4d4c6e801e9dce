"""Who an ADT message is about: where the number stands, how sure it is, who is beside the patient."""

from dataclasses import astuple

import pytest

from broker.core.facts import NumberStatus, Reliability
from broker.core.identifiers import NhsNumber
from broker.wire.adt import read_adt
from broker.wire.adt_registers import Fault
from broker.wire.visit_reading import Context
from tests.builders.hl7 import KEY, RECEIVED, ROBIN, edited, fixture, message_of, read


@pytest.mark.parametrize(
    "identifiers",
    [
        *("9990000018^^^NHS", "9990000018^^^nhs", "9990000018^^^NHS&2.16.840&ISO^NH", "999 000 0018^^^NHS"),
        *("999-000-0018^^^NHSNBR", "9990000018^^^NHSNMBR", "A1^^^RXX~9990000018^^^^NH", "9990000018^^^X^NH"),
        *("9990000018^^^&2.16.840.1.113883.2.1.4.1&ISO", "A1^^^RXX~9990000018^^^X&2.16.840.1.113883.2.1.4.1"),
        *("9990000018^NSTS01^^^NI", "9990000018^^^X^NI^01", "123^^^NHS~9990000018^^^NHS"),
    ],
)
def test_the_number_is_found_where_senders_put_it(identifiers: str) -> None:
    """Any labelled repeat of PID-3 is looked at, and a hospital number labelled `NHS` is passed over (36)."""
    assert (ROBIN, None) == (read(edited(fixture(), PID_3=identifiers)).number, None)


def test_the_number_may_stand_in_pid_2() -> None:
    """Older systems put it there."""
    assert ROBIN == read(edited(fixture(), PID_2="9990000018", PID_3="A1^^^RXX")).number


@pytest.mark.parametrize(
    ("identifiers", "fault"),
    [
        ("", "missing"),
        ('""', "missing"),
        ("A1^^^RXX", "missing"),
        ("9990000018", "missing"),
        ("9990000018^^^^NI", "missing"),
        ("9990000018^^^X^NI^09", "missing"),
        ("^^^NHS", "missing"),
        ("A12345^^^NHS", "not ten digits"),
        ("9990000019^^^NHS", "wrong check digit"),
        ("4444444444^^^NHS", "placeholder"),
        ("9990000019^^^NHS~123^^^NHS", "wrong check digit"),
    ],
)
def test_without_a_usable_number_it_is_a_visit_of_nobody(identifiers: str, fault: str) -> None:
    """It is read all the same, so that the sender can be answered and the message kept (21, 35, 36)."""
    reading = read(edited(fixture(), PID_3=identifiers))

    assert (None, fault, reading.unnumbered, "EDSYS0001") == (
        reading.number,
        reading.number_fault,
        reading.message.visit,
        reading.control_id,
    )


def test_of_two_numbers_the_first_counts_and_the_second_is_told() -> None:
    """Nothing joins the two (42)."""
    reading = read(edited(fixture(), PID_3="9990000026^^^NHS~9990000018^^^NHS"))

    assert (NhsNumber("9990000026"), ("several NHS numbers",)) == (reading.number, reading.faults)
    assert reading.message.several_numbers is True


@pytest.mark.parametrize(
    ("identifiers", "several"),
    [
        ("9990000018^^^NHS", False),
        ("9990000018^^^NHS~999 000 0018^^^NHS", False),
        ("9990000018^^^NHS~9990000019^^^NHS", False),
        ("A1^^^RXX", None),
        ("9990000019^^^NHS", None),
    ],
)
def test_a_message_says_whether_the_number_it_names_is_the_only_one(
    identifiers: str,
    several: bool | None,  # noqa: FBT001 - a row of the table above
) -> None:
    """One without a usable number leaves open what an earlier one said (21, 42)."""
    assert several == message_of(edited(fixture(), PID_3=identifiers)).several_numbers


def test_a_number_that_a_person_found_out_settles_no_two() -> None:
    """It is no word of the sender's: the message itself names none (42, 46)."""
    unnumbered = edited(fixture(), PID_3="A1^^^RXX")
    reading = read_adt(unnumbered, Context(key=KEY, received_at=RECEIVED, confirmed=ROBIN))

    assert (ROBIN, None) == (reading.number, reading.message.several_numbers)


def test_the_same_number_twice_is_no_fault() -> None:
    """Senders repeat it in PID-2."""
    assert () == read(edited(fixture(), PID_2="9990000018")).faults


@pytest.mark.parametrize(
    "fields",
    [
        *({"PV1_16": "S"}, {"PV1_16": "s"}, {"PV1_16": "N~S"}, {"PV1_16": "Y~S^Sensitive"}),
        *({"ZU8_4": "1"}, {"ZU8_4": "2"}, {"ZU8_4": "02"}, {"ZU8_4": "0~2"}),
    ],
)
def test_a_sensitive_patient_is_restricted(fields: dict[str, str]) -> None:
    """PV1-16 and ZU8-4 say it in two ways (24)."""
    assert message_of(edited(fixture(), **fields)).restricted is True


def test_any_segment_of_a_message_may_restrict() -> None:
    """An engine that adds a ZU8 of its own takes nothing back; a broken line before it hides none (24)."""
    several = fixture() + b"ZU8||||0\rZU8||||2\r"
    broken = edited(fixture(), PV1_7="Quill\rAda", PV1_16="S")

    assert [True, True] == [message_of(one).restricted for one in (several, broken)]
    assert ("line is no segment",) == read(broken).faults


@pytest.mark.parametrize(("said", "known"), [("Y", False), ("9~0", False), ("N", True), ("00", True)])
def test_a_mark_of_no_known_meaning_is_counted(said: str, *, known: bool) -> None:
    """Nobody is restricted by it; the site has to say what it means by it (24)."""
    reading = read(edited(fixture(), ZU8_4=said))

    assert (None, () if known else ("restriction unknown",)) == (reading.message.restricted, reading.faults)


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        ("Sample^Robin", ("Sample", "Robin")),
        ("Nick^Bob^^^^^A~Sample^Robin^^^^^L", ("Sample", "Robin")),
        ("Nick^Bob^^^^^N~Sample^Robin", ("Sample", "Robin")),
        ("Nick^Bob^^^^^A~Nock^Rob^^^^^D", ("Nick", "Bob")),
        ("Sample^Robin~Nick^Bob^^^^^A", ("Sample", "Robin")),
        ("Nick^Bob^^^^^A~^^^^^^L", ("Nick", "Bob")),
    ],
)
def test_the_registered_name_is_read_and_no_alias_before_it(names: str, expected: tuple[str, str]) -> None:
    """Plans carry the registered name: an alias that stands first must not disagree with it (R13, 20)."""
    message = message_of(edited(fixture(), PID_5=names))

    assert expected == (message.family, message.given)


@pytest.mark.parametrize("fields", [{"PV1_16": '""'}, {"PV1_16": "N"}, {"ZU8_4": '""'}, {"ZU8_4": "0"}])
def test_nothing_in_a_message_lifts_a_restriction(fields: dict[str, str]) -> None:
    """Only the demographic source does."""
    message = message_of(edited(fixture(), **fields))

    assert (None, False) == (message.restricted, "restricted" in message.cleared)


@pytest.mark.parametrize(
    ("codes", "status", "reliability"),
    [
        ("NSTS01", NumberStatus.VERIFIED, Reliability.STATED),
        ("UA~~~ED~~nsts08", NumberStatus.POSTPONED, Reliability.ESTIMATED),
        ("UD", None, Reliability.ESTIMATED),
        ("NSTS01~NSTS04", NumberStatus.NO_OR_MULTIPLE_MATCH, Reliability.STATED),
        ("~", None, None),
        ("", None, None),
    ],
)
def test_reliability_codes_are_searched_in_every_repeat(
    codes: str, status: NumberStatus | None, reliability: Reliability | None
) -> None:
    """No position has a meaning (D9); a default date of birth is as good as estimated."""
    message = message_of(edited(fixture(), PID_32=codes))

    assert (status, reliability) == (message.number_status, message.birth_date_reliability)


@pytest.mark.parametrize(
    ("relationship", "code"),
    [
        *(("9", "9"), ("14", "14"), ("15^Brother", "15"), ("SIS", "SIS"), ("daughter", "DAUGHTER")),
        *(("X^Half-sister", "X"), ("step-son", "STEP-SON")),
    ],
)
def test_another_child_s_name_is_never_read(relationship: str, code: str) -> None:
    """Nor does an earlier name stay beside the new relationship (31)."""
    message = message_of(edited(fixture(), NK1_3=relationship))

    assert (code, None, frozenset({"next_of_kin_name"})) == (
        message.next_of_kin_relationship,
        message.next_of_kin_name,
        message.cleared,
    )


@pytest.mark.parametrize(
    ("fields", "relationship", "name", "cleared"),
    [
        ({"NK1_2": ""}, "12", None, {"next_of_kin_name"}),
        ({"NK1_3": ""}, None, "Alex Sample", {"next_of_kin_relationship"}),
        ({"NK1_3": "the lady next door"}, None, "Alex Sample", {"next_of_kin_relationship"}),
        ({"NK1_2": "", "NK1_3": ""}, None, None, set()),
    ],
)
def test_next_of_kin_is_read_as_one(
    fields: dict[str, str], relationship: str | None, name: str | None, cleared: set[str]
) -> None:
    """What one segment lacks is taken back, so that no name stands beside another's relationship."""
    message = message_of(edited(fixture(), **fields))

    assert (relationship, name, frozenset(cleared)) == (
        message.next_of_kin_relationship,
        message.next_of_kin_name,
        message.cleared,
    )


@pytest.mark.parametrize(
    ("fields", "mothers"),
    [
        ({"PID_21": "9990000026^^^NHS"}, ["9990000026"]),
        ({"PID_21": "M77^^^RXX~999 000 0026^^^NHSNBR~9990000034^NSTS01^^^NI"}, ["9990000026", "9990000034"]),
        ({"NK1_3": "12", "NK1_33": "9990000026^^^^NH"}, ["9990000026"]),
        ({"NK1_3": "12^Mother", "NK1_33": "9990000026^^^NHS", "PID_21": "9990000026^^^NHS"}, ["9990000026"]),
        ({"NK1_3": "13", "NK1_33": "9990000026^^^NHS"}, []),  # the father
        ({"NK1_3": "4", "NK1_33": "9990000026^^^NHS"}, []),  # next of kin, whoever it is
        ({"PID_21": "9990000026"}, []),  # not labelled
        ({"PID_21": "M77^^^RXX"}, []),
        ({"PID_21": "9990000019^^^NHS~4444444444^^^NHS"}, []),  # check digit, placeholder
        ({"NK1_3": "12"}, []),
    ],
)
def test_the_mother_is_read_where_a_number_is_labelled_as_hers(
    fields: dict[str, str], mothers: list[str]
) -> None:
    """PID-21, or the identifiers of a next of kin whose relationship is 12 (rulings 26, 35, 36)."""
    assert mothers == [number.digits for number in read(edited(fixture(), **fields)).mothers]


def test_no_identifier_of_a_message_but_its_control_id_stands_in_its_fact() -> None:
    """Each would be the same under an old and a new number: not read, or keyed per number (28, 42)."""
    said = ("A55501", "A123456789012", "1234567890", "0101011234", "V-OWN-1", "ACC-77")
    local, pupil, learner, scottish, visit, account = said
    repeats = f"{local}^^^RXX^MR~9990000018^^^NHS~{pupil}^^^DFE^UPN~{learner}^^^LRS^ULN~{scottish}^^^NHSS^CHI"
    reading = read(edited(fixture(), PID_3=repeats, PID_18=account, PV1_19=visit, PV1_5=account))

    shown = [str(value) for value in astuple(reading.message)]
    assert "EDSYS0001" in shown
    assert [] == [one for one in said if any(one in value for value in (*shown, reading.unnumbered))]


@pytest.mark.parametrize(
    ("fields", "counted"),
    [
        ({"PID_29": "20250301"}, True),
        ({"PID_30": "Y"}, True),
        ({"PID_30": "y"}, True),
        ({"PID_29": '""', "PID_30": '""'}, False),
        ({"PID_30": "N"}, False),
        ({}, False),
    ],
)
def test_a_death_is_told_by_how_the_visit_ended_and_counted_where_it_is_told_otherwise(
    fields: dict[str, str], *, counted: bool
) -> None:
    """No ruling asks for PID-29 or PID-30: `died` is disposition 10 (ruling 7), and nothing else changes."""
    found = read(edited(fixture(), **fields))

    assert counted is (Fault.DEATH in found.faults)
    assert read(fixture()).message.disposition == found.message.disposition
