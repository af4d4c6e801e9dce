"""The inbox database: each event once, numbered without gaps, with how far Kafka was taken."""

import sqlite3
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import closing
from dataclasses import replace
from multiprocessing import get_context
from pathlib import Path

import pytest
from sqlalchemy import create_engine

from broker.adapters.inbox_tables import ERASED
from broker.adapters.projection import InboxEvent, Projection, prove_database
from broker.core.errors import ConfigurationError, StorageUnusable
from tests.builders.postgresql import PostgreSql, running_postgresql

EVENT = InboxEvent(
    recipient="la.211", event_id="e1", alert_id="a1", revision=1, kind="raised", loud=True, body=b"value"
)

EACH = 60
"""How many events each of two processes puts."""


@pytest.fixture(scope="module")
def postgresql() -> Iterator[PostgreSql]:
    """Lend a server, or skip whatever is to be tried on it."""
    with running_postgresql() as server:
        yield server


@pytest.fixture
def file_url(tmp_path: Path) -> str:
    """Return the URL of a new database in a file."""
    return f"sqlite:///{tmp_path / 'broker.sqlite'}"


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest) -> str:
    """Return the URL of a new database of either kind that is supported."""
    if request.param == "sqlite":
        in_a_file: str = request.getfixturevalue("file_url")
        return in_a_file
    server: PostgreSql = request.getfixturevalue("postgresql")
    return server.new_database()


@pytest.fixture
def projection(url: str) -> Iterator[Projection]:
    """Lend a new database."""
    opened = Projection(url)
    yield opened
    opened.close()


def test_an_event_comes_back_as_it_was_stored(projection: Projection) -> None:
    """The inbox holds the event behind number 1."""
    assert projection.store("cpis.alerts", 0, 7, EVENT)

    (row,) = projection.inbox("la.211")

    assert (1, EVENT) == (row.number, row.event)


def test_numbers_of_each_recipient_have_no_gaps(projection: Projection) -> None:
    """Each recipient counts from 1, whatever comes in between."""
    for offset, (recipient, event_id) in enumerate(
        [("la.211", "e1"), ("provider.RQX", "e2"), ("la.211", "e3"), ("la.211", "e4")]
    ):
        projection.store("cpis.alerts", 0, offset, replace(EVENT, recipient=recipient, event_id=event_id))

    assert [1, 2, 3] == [row.number for row in projection.inbox("la.211")]
    assert [1] == [row.number for row in projection.inbox("provider.RQX")]


def put_many(url: str, name: str) -> int:
    """Put many events into one inbox by both ways, as a process of its own; return how many were new."""
    opened = Projection(url)
    told = 0
    try:
        for place in range(EACH):
            event = replace(EVENT, event_id=f"{name} {place}", alert_id="")
            told += opened.remind(event) if place % 2 else opened.store(name, 0, place, event)
    finally:
        opened.close()
    return told


def test_two_processes_that_write_at_once_number_without_a_gap(url: str) -> None:
    """Neither fails, and none of the other's numbers is given twice: a reader goes by them."""
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as processes:
        told = sum(processes.map(put_many, (url, url), ("one", "two")))

    opened = Projection(url)
    numbers = [row.number for row in opened.inbox("la.211")]
    opened.close()
    assert (2 * EACH, list(range(1, 2 * EACH + 1))) == (told, numbers)


def test_a_record_taken_before_changes_nothing(projection: Projection) -> None:
    """After a crash Kafka gives records again: the offset in the database tells which are known."""
    projection.store("cpis.alerts", 0, 7, EVENT)
    projection.store("cpis.alerts", 0, 9, None)

    again = [projection.store("cpis.alerts", 0, offset, EVENT) for offset in (7, 9)]

    assert ([False, False], 1) == (again, len(projection.inbox("la.211")))


def test_what_may_be_told_no_more_is_replaced_where_it_stands(projection: Projection) -> None:
    """Of that alert and recipient alone (ruling 24)."""
    old = replace(EVENT, body=b"the old content")
    others = [
        replace(old, event_id="e2", alert_id="a2", body=b"another alert"),
        replace(old, event_id="e3", recipient="la.212", body=b"another recipient"),
    ]
    for offset, event in enumerate([old, *others]):
        projection.store("cpis.alerts", 0, offset, event)
    reduced = replace(EVENT, event_id="e4", revision=2, kind="updated", body=b"reduced")

    projection.store("cpis.alerts", 0, 3, reduced, supersedes=True)

    bodies = [row.event.body for row in projection.inbox("la.211")]
    assert [b"reduced", b"another alert", b"reduced"] == bodies
    assert [b"another recipient"] == [row.event.body for row in projection.inbox("la.212")]
    assert ["e1", "e2", "e4"] == [row.event.event_id for row in projection.inbox("la.211")]


def test_what_was_replaced_is_in_no_byte_of_the_file(file_url: str) -> None:
    """SQLite overwrites what it deletes (ruling 24)."""
    projection = Projection(file_url)
    projection.store("cpis.alerts", 0, 0, replace(EVENT, body=b"the old content"))
    reduced = replace(EVENT, event_id="e4", revision=2, kind="updated", body=b"reduced")
    projection.store("cpis.alerts", 0, 1, reduced, supersedes=True)
    projection.close()

    file = Path(file_url.removeprefix("sqlite:///"))
    left = b"".join(part.read_bytes() for part in file.parent.glob(f"{file.name}*"))
    assert (True, False) == (b"reduced" in left, b"the old content" in left)


def test_an_event_that_comes_again_replaces_nothing(projection: Projection) -> None:
    """A record taken before changes nothing, whatever it supersedes."""
    projection.store("cpis.alerts", 0, 7, EVENT)

    assert not projection.store("cpis.alerts", 0, 7, replace(EVENT, revision=9, body=b"x"), supersedes=True)
    assert [b"value"] == [row.event.body for row in projection.inbox("la.211")]


def test_partitions_are_taken_apart(projection: Projection) -> None:
    """The offset of one partition says nothing of another."""
    projection.store("cpis.alerts", 0, 7, EVENT)

    assert projection.store("cpis.alerts", 1, 3, replace(EVENT, event_id="e2"))
    assert 2 == len(projection.inbox("la.211"))


def test_an_event_published_twice_is_stored_once(projection: Projection) -> None:
    """The event id is the idempotency key, wherever the second record lies."""
    projection.store("cpis.alerts", 0, 7, EVENT)
    projection.store("cpis.alerts", 0, 8, EVENT)

    assert [1] == [row.number for row in projection.inbox("la.211")]


def test_an_inbox_is_read_in_parts(projection: Projection) -> None:
    """A reader goes on behind the number it has read last."""
    for offset in range(5):
        projection.store("cpis.alerts", 0, offset, replace(EVENT, event_id=f"e{offset}"))

    assert [3, 4] == [row.number for row in projection.inbox("la.211", after=2, limit=2)]


def test_what_is_stored_survives_and_keeps_its_identity(url: str) -> None:
    """A database opened again is the same one; a new one has another identity and is filled anew."""
    first = Projection(url)
    first.store("cpis.alerts", 0, 7, EVENT)
    first.close()
    second = Projection(url)
    other = Projection("sqlite://")

    assert 1 == len(second.inbox("la.211"))
    assert first.identity == second.identity != other.identity
    second.close()
    other.close()


@pytest.mark.parametrize("wrong", ["no url", "oracle://user:secret@h/d", "nonsense+sqlite://"])
def test_a_url_that_is_none_is_told_without_it(wrong: str) -> None:
    """The URL may hold a password."""
    with pytest.raises(ConfigurationError, match="CPIS_DATABASE_URL") as told:
        Projection(wrong)

    assert "secret" not in str(told.value)


def test_a_driver_that_is_not_there_is_named() -> None:
    """The URL is right, and says too little."""
    with pytest.raises(ConfigurationError, match=r"its driver, pymssql, is not installed"):
        Projection("mssql+pymssql://user:secret@127.0.0.1/d")


def test_a_server_that_is_away_is_told_without_a_word_of_the_url() -> None:
    """It may hold a password."""
    with pytest.raises(StorageUnusable, match="CPIS_DATABASE_URL") as told:
        Projection("postgresql+psycopg://user:secret@127.0.0.1:1/d")

    assert "secret" not in str(told.value)


def test_a_new_database_is_its_owners_alone(tmp_path: Path) -> None:
    """It names children; what SQLite puts beside it follows its mode."""
    made = Projection(f"sqlite:///{tmp_path}/broker.sqlite")
    made.store("cpis.alerts", 0, 0, None)

    assert {0o600} == {file.stat().st_mode & 0o777 for file in tmp_path.iterdir()}
    made.close()


def test_a_database_that_cannot_be_opened_is_told_in_the_drivers_words() -> None:
    """The setting, and why."""
    with pytest.raises(StorageUnusable, match=r"CPIS_DATABASE_URL: .*unable to open database file"):
        Projection("sqlite:////nowhere/at/all.sqlite")


def _prove(file: Path, made: Path | None = None) -> None:
    """Prove an SQLite file."""
    prove_database(f"sqlite:///{file}", will_be_made=made or file.parent.parent / "elsewhere")


def test_a_proof_of_a_new_database_makes_nothing(tmp_path: Path) -> None:
    """Neither in a directory that is there nor in the one that will be made."""
    _prove(tmp_path / "new.sqlite")
    _prove(tmp_path / "data" / "new.sqlite", made=tmp_path / "data")
    prove_database("sqlite://", will_be_made=tmp_path)

    assert [] == list(tmp_path.iterdir())


def test_a_proof_of_a_database_in_use_disturbs_nobody(tmp_path: Path) -> None:
    """It is proved at every start."""
    used = Projection(f"sqlite:///{tmp_path}/used.sqlite")

    _prove(tmp_path / "used.sqlite")

    assert [] == used.inbox("la.211")
    used.close()


def test_a_missing_directory_is_not_made_for_a_database(tmp_path: Path) -> None:
    """It may be a disk that is not mounted: a database made in its place would be hidden when it is."""
    with pytest.raises(StorageUnusable, match=r"CPIS_DATABASE_URL: there is no directory .*/away"):
        _prove(tmp_path / "away" / "broker.sqlite")


def test_a_file_that_is_no_database_is_told(tmp_path: Path) -> None:
    """And not overwritten."""
    file = tmp_path / "broker.sqlite"
    file.write_text("notes, and nothing but notes\n" * 200)

    with pytest.raises(StorageUnusable, match="file is not a database"):
        _prove(file)

    assert file.read_text().startswith("notes")


def test_another_releases_tables_are_told(tmp_path: Path) -> None:
    """Before an event fails to be stored in them."""
    file = tmp_path / "broker.sqlite"
    with closing(sqlite3.connect(file)) as other:
        other.execute("CREATE TABLE offsets (topic TEXT, next_offset INTEGER)")

    with pytest.raises(StorageUnusable, match=r"table offsets is another release's"):
        _prove(file)


def test_a_proof_of_a_database_on_a_server_sees_its_tables(url: str, tmp_path: Path) -> None:
    """Before the first start there are none, and after it those of this release."""
    prove_database(url, will_be_made=tmp_path)
    Projection(url).close()
    prove_database(url, will_be_made=tmp_path)

    engine = create_engine(url)
    with engine.begin() as connection:
        connection.exec_driver_sql("ALTER TABLE offsets ADD COLUMN other INTEGER")
    engine.dispose()
    with pytest.raises(StorageUnusable, match=r"table offsets is another release's"):
        prove_database(url, will_be_made=tmp_path)


def test_of_an_erased_alert_nothing_is_left_but_its_place(tmp_path: Path, url: str) -> None:
    """Its number stays, its bytes are in no file, and its event is not stored again (ruling 23)."""
    projection = Projection(url)
    marked = replace(EVENT, body=b"a body that is to go")
    projection.store("cpis.alerts", 0, 7, marked)
    projection.store("cpis.alerts", 0, 8, replace(EVENT, event_id="e2", alert_id="a2"))
    assert projection.store("cpis.alerts", 0, 9, None, erased={"a1", "a9"})

    assert projection.store("cpis.alerts", 0, 10, marked)
    projection.close()

    reopened = Projection(url)
    erased, other = reopened.inbox("la.211")
    reopened.close()
    assert (1, "", ERASED, b"") == (
        erased.number,
        erased.event.alert_id,
        erased.event.kind,
        erased.event.body,
    )
    assert (2, "a2") == (other.number, other.event.alert_id)
    assert [] == [file.name for file in tmp_path.iterdir() if marked.body in file.read_bytes()]


def test_an_erased_alert_that_is_told_once_more_has_a_place_of_its_own(projection: Projection) -> None:
    """Its number is in use again: the recipient reads it, and it is delivered, as any event (ruling 23)."""
    again = replace(EVENT, event_id="e2", revision=2)
    projection.store("cpis.alerts", 0, 7, EVENT)
    projection.store("cpis.alerts", 0, 8, None, erased={"a1"})
    projection.store("cpis.alerts", 0, 9, again)

    erased, told = projection.inbox("la.211")
    assert [(1, ERASED), (2, again)] == [(erased.number, erased.event.kind), (told.number, told.event)]


def test_a_recipients_own_value_takes_the_place_of_the_same_events(projection: Projection) -> None:
    """In either order, under one number: it names the recipient's own ids as well (ruling 28)."""
    own = replace(EVENT, body=b"value and ids")
    projection.store("cpis.alerts", 0, 0, EVENT)
    projection.store("cpis.alerts.la.211", 0, 0, own, still=lambda body: body == EVENT.body)
    other = replace(own, event_id="e2", alert_id="a2")
    projection.store("cpis.alerts.la.211", 0, 1, other, still=lambda _body: True)
    projection.store("cpis.alerts", 0, 1, replace(EVENT, event_id="e2", alert_id="a2"))

    assert [(1, own), (2, other)] == [(row.number, row.event) for row in projection.inbox("la.211")]


def test_a_recipients_own_value_does_not_replace_what_took_its_place(projection: Projection) -> None:
    """What may be told no more does not come back (ruling 24), nor what was erased (23)."""
    projection.store("cpis.alerts", 0, 0, EVENT)
    reduced = replace(EVENT, event_id="e2", revision=2, body=b"reduced")
    projection.store("cpis.alerts", 0, 1, reduced, supersedes=True)
    own = replace(EVENT, body=b"value and ids")
    projection.store("cpis.alerts.la.211", 0, 0, own, still=lambda body: body == EVENT.body)
    assert [b"reduced", b"reduced"] == [row.event.body for row in projection.inbox("la.211")]

    projection.store("cpis.alerts", 0, 2, None, erased={"a1"})
    projection.store("cpis.alerts.la.211", 0, 1, own, still=lambda _body: True)
    assert [b"", b""] == [row.event.body for row in projection.inbox("la.211")]
