"""The table of reasons: complete, without contradictions, and deaf to anything not in it."""

import pytest

from broker.core.reasons import PHRASES, fold, reason_for
from broker.core.visit_reason import Reason


def test_every_reason_but_other_has_phrases() -> None:
    """A reason nobody can reach would be dead."""
    assert set(Reason) - {Reason.OTHER} == {reason for reason, phrases in PHRASES.items() if phrases}


def test_no_phrase_is_written_in_a_way_that_cannot_match_or_stands_twice() -> None:
    """Phrases are folded already, and each leads to one reason only."""
    phrases = [phrase for phrases in PHRASES.values() for phrase in phrases]

    assert [fold(phrase) for phrase in phrases] == phrases
    assert sorted(set(phrases)) == sorted(phrases)


@pytest.mark.parametrize("reason", list(Reason), ids=lambda reason: reason.name)
def test_the_short_list_s_own_words_are_known(reason: Reason) -> None:
    """A hospital that writes the list's words gets the list's code."""
    assert reason == reason_for([reason.value])


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("Head injury", Reason.HEAD_INJURY),
        ("  HEAD\tINJURY. ", Reason.HEAD_INJURY),
        ("self-harm", Reason.SELF_HARM),
        ("Diarrhoea & vomiting", Reason.UNWELL),
        ("Fall from bed", Reason.FALL),
        ("700255001", Reason.SAFEGUARDING),
        ("head injury, mother Alex Sample says", Reason.OTHER),
        ("861931000000100", Reason.OTHER),
    ],
)
def test_a_phrase_counts_as_a_whole_whatever_its_case_and_punctuation(text: str, reason: Reason) -> None:
    """Half a sentence is not guessed at, nor is the code for `no safeguarding issues`."""
    assert reason == reason_for([text])


@pytest.mark.parametrize("texts", [[], [""], [" ", "--"]])
def test_nothing_said_is_no_reason(texts: list[str]) -> None:
    """Blanks and punctuation say nothing."""
    assert reason_for(texts) is None


def test_the_first_known_text_counts() -> None:
    """An unknown text in front hides nothing."""
    assert Reason.FALL == reason_for(["see notes", "Fall", "Head injury"])
