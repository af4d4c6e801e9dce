"""The schemas against every released copy: unchanged, and readable both ways with what is written now."""

from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from fastavro import parse_schema, schemaless_reader, schemaless_writer
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.avro_strategies import values_of
from tests.tools.avro_compatibility import full_problems
from tests.tools.release_schemas import (
    COMMAND,
    REPOSITORY,
    damaged,
    frozen,
    ids_of,
    is_out,
    present,
    releases,
    schemas_of,
    version,
)

NOW = schemas_of(present(REPOSITORY))
RELEASES = releases(REPOSITORY)


def subject(name: str) -> str:
    """Return the name without an earlier version's number."""
    return name.partition(".")[0]


def pairs() -> Iterator[Any]:
    """Yield each present schema with every other version of its subject: released, or kept beside it."""
    for release, folder in RELEASES.items():
        for name, schema in schemas_of(frozen(folder)).items():
            if subject(name) in NOW:
                yield pytest.param(NOW[subject(name)], schema, id=f"{name} of {release}")
    for name, schema in NOW.items():
        if name != subject(name):
            yield pytest.param(NOW[subject(name)], schema, id=name)


def without_words(schema: Any) -> Any:
    """Return a schema without its documentation: what decides about bytes."""
    match schema:
        case dict():
            return {key: without_words(value) for key, value in schema.items() if key != "doc"}
        case list():
            return [without_words(each) for each in schema]
        case _:
            return schema


@pytest.mark.parametrize("folder", RELEASES.values(), ids=RELEASES.keys())
def test_a_frozen_copy_is_as_it_was_frozen(folder: Path) -> None:
    """Every file has its sum, and there is no other file."""
    assert [] == list(damaged(folder))


def test_the_version_on_its_way_is_frozen_as_it_is() -> None:
    """Who changes a schema before its release says so, by freezing it anew."""
    coming = version(REPOSITORY)
    if not is_out(REPOSITORY, coming):
        kept = frozen(RELEASES[coming]) if coming in RELEASES else {}
        now = present(REPOSITORY)
        changed = sorted(name for name in {*kept, *now} if kept.get(name) != now.get(name))
        assert [] == changed, f"run `{COMMAND}` and read what it changed"


@pytest.mark.parametrize("folder", RELEASES.values(), ids=RELEASES.keys())
def test_nothing_that_was_released_is_gone(folder: Path) -> None:
    """Each id still stands for the same schema, so that what lies in topics stays readable."""
    files = frozen(folder)
    now_by_id = {number: NOW[name] for name, number in ids_of(present(REPOSITORY)).items()}
    former = schemas_of(files)

    changed = [
        name
        for name, number in ids_of(files).items()
        if without_words(now_by_id.get(number)) != without_words(former[name])
    ]
    assert [] == changed
    assert {subject(name) for name in former} <= set(NOW)


@pytest.mark.parametrize(("now", "former"), list(pairs()))
def test_every_change_is_fully_compatible(now: Any, former: Any) -> None:
    """FULL_TRANSITIVE: present and former releases read each other, whichever comes first."""
    assert [] == full_problems(now, former)


@pytest.mark.parametrize(("now", "former"), list(pairs()))
@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_both_are_really_read_by_the_other(now: Any, former: Any, data: st.DataObject) -> None:
    """Whatever one writes, the other reads, and the fields that both have are the same."""
    ways = [(now, former), (former, now)]
    values = [data.draw(values_of(writer)) for writer, _ in ways]
    for (writer, reader), value in zip(ways, values, strict=True):
        read = written_and_read(value, writer=writer, reader=reader)
        same = [
            field["name"]
            for field in reader["fields"]
            if any(
                other["name"] == field["name"]
                and without_words(other["type"]) == without_words(field["type"])
                for other in writer["fields"]
            )
        ]
        assert {name: value[name] for name in same} == {name: read[name] for name in same}


def written_and_read(value: Any, *, writer: Any, reader: Any) -> Any:
    """Return a value after fastavro wrote it by one schema and read it by the other."""
    data = BytesIO()
    schemaless_writer(data, parse_schema(writer, named_schemas={}), value)
    data.seek(0)
    return schemaless_reader(
        data, parse_schema(writer, named_schemas={}), parse_schema(reader, named_schemas={})
    )
