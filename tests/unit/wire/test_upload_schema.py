"""The sample uploads, and the reader beside the official schema of REPC_MT000002GB01."""

from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest

from broker.core.errors import MalformedMessage
from broker.wire.upload_record import FaultyRecord
from tests.builders.upload import Person, PlanBlock, Record, build_upload
from tests.builders.upload_reading import read_upload
from tests.official_schemas import official_schema

REPOSITORY = Path(__file__).parents[3]
SAMPLES = REPOSITORY / "tests" / "fixtures" / "uploads"
RECEIVED = datetime(2025, 3, 1, 7, 0, tzinfo=UTC)


@pytest.fixture(scope="module", name="official_schema")
def official_upload_schema() -> Any:
    """Return the official schema of the upload, or skip."""
    return official_schema("REPC_MT000002GB01")


def readings(data: bytes) -> list[tuple[str, ...]]:
    """Return what is read, per plan the type and its days, per faulty record code and reason."""
    lines: list[tuple[str, ...]] = []
    for record in read_upload(data, received_at=RECEIVED).records:
        if isinstance(record, FaultyRecord):
            lines.append((record.code, record.reason))
            continue
        for number, fact in record.plans:
            content = fact.content
            days: tuple[date | None, ...] = (content.start, content.end, content.deleted)
            lines.append((number.digits, content.plan_type, *(str(day) for day in days if day)))
    return lines


def is_refused(data: bytes) -> bool:
    """Whether the file is refused, or each of its records."""
    try:
        upload = read_upload(data, received_at=RECEIVED)
    except MalformedMessage:
        return True
    return all(isinstance(record, FaultyRecord) for record in upload.records)


SAMPLE_READINGS = {
    "looked-after.xml": [("9990000018", "LAC", "2024-09-02")],
    "prefixed.xml": [("9990000018", "LAC", "2024-09-02")],
    "unborn.xml": [("9990000026", "UCP", "2025-01-20", "2025-06-15")],
    "pregnant-child.xml": [
        ("9990000034", "CPP", "2024-11-05"),
        ("9990000034", "LAC", "2023-06-01", "2024-09-30"),
        ("9990000034", "UCP", "2025-02-03", "2025-07-01"),
    ],
    "five-records.xml": [
        ("9990000115", "CPP", "2025-01-10"),
        ("CPR07", "plan date unreadable"),
        ("CPR04", "wrong check digit"),
        ("CPR07", "plan without its subject"),
        ("9990000018", "LAC", "2023-12-01", "2025-02-01", "2025-02-15"),
    ],
}


def test_every_sample_has_its_reading() -> None:
    """No sample lies about that nobody reads."""
    assert set(SAMPLE_READINGS) == {path.name for path in SAMPLES.iterdir()}


@pytest.mark.parametrize("name", SAMPLE_READINGS)
def test_a_sample_is_read(name: str) -> None:
    """Each sample upload reads as its row says."""
    assert SAMPLE_READINGS[name] == readings((SAMPLES / name).read_bytes())


@pytest.mark.parametrize("name", SAMPLE_READINGS)
def test_a_sample_is_valid_by_the_official_schema(official_schema: Any, name: str) -> None:
    """The samples are what an authority could send: the official schema finds nothing wrong."""
    assert [] == [error.reason for error in official_schema.iter_errors((SAMPLES / name).read_bytes())]


VALID_BUT_REFUSED = [
    pytest.param(build_upload(telephones=[("EC", "tel:")]), id="telephone without digits"),
    pytest.param(build_upload(telephones=[("WP", "tel:1")]), id="no emergency number"),
    pytest.param(build_upload(telephones=[("EC", "tel:1"), ("EC", "tel:2")]), id="two emergency numbers"),
    pytest.param(build_upload(authority="no code"), id="any text as ODS code"),
    pytest.param(build_upload(created="20250230"), id="created on 30 February"),
    pytest.param(build_upload(created="20260101"), id="created next year"),
    pytest.param(build_upload([Record(child=Person(number="none"))]), id="any text as NHS number"),
    pytest.param(build_upload([Record(child=Person(born="2015"))]), id="year of birth only"),
    pytest.param(build_upload([Record(plans=[PlanBlock(start="202502300000")])]), id="30 February"),
    pytest.param(build_upload([Record(plans=[PlanBlock(end="202401010000")])]), id="end before start"),
    pytest.param(build_upload([Record(plans=[PlanBlock(), PlanBlock()])]), id="the same plan twice"),
    pytest.param(build_upload([Record(child=None, mother=Person())]), id="a plan without its subject"),
]


@pytest.mark.parametrize("data", VALID_BUT_REFUSED)
def test_passing_the_official_schema_is_not_enough(official_schema: Any, data: bytes) -> None:
    """What ruling 40 names is valid by the schema, and neither file nor record gets past the reader."""
    assert (True, True) == (official_schema.is_valid(data), is_refused(data))


INVALID_AND_REFUSED = [
    pytest.param(build_upload([]), id="no record"),
    pytest.param(build_upload(count="many"), id="count in words"),
    pytest.param(build_upload(created="today"), id="creation in words"),
    pytest.param(build_upload(telephones=[("EC", "tel:020 7946")]), id="telephone with blanks"),
    pytest.param(build_upload([Record(plans=[])]), id="no plan"),
    pytest.param(build_upload([Record(plans=[PlanBlock(start=None)])]), id="no start"),
    pytest.param(build_upload([Record(plans=[PlanBlock(start="20250110")])]), id="plan date without time"),
    pytest.param(
        build_upload([Record(plans=[PlanBlock(kind="UCP")], child=None, mother=Person())]),
        id="unborn plan without due date",
    ),
    pytest.param(build_upload([Record(child=Person(number=None))]), id="no identifier"),
]


@pytest.mark.parametrize("data", INVALID_AND_REFUSED)
def test_what_the_official_schema_refuses_is_refused_here_too(official_schema: Any, data: bytes) -> None:
    """A file that the schema faults does not get past the reader where the fault touches what is read."""
    assert (False, True) == (official_schema.is_valid(data), is_refused(data))
