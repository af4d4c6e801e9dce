"""`cpis upload` on a genuine Kafka: what it shows, and its exit codes."""

import asyncio
import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import islice
from pathlib import Path

import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition
from click.testing import CliRunner
from click.testing import Result as Ran
from lxml import etree

from broker.adapters.cluster import Cluster
from broker.adapters.embedded_kafka import EmbeddedKafka
from broker.adapters.kept_files import KeptFiles
from broker.adapters.sealing import KeyDirectory
from broker.cli import root
from broker.core.errors import AcknowledgementUnwritten, KafkaUnavailable
from broker.core.identifiers import LONDON, OdsCode
from broker.core.kept_uploads import KeptUpload, Result, UploadDoor
from broker.core.senders import Peer
from broker.core.upload_errors import NoCompleteFile, NotMissing
from broker.ports import Topic
from broker.runtime.la_feeds import LaFeeds
from broker.runtime.metrics import Metrics
from broker.runtime.parts import assemble, present
from broker.runtime.senders_file import parse_senders
from broker.runtime.settings import Settings
from broker.wire.http import HttpAnswer, HttpRequest
from broker.wire.reconciliation import COLUMNS, MISSING_COLUMNS
from tests.builders.matcher import pause
from tests.builders.upload import HL7, Person, PlanBlock, Record, build_upload
from tests.official_schemas import faults_of
from tests.spec.numbers import numbers_beginning

GOOD = Record(child=Person(number="9990000018"))
BAD = Record(child=Person(number="9990000019"))
PLACE = "/File/record[2]/CP-ISRecord/subject/COCT_TP145101GB01.Child/id"
PARTITIONS = 6

pytestmark = pytest.mark.kafka

Upload = Callable[..., Ran]


@pytest.fixture
def upload(kafka: EmbeddedKafka, tmp_path: Path) -> Upload:
    """Return what writes contents to files and runs the command on them."""

    def run(*contents: bytes, servers: str = kafka.bootstrap_servers, options: Sequence[str] = ()) -> Ran:
        files = []
        for number, content in enumerate(contents, start=1):
            file = tmp_path / f"file-{number}.xml"
            file.write_bytes(content)
            files.append(str(file))
        return CliRunner().invoke(
            root,
            ["upload", *files, *options],
            env={
                "CPIS_KAFKA_BOOTSTRAP_SERVERS": servers,
                "CPIS_DATA_DIR": str(tmp_path),
                "COLUMNS": "80",
            },
        )

    return run


def test_a_file_that_is_loaded_throughout_ends_with_0(upload: Upload) -> None:
    """And says how much of it there was."""
    result = upload(build_upload((GOOD, GOOD)))

    assert (0, "file-1.xml: CPF02, 2 records and 2 plans loaded\n") == (result.exit_code, result.stdout)


def test_what_is_loaded_lies_in_its_topic(kafka: EmbeddedKafka, upload: Upload) -> None:
    """One record for each plan, none for a refused one."""
    before = asyncio.run(_count(kafka.cluster, Topic.PLANS))

    upload(build_upload((GOOD, BAD, GOOD)))

    assert asyncio.run(_count(kafka.cluster, Topic.PLANS)) == before + 2


def test_a_late_end_of_a_plan_on_file_is_loaded_and_a_new_record_out_of_view_is_not(upload: Upload) -> None:
    """What is durable is what is held, whether a matcher has taken it or not (ruling 18)."""
    child, other = (Person(number=number.digits) for number in islice(numbers_beginning("99912"), 2))
    started = PlanBlock(kind="LAC", start="202001010000")
    ended = replace(started, end="202101010000")
    upload(build_upload([Record(child=child, plans=[started])], created="20250201063000"))

    result = upload(build_upload([Record(child=one, plans=[ended]) for one in (child, other)]))

    assert "CPF03, 1 records and 2 plans loaded, 1 refused" in result.stdout


def test_a_refused_record_is_shown_with_its_place_and_ends_with_65(upload: Upload) -> None:
    """The rest of the file, and the other file, are loaded all the same."""
    result = upload(build_upload((GOOD, BAD)), build_upload((GOOD,)))

    shown = result.stdout
    expected = ["file-1.xml: CPF03", "CPR04", "wrong check digit", PLACE, "file-2.xml: CPF02"]
    assert [words for words in expected if words not in shown] == []
    assert result.exit_code == 65


def test_a_file_that_cannot_be_read_ends_with_65(upload: Upload) -> None:
    """It is kept, and the reason is shown."""
    result = upload(b"nonsense")

    assert "not well-formed XML" in result.stdout
    assert result.exit_code == 65


def test_nothing_shown_names_a_child(upload: Upload) -> None:
    """A terminal is copied into tickets."""
    shown = upload(build_upload((GOOD, BAD))).stdout

    assert [name for name in ("9990000018", "9990000019", "Sample", "Robin") if name in shown] == []


def test_a_long_list_of_refused_records_is_cut(upload: Upload) -> None:
    """And says how many more there are."""
    result = upload(build_upload([BAD] * 201))

    assert "and 1 more" in result.stdout


def test_without_kafka_nothing_is_taken(upload: Upload) -> None:
    """69: to be done again."""
    result = upload(build_upload(), servers="127.0.0.1:1")

    assert isinstance(result.exception, KafkaUnavailable)
    assert result.exception.exit_code == 69


def test_the_acknowledgement_is_written_where_it_is_asked_for(upload: Upload, tmp_path: Path) -> None:
    """For the owner alone, while the summary is shown as ever."""
    place = tmp_path / "answer.xml"

    result = upload(build_upload((GOOD, BAD), file_id="F1"), options=["--acknowledgement", str(place)])

    assert "file-1.xml: CPF03" in result.stdout
    assert (["F1"], ["CPF03", "CPR06", "CPR04"]) == ids_and_codes(place.read_bytes())
    assert (0o600, 65) == (place.stat().st_mode & 0o777, result.exit_code)


def test_the_acknowledgement_can_be_piped(upload: Upload) -> None:
    """Standard output holds it and nothing else; the summary goes where errors go."""
    result = upload(build_upload((GOOD,), file_id="F1"), options=["--acknowledgement", "-"])

    assert (["F1"], ["CPF02", "CPR06"]) == ids_and_codes(result.stdout_bytes)
    assert ("file-1.xml: CPF02" in result.stderr, 0) == (True, result.exit_code)


def test_a_file_that_cannot_be_read_is_acknowledged_too(upload: Upload) -> None:
    """With what there is."""
    result = upload(b"nonsense", options=["--acknowledgement", "-"])

    assert (["unknown"], ["CPF01", "CPR07"]) == ids_and_codes(result.stdout_bytes)


def test_an_acknowledgement_that_cannot_be_written_is_told_after_the_load(
    upload: Upload, tmp_path: Path
) -> None:
    """The file is loaded; 74, and loading it again does no harm."""
    result = upload(build_upload(), options=["--acknowledgement", str(tmp_path / "nowhere" / "answer.xml")])

    assert "CPF02" in result.stdout
    assert isinstance(result.exception, AcknowledgementUnwritten)
    assert result.exception.exit_code == 74


def test_several_files_have_no_one_acknowledgement(upload: Upload) -> None:
    """A mistake of use, before anything is sent."""
    result = upload(build_upload(), build_upload(), options=["--acknowledgement", "-"])

    assert ("one file at a time" in result.stderr, 2) == (True, result.exit_code)


def ids_and_codes(acknowledgement: bytes) -> tuple[list[str], list[str]]:
    """Return file id and codes of an acknowledgement, having compared it with the official schema."""
    assert [] == faults_of(acknowledgement)
    root = etree.fromstring(acknowledgement)
    ids = [str(one.get("extension")) for one in root.iterfind(f"{{{HL7}}}id")]
    return ids, [str(one.get("code")) for one in root.iter(f"{{{HL7}}}code")]


def test_a_file_that_is_not_there_is_a_mistake_of_use(tmp_path: Path) -> None:
    """Before anything is sent."""
    result = CliRunner().invoke(root, ["upload", str(tmp_path / "nowhere.xml")])

    assert result.exit_code == 2


async def _count(cluster: Cluster, topic: Topic) -> int:
    """Return how many records a topic holds."""
    async with AIOKafkaConsumer(**cluster.connection()) as consumer:
        places = [TopicPartition(topic, partition) for partition in range(PARTITIONS)]
        ends = await consumer.end_offsets(places)
        return sum(ends.values())


def test_what_became_of_the_file_is_in_the_authority_s_feed(kafka: EmbeddedKafka, upload: Upload) -> None:
    """`cpis authorities` reads back what the upload left, and names nobody (R15, R20)."""
    authority = "E777"
    made = f"{present().astimezone(LONDON):%Y%m%d%H%M%S}"
    upload(build_upload((GOOD, BAD), authority=authority, file_id="OF-E777", created=made))

    settings = {"CPIS_KAFKA_BOOTSTRAP_SERVERS": kafka.bootstrap_servers}
    told = CliRunner().invoke(root, ["authorities", "--json"], env=settings)
    feeds = {feed["authority"]: feed for feed in map(json.loads, told.stdout.splitlines())}
    found = feeds[authority]
    assert (0.5, True, False, 1) == (
        found["matched"],
        found["below_gate"],
        found["stale"],
        found["newest_file"]["loaded"],
    )
    table = CliRunner().invoke(root, ["authorities", "--unwell"], env=settings).stdout
    assert "50.0% BELOW GATE" in table
    assert not [name for name in ("9990000018", "Sample", "OF-E777") if name in told.stdout + table]


def test_an_authority_asks_over_http_how_its_feed_stands_and_for_its_plans(
    kafka: EmbeddedKafka, upload: Upload, tmp_path: Path
) -> None:
    """What was read of feeds is read on; who fetched plans is in the audit trail first (R20; C8, C13)."""
    authority = "E779"
    upload(build_upload((GOOD, BAD), authority=authority, file_id="OF-E779"))
    settings = Settings(data_dir=tmp_path, feed_reconciliation=True)
    token = f"sha256:{'a' * 64}"
    senders = parse_senders(f'[authority.{authority}]\ntokens = ["{token}"]\n', "senders.toml")
    parts = replace(assemble(settings), senders=senders)
    request = HttpRequest(peer=Peer("192.0.2.1", tokens=frozenset({token})))

    async def scenario() -> list[HttpAnswer]:
        """Ask for both, the feed twice."""
        feeds = LaFeeds(settings, parts, kafka.cluster, clock=present, metrics=Metrics())
        asked, plans = feeds.operations()
        try:
            found = [await one.handle(request) for one in (asked, plans)]
            counting = asyncio.ensure_future(feeds.count())
            async with asyncio.timeout(60.0):
                while not counted(told := await asked.handle(request)):
                    await pause(0.05)
            counting.cancel()
            return [found[0], told, found[1]]
        finally:
            await feeds.close()

    def counted(answer: HttpAnswer) -> bool:
        """Tell whether the plans that are held are counted in an answer."""
        return all(feed["plans"] is not None for feed in json.loads(answer.body)["feeds"])

    *feeds, plans = asyncio.run(scenario())
    assert [False, True] == [counted(one) for one in feeds]
    assert [[authority]] * 2 == [
        [feed["authority"] for feed in json.loads(one.body)["feeds"]] for one in feeds
    ]
    assert (200, "0", ",".join(COLUMNS)) == (
        plans.status,
        plans.headers["X-Plans-Withheld"],
        plans.body.decode().splitlines()[0],
    )


def test_what_a_complete_file_lacks_is_asked_where_it_is_kept(kafka: EmbeddedKafka, tmp_path: Path) -> None:
    """Without such a file that is told, never that nothing is missing; with one, how many plans it lacks."""
    settings = {"CPIS_KAFKA_BOOTSTRAP_SERVERS": kafka.bootstrap_servers, "CPIS_DATA_DIR": str(tmp_path)}
    grounds, file = ("--by", "ops-7", "--reason", "a test"), tmp_path / "missing.csv"
    asked = ["authorities", "missing", "E776", "--to", str(file), *grounds]
    without = CliRunner().invoke(root, asked, env=settings)
    keep_complete(tmp_path, "E776")
    told = CliRunner().invoke(root, asked, env=settings)
    ended = CliRunner().invoke(root, ["authorities", "end", "E776", "a" * 32, *grounds], env=settings)

    assert isinstance(without.exception, NoCompleteFile)
    assert (0, "0 plans are not in the file of 2025-03-01 06:30 UTC\n") == (told.exit_code, told.stdout)
    assert f"{','.join(MISSING_COLUMNS)}\r\n" == file.read_bytes().decode()
    assert isinstance(ended.exception, NotMissing)


def keep_complete(directory: Path, authority: str) -> None:
    """Keep a complete file of an authority, as the door of another process does."""
    settings = Settings(data_dir=directory)
    store = KeptFiles(settings.kept_files, KeyDirectory(settings.sealing_keys_dir, present))
    upload = KeptUpload(
        upload_id="c" * 32,
        door=UploadDoor.HTTP,
        senders=frozenset({OdsCode(authority)}),
        received_at=present(),
        digest="d",
        complete=True,
        result=Result(code="CPF02", loaded=1, failed=0, plans=1),
    )
    draft = store.begin(upload.upload_id)
    draft.write(build_upload(authority=authority))
    draft.place()
    store.settle(upload, {})


def test_an_authority_s_plans_go_to_a_file_of_one_s_own(kafka: EmbeddedKafka, tmp_path: Path) -> None:
    """`cpis authorities reconcile` needs grounds, and says how many plans it wrote (C8)."""
    settings = {
        "CPIS_KAFKA_BOOTSTRAP_SERVERS": kafka.bootstrap_servers,
        "CPIS_DATA_DIR": str(tmp_path),
    }
    file = tmp_path / "plans.csv"
    asked = ["authorities", "reconcile", "E778", "--to", str(file), "--by", "ops-7", "--reason", "a test"]
    told = CliRunner().invoke(root, asked, env=settings)

    assert (0, "0 plans written\n") == (told.exit_code, told.stdout)
    assert f"{','.join(COLUMNS)}\r\n" == file.read_bytes().decode()
    assert 0o600 == file.stat().st_mode & 0o777
    counted = CliRunner().invoke(root, ["authorities", "plans"], env=settings)
    assert counted.stdout.startswith("code")
