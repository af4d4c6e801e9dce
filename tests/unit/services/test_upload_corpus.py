"""What becomes of a file is what a table predicts that knows nothing of the reader."""

import asyncio
from itertools import islice

import pytest

from broker.ports import Topic
from broker.upload_ports import in_memory
from broker.wire.file_response import write_file_response
from tests.builders.upload_corpus import FILES, HARMLESS, RECEIVED, RECORDS, Predicted, corpus, predicted
from tests.builders.upload_desk import NOW, Desk
from tests.official_schemas import faults_of

FILES_OF_THE_CORPUS = 1_000
VALIDATED_OF_EVERY = 25
"""The official schema takes longer than everything else: `make corpus` validates as many of ten thousand."""
PER_DESK = 200
SEED = 20250301


def check(file: Predicted, desk: Desk, *, validated: bool) -> None:
    """Check what becomes of a file against what is predicted."""
    before = len(desk.kafka.read(Topic.PLANS)), len(desk.kafka.read(Topic.REJECTED))
    answer = asyncio.run(desk.uploads.load(in_memory(file.data)))
    after = len(desk.kafka.read(Topic.PLANS)), len(desk.kafka.read(Topic.REJECTED))

    kept = 1 if file.file_code == "CPF01" else sum(RECORDS[sort].plans == 0 for sort in file.made_of[1:])
    assert (file.file_code, file.record_codes) == (
        answer.code.value,
        tuple(record.code.value for record in answer.records),
    ), file.made_of
    assert (file.plans, kept) == (after[0] - before[0], after[1] - before[1]), file.made_of
    if validated:
        assert [] == faults_of(write_file_response(answer, created_at=NOW)), file.made_of


def test_every_file_of_the_corpus_gets_the_code_that_is_predicted() -> None:
    """
    File and record codes, plans that became facts, records that were kept: nothing is lost.

    Of some the acknowledgement is validated against the official schema (R15, R16).
    """
    desk = Desk()
    for number, file in enumerate(islice(corpus(SEED), FILES_OF_THE_CORPUS)):
        if number % PER_DESK == 0:
            desk = Desk()
        check(file, desk, validated=number % VALIDATED_OF_EVERY == 0)


@pytest.mark.parametrize("fault", FILES)
def test_a_fault_of_the_file_refuses_it_whole(fault: str) -> None:
    """CPF01: its bytes are kept, its sender is answered, and no plan is loaded (dossier 3.2, ruling 40)."""
    check(predicted(fault, ["child protection plan", "wrong check digit"]), Desk(), validated=True)


@pytest.mark.parametrize("harmless", HARMLESS)
def test_what_makes_no_difference_makes_none(harmless: str) -> None:
    """The good record is loaded, the other kept: CPF03."""
    check(predicted(harmless, ["child protection plan", "wrong check digit"]), Desk(), validated=True)


@pytest.mark.parametrize("sort", RECORDS)
def test_a_faulty_record_never_stops_the_others(sort: str) -> None:
    """Each sort of record between two good ones, in the order of the file."""
    check(predicted("as it should be", ["looked after", sort, "looked after"]), Desk(), validated=True)


def test_the_same_file_twice_loads_nothing_twice() -> None:
    """Every fact has the same id, so that merging twice is merging once."""
    desk = Desk()
    file = predicted("as it should be", ["both plans", "wrong check digit", "unborn"])
    for _ in range(2):
        check(file, desk, validated=False)

    records = desk.kafka.read(Topic.PLANS)
    ids = [dict(record.headers)["ce_id"] for record in records]
    assert (2 * file.plans, file.plans) == (len(ids), len(set(ids)))
    assert desk.plans().keys() == {b"9990000018", b"9990000069"}


def test_every_file_is_received_when_the_corpus_says() -> None:
    """The predictions hold for that day."""
    assert RECEIVED == NOW
