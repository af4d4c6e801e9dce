"""A masked message shows structure and codes, and nothing of a person, wherever somebody put it."""

import pytest

from broker.wire.masking import HIDDEN, outline
from tests.builders.adt import Adt, Patient

PERSON = Patient(
    number="9990000018", family="Quillfeather", given="Rosalind", local_id="L-77123", mother="9990000026"
)
ONE_WORD = {"Quillfeather", "Rosalind", "Nextkin", "L-77123", "V-99"}
PERSONAL = ("9990000018", "9990000026", "Quillfeather", "Rosalind", "20160412", "L-77123", "Nextkin", "V-99")


def whole(control_id: str = "M1") -> str:
    """Return a message with everything that a hospital sends, and some more."""
    return Adt(
        event="A04",
        control_id=control_id,
        recorded="20250301113500",
        patient=PERSON,
        pv1={"class": "E", "location": "ED", "visit": "V-99", "arrived": "20250301113000", "type": "21"},
        pv2={"reason": "fell", "acuity": "3", "mode": "1"},
        next_of_kin=("Nextkin^Nora", "MTH"),
        more=("OBX|1|TX|A||Quillfeather", "ZU8|1|2|3|1"),
    ).text()


def masked(text: str) -> str:
    """Return a message masked."""
    shown = outline(text.encode())
    assert shown is not None
    return shown


def test_structure_and_codes_are_shown() -> None:
    """Who sent it, what happened when, class and type, who gave the number: what an analyst needs."""
    header, event, patient, *others = masked(whole()).splitlines()

    assert header.startswith("MSH|^~\\&|EDSYS|RXX|ROUTE|ROUTE|20250301113500||ADT^A04^ADT_A01|M1|T|2.4|")
    assert event == "EVN||20250301113500||||"
    assert f"|{HIDDEN}^^^NHS~{HIDDEN}^^^RXX|" in patient
    assert patient.endswith("|NSTS01")
    [visit] = [line for line in others if line.startswith("PV1")]
    assert visit.startswith(f"PV1||E|{HIDDEN}|21|")
    assert visit.endswith("|20250301113000")
    assert "ZU8|…|…|…|1" in others
    assert "OBX|…|…|…||…" in others


def test_nothing_of_a_person_is_shown() -> None:
    """No number, name, day of birth, local id, visit number, nor a word of free text."""
    shown = masked(whole())

    assert [] == [word for word in (*PERSONAL, "fell") if word in shown]


@pytest.mark.parametrize("word", PERSONAL)
@pytest.mark.parametrize("place", ["MSH|^~\\&|{0}|RXX||||", "EVN|{0}|{0}||{0}", "PV1||{0}|{0}|{0}"])
def test_what_is_personal_is_hidden_in_the_wrong_field_too(word: str, place: str) -> None:
    """Where a code is expected, only what looks like that code is shown."""
    if place.startswith("MSH") and word in ONE_WORD:
        word += " Anne"  # an application may be called anything that is one word
    text = place.format(word)
    header = "" if text.startswith("MSH") else "MSH|^~\\&|EDSYS|RXX\r"

    shown = masked(header + text)

    assert word not in shown


def test_a_control_id_hides_what_could_be_a_number() -> None:
    """A sender that makes it of the patient's number must not show that."""
    assert "9990000018" not in masked(whole(control_id="9990000018"))
    assert "|A.…|" in masked(whole(control_id="A.9990000018"))


def test_repeats_and_sub_components_stay_apart() -> None:
    """Custom delimiters are the message's own; what is empty or cleared stays so."""
    text = 'MSH#*+!-#EDSYS#RXX\rPID###a-b*c+d**""#'

    assert 'MSH#*+!-#EDSYS#RXX\nPID###…-…*…+…**""#' == masked(text)


def test_a_message_with_few_delimiters_is_masked() -> None:
    """One that declares no repeats and no sub-components."""
    assert "MSH|^|EDSYS|RXX\nPID|…^…" == masked("MSH|^|EDSYS|RXX\rPID|a~b&c^d")


def test_what_is_no_segment_is_hidden_whole() -> None:
    """A line that wrapped, a blank one, and what follows the end."""
    assert "MSH|^~\\&|EDSYS\n…|…\n" == masked("MSH|^~\\&|EDSYS\rRosalind|x\r")


@pytest.mark.parametrize("data", [b"", b"<xml>Rosalind</xml>", b"MSH", b"\x00\xff"])
def test_what_is_no_message_has_no_outline(data: bytes) -> None:
    """Of it nothing is shown but on grounds."""
    assert outline(data) is None
