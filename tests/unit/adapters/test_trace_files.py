"""The two files of a batch trace: it goes on where it ended, and never mixes two lists up."""

import stat
from pathlib import Path

import pytest

from broker.adapters.trace_files import TraceFiles
from broker.core.errors import StorageUnusable
from broker.core.source_errors import TraceFileRefused

HEAD = b"reference,nhs_number,family_name,given_names,birth_date\n"
ANSWERS = b"reference,outcome,nhs_number,detail\n"


@pytest.fixture
def places(tmp_path: Path) -> tuple[Path, Path]:
    """Return a file of three people, with an empty line in it, and where the answers go."""
    asked, answers = tmp_path / "in.csv", tmp_path / "out.csv"
    asked.write_bytes(HEAD + b"A1,,,,\n\nA2,,,,\nA3,,,,")
    return asked, answers


def left(places: tuple[Path, Path]) -> list[str]:
    """Return whose answers are missing."""
    with TraceFiles(*places) as files:
        return [row.reference for row in files.rows()]


def test_answers_are_written_line_by_line_for_their_owner_alone(places: tuple[Path, Path]) -> None:
    """They name people."""
    with TraceFiles(*places) as files:
        for row in files.rows():
            files.write(row, "found", "9990000018", "")
            assert places[1].read_bytes().endswith(f"{row.reference},found,9990000018,\n".encode())

    assert ANSWERS + b"A1,found,9990000018,\nA2,found,9990000018,\nA3,found,9990000018,\n" == (
        places[1].read_bytes()
    )
    assert 0o600 == stat.S_IMODE(places[1].stat().st_mode)
    assert [] == left(places)


@pytest.mark.parametrize(
    ("held", "missing"),
    [
        (b"", ["A1", "A2", "A3"]),
        (b"reference,out", ["A1", "A2", "A3"]),
        (ANSWERS, ["A1", "A2", "A3"]),
        (ANSWERS + b"A1,found,1,\n", ["A2", "A3"]),
        (ANSWERS + b"A1,found,1,\nA2,fou", ["A2", "A3"]),
        (ANSWERS + b"A1,found,1,\nA2,found,1,\n", ["A3"]),
    ],
)
def test_it_goes_on_behind_the_last_whole_answer(
    places: tuple[Path, Path], held: bytes, missing: list[str]
) -> None:
    """What a crash left of a line is cut off, and asked about again."""
    places[1].write_bytes(held)

    assert missing == left(places)
    assert places[1].read_bytes().endswith(b"\n")


@pytest.mark.parametrize(
    ("held", "words"),
    [
        (b"name,address\n", "holds something else"),
        (ANSWERS + b"B1,found,1,\n", "line 2 of the answers is none to the same line asked"),
        (ANSWERS + b"A1,found\n", "line 2 of the answers is none to the same line asked"),
        (ANSWERS + b"A1,f,1,\nA2,f,1,\nA3,f,1,\nA4,f,1,\n", "is none to the same line asked"),
    ],
    ids=["something else", "another list", "no answer", "longer than the list"],
)
def test_answers_to_other_questions_are_left_alone(
    places: tuple[Path, Path], held: bytes, words: str
) -> None:
    """A number beside the wrong name would be somebody else's."""
    places[1].write_bytes(held)

    with pytest.raises(TraceFileRefused, match=words):
        left(places)
    assert held == places[1].read_bytes()


def test_a_file_without_its_columns_is_refused(places: tuple[Path, Path]) -> None:
    """They say what stands where."""
    places[0].write_bytes(b"A1,,,,\n")

    with pytest.raises(TraceFileRefused, match="line 1 is not: reference,nhs_number"):
        left(places)


def test_two_commands_do_not_write_the_same_answers(places: tuple[Path, Path]) -> None:
    """Lines of both would stand in each other's places."""
    with TraceFiles(*places), pytest.raises(TraceFileRefused, match="another command"):
        left(places)


def test_a_place_that_cannot_be_written_is_named_by_what_it_is(places: tuple[Path, Path]) -> None:
    """The error is the system's, without a path."""
    with pytest.raises(StorageUnusable, match="the file of answers: Is a directory"):
        left((places[0], places[0].parent))


def test_a_line_without_end_is_read_no_further_than_it_says(places: tuple[Path, Path]) -> None:
    """It is one row that cannot be read, and the next one is asked about."""
    places[0].write_bytes(HEAD + b"A" * 1_000_000 + b"\nA2,,,,\n")

    with TraceFiles(*places) as files:
        [long, short] = files.rows()
    assert (True, "A2") == (bool(long.fault), short.reference)
