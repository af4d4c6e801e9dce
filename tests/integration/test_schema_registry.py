"""An outside schema registry on a real socket: well, ill, refusing, slow, gone; and alerts under its ids."""

import asyncio
import io
import json
import os
import socket
import ssl
import subprocess
import sys
import urllib.request
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import trustme
from click.testing import CliRunner, Result
from fastavro import parse_schema, schemaless_reader

from broker.adapters.embedded_kafka import EmbeddedKafka
from broker.adapters.kafka_topics import load_topics
from broker.adapters.schema_registry import RegistryAddress, SchemaRegistry, open_registry
from broker.cli import root
from broker.core.errors import BrokerError, RegistryUnavailable, SchemaNotRegistered
from broker.ports import Topic
from broker.runtime.codecs import load_files
from broker.runtime.parts import assemble
from broker.runtime.registry import registered_ids, subjects
from broker.runtime.resources import topics_file
from broker.runtime.settings import Settings
from broker.runtime.worker import Role, working
from broker.services.matching import Codecs
from tests.builders.declared_kafka import declared_kafka
from tests.builders.matcher import pause
from tests.builders.registry import FIRST_ID, Ill, Registry, running_registry
from tests.fault.checker import caught_up, read_topics
from tests.fault.fleet import send
from tests.fault.load import make_load, standing

DEADLINE_S = 90.0
USER, PASSWORD = "cpis", "not-to-be-told"
AVSC, PINNED = load_files()
ALERT = AVSC["alert"]
SUBJECT = "cpis.alerts-value"
SUBJECTS = subjects(load_topics(topics_file().read_text("utf-8")).names)

Question = Callable[[SchemaRegistry], Awaitable[Any]]
QUESTIONS: dict[str, Question] = {
    "look up": lambda registry: registry.id_of(SUBJECT, ALERT),
    "register": lambda registry: registry.register(SUBJECT, ALERT),
    "check": lambda registry: registry.is_compatible(SUBJECT, ALERT),
    "fetch": lambda registry: registry.schema(FIRST_ID),
}


@pytest.fixture
def registry() -> Iterator[Registry]:
    """Lend an empty registry."""
    with running_registry() as running:
        yield running


def ask(question: Question, url: str, **address: Any) -> Any:
    """Ask a registry one question."""

    async def once() -> Any:
        """Open the registry for the question."""
        async with open_registry(RegistryAddress(url=url, **address)) as opened:
            return await question(opened)

    return asyncio.run(once())


def told(caught: pytest.ExceptionInfo[BrokerError]) -> str:
    """Return everything that an error and those behind it say."""
    errors: list[BaseException] = []
    error: BaseException | None = caught.value
    while error is not None:
        errors.append(error)
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    return " ".join(repr(each) for each in errors)


def without_first_field(schema: Any) -> Any:
    """Return an incompatible version of a schema: a field without a default is gone."""
    return {**schema, "fields": schema["fields"][1:]}


def test_what_is_registered_is_found(registry: Registry) -> None:
    """An id is found for the subject it was given for, and twice is once."""
    assert ask(QUESTIONS["look up"], registry.url) is None
    assert ask(QUESTIONS["fetch"], registry.url) is None
    assert ask(QUESTIONS["check"], registry.url) is True
    assert FIRST_ID == ask(QUESTIONS["register"], registry.url) == ask(QUESTIONS["register"], registry.url)
    assert FIRST_ID == ask(QUESTIONS["look up"], registry.url)
    assert ALERT == ask(QUESTIONS["fetch"], registry.url)


def test_an_incompatible_schema_is_told_from_a_registry_away(registry: Registry) -> None:
    """A subject that holds something else refuses, before and at registering."""
    registry.add(SUBJECT, without_first_field(ALERT))

    assert ask(QUESTIONS["check"], registry.url) is False
    with pytest.raises(SchemaNotRegistered, match="incompatible"):
        ask(QUESTIONS["register"], registry.url)


@pytest.mark.parametrize("question", QUESTIONS.values(), ids=QUESTIONS.keys())
@pytest.mark.parametrize("ill", Ill)
def test_what_is_no_answer_is_an_error(registry: Registry, ill: Ill, question: Question) -> None:
    """Whatever answers, nothing is taken for an id, and nobody is sent elsewhere."""
    registry.ill = ill

    with pytest.raises(RegistryUnavailable) as caught:
        ask(question, registry.url, deadline_s=0.3 if ill is Ill.SILENT else 10.0)

    assert "schema registry" in str(caught.value)
    assert "127.0.0.1" not in told(caught)
    assert 0 == registry.redirected


@pytest.mark.parametrize("question", QUESTIONS.values(), ids=QUESTIONS.keys())
def test_a_registry_that_is_gone_is_an_error(question: Question) -> None:
    """Nobody listens, or nobody has that name."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}"
    for gone in (url, "http://registry.invalid"):
        with pytest.raises(RegistryUnavailable) as caught:
            ask(question, gone)
        assert gone.removeprefix("http://") not in told(caught)


@pytest.mark.parametrize(
    ("user", "password"),
    [(None, None), (USER, "wrong"), ("somebody", PASSWORD), (USER, "naïve ☃")],
    ids=["nobody", "wrong password", "another user", "beyond Latin"],
)
def test_who_is_not_known_is_refused(user: str | None, password: str | None) -> None:
    """The registry's refusal is told, what was sent is not."""
    with running_registry(credentials=(USER, PASSWORD)) as registry:
        with pytest.raises(RegistryUnavailable, match="does not accept") as caught:
            ask(QUESTIONS["look up"], registry.url, user=user, password=password)
        assert ask(QUESTIONS["look up"], registry.url, user=USER, password=PASSWORD) is None

    assert not {password or "-", PASSWORD} & set(told(caught).split())


def test_only_a_registry_that_is_vouched_for_is_told_the_password(tmp_path: Path) -> None:
    """Over https the certificate is checked before anything is sent."""
    authority, stranger = trustme.CA(), trustme.CA()
    server = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("localhost").configure_cert(server)
    with running_registry(credentials=(USER, PASSWORD), tls=server) as registry:
        trusting, distrusting = ssl.create_default_context(), ssl.create_default_context()
        authority.configure_trust(trusting)
        stranger.configure_trust(distrusting)
        who = {"user": USER, "password": PASSWORD}

        assert ask(QUESTIONS["look up"], registry.url, tls=trusting, **who) is None
        asked = len(registry.asked)
        with pytest.raises(RegistryUnavailable) as caught:
            ask(QUESTIONS["look up"], registry.url, tls=distrusting, **who)
        assert asked == len(registry.asked)
        with pytest.raises(RegistryUnavailable):
            ask(QUESTIONS["look up"], registry.url.replace("localhost", "127.0.0.1"), tls=trusting, **who)

    assert PASSWORD not in told(caught)


def ids(registry: Registry) -> Any:
    """Return what a matcher learns at its start."""
    return asyncio.run(registered_ids(Settings(schema_registry_url=registry.url)))


def test_a_matcher_learns_the_id(registry: Registry) -> None:
    """The id of the present schema; ids of other schemas are nobody's business."""
    registry.add("somebody-elses-value", without_first_field(ALERT))
    registry.add(SUBJECT, ALERT)

    assert {"alert": FIRST_ID + 1} == ids(registry)


def test_a_schema_that_is_not_registered_is_told(registry: Registry) -> None:
    """Neither for an empty subject nor for one with another version is an id made up."""
    with pytest.raises(SchemaNotRegistered, match="does not have the schema"):
        ids(registry)
    registry.add(SUBJECT, {**ALERT, "doc": "An earlier wording."})
    with pytest.raises(SchemaNotRegistered, match="does not have the schema"):
        ids(registry)


def test_an_id_that_stands_for_something_else_is_told(registry: Registry) -> None:
    """What a recipient would fetch under the id must be what the alert was written with."""
    number = registry.add(SUBJECT, ALERT)
    registry.schemas = _Clash(registry.schemas, number)

    with pytest.raises(SchemaNotRegistered, match="another schema under its id"):
        ids(registry)


class _Clash(dict[int, str]):
    """Hands out another schema when it is asked for by id."""

    def __init__(self, schemas: dict[int, str], number: int) -> None:
        """Clash at this id."""
        super().__init__(schemas)
        self._number = number

    def get(self, key: int, default: Any = None) -> Any:
        """Return the wrong schema at the id."""
        return json.dumps(without_first_field(ALERT)) if key == self._number else super().get(key, default)


def test_an_id_pinned_for_another_version_is_told(
    registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Recipients' topics may hold that version under that id, so it cannot mean another one."""
    with_former = {**AVSC, "alert.1": without_first_field(ALERT)}
    monkeypatch.setattr(
        "broker.runtime.registry.load_files", lambda: (with_former, {**PINNED, "alert.1": FIRST_ID})
    )
    registry.add(SUBJECT, ALERT)

    with pytest.raises(SchemaNotRegistered, match="pinned for another version"):
        ids(registry)


def test_earlier_versions_are_learnt_as_well(registry: Registry, monkeypatch: pytest.MonkeyPatch) -> None:
    """Alerts told before the last change of the schema lie under the former id."""
    former = without_first_field(ALERT)
    monkeypatch.setattr(
        "broker.runtime.registry.load_files",
        lambda: ({**AVSC, "alert.1": former}, {**PINNED, "alert.1": 999}),
    )
    registry.add(SUBJECT, former)
    registry.add(SUBJECT, ALERT)

    assert {"alert.1": FIRST_ID, "alert": FIRST_ID + 1} == ids(registry)


def cpis(registry: Registry, *arguments: str, **others: str) -> Result:
    """Run a command with the settings of a registry, and others."""
    settings = {"CPIS_SCHEMA_REGISTRY_URL": registry.url, **others}
    return CliRunner(env=settings).invoke(root, ["schemas", *arguments])


def test_schemas_are_listed() -> None:
    """Each with its pinned id, in their order; nobody is asked."""
    result = CliRunner().invoke(root, ["schemas", "list"])

    lines = [line.split() for line in result.output.splitlines()]
    assert {name: int(number) for number, name in lines} == PINNED
    assert sorted(PINNED.values()) == [int(number) for number, _ in lines]


def test_every_subject_is_registered_and_checked(registry: Registry) -> None:
    """First absent, then registered; registering twice changes nothing."""
    first = cpis(registry, "check")
    assert isinstance(first.exception, SchemaNotRegistered)
    assert [("absent", subject) for subject in SUBJECTS] == [
        tuple(line.split()) for line in first.output.splitlines()
    ]

    for _ in range(2):
        assert 0 == cpis(registry, "register").exit_code
    assert {subject: [FIRST_ID] for subject in SUBJECTS} == registry.versions

    last = cpis(registry, "check")
    assert 0 == last.exit_code
    assert [["registered", str(FIRST_ID), subject] for subject in SUBJECTS] == [
        line.split() for line in last.output.splitlines()
    ]


def test_the_recipients_are_those_of_the_deployments_own_file(registry: Registry, tmp_path: Path) -> None:
    """Else `check` would find everything registered and leave out whoever was added."""
    file = tmp_path / "topics.toml"
    file.write_text(topics_file().read_text("utf-8").replace('"RXM"', '"RXN"'), "utf-8")

    result = cpis(registry, "check", CPIS_TOPICS_FILE=str(file))

    assert "cpis.alerts.provider.RXN-value" in result.output
    assert "cpis.alerts.provider.RXM-value" not in result.output


def test_an_incompatible_subject_is_named(registry: Registry) -> None:
    """`check` shows which, `register` stops there with its name."""
    odd = SUBJECTS[-1]
    registry.add(odd, without_first_field(ALERT))

    shown = {line.split()[-1]: line.split()[0] for line in cpis(registry, "check").output.splitlines()}
    result = cpis(registry, "register")

    assert dict.fromkeys(SUBJECTS, "absent") | {odd: "incompatible"} == shown
    assert isinstance(result.exception, SchemaNotRegistered)
    assert odd in str(result.exception)


def run_cpis(tmp_path: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run the installed command in an environment of its own."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("CPIS_")}
    return subprocess.run(
        [sys.executable, "-m", "broker", *arguments],
        env=clean
        | {"CPIS_DATA_DIR": str(tmp_path), "CPIS_KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:9"}
        | environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=180,
    )


@pytest.mark.parametrize("ill", [None, Ill.HTML, Ill.BROKEN], ids=["gone", "html", "broken"])
def test_a_matcher_ends_clearly_where_its_registry_is_away(tmp_path: Path, ill: Ill | None) -> None:
    """It tells nobody under a made-up id: it ends at once, with what to do, and without the password."""
    (tmp_path / "password").write_text(PASSWORD)
    with running_registry(credentials=(USER, PASSWORD)) as registry:
        registry.ill = ill
        url = registry.url
        settings = {
            "CPIS_SCHEMA_REGISTRY_USER": USER,
            "CPIS_SCHEMA_REGISTRY_PASSWORD_FILE": str(tmp_path / "password"),
        }
        done = None
        if ill is not None:
            done = run_cpis(tmp_path, "run", "--role", "matcher", CPIS_SCHEMA_REGISTRY_URL=url, **settings)
    done = done or run_cpis(tmp_path, "run", "--role", "matcher", CPIS_SCHEMA_REGISTRY_URL=url, **settings)

    assert 69 == done.returncode
    assert "[CPIS-503]" in done.stderr
    assert "unset CPIS_SCHEMA_REGISTRY_URL" in done.stderr
    assert "Traceback" not in done.stdout + done.stderr
    assert PASSWORD not in done.stdout + done.stderr


def test_a_matcher_ends_clearly_where_its_schema_is_not_registered(
    tmp_path: Path, registry: Registry
) -> None:
    """The message says which command registers it."""
    done = run_cpis(tmp_path, "run", "--role", "matcher", CPIS_SCHEMA_REGISTRY_URL=registry.url)

    assert 78 == done.returncode
    assert "[CPIS-504]" in done.stderr
    assert "cpis schemas register" in done.stderr


@pytest.fixture
def own_kafka() -> Iterator[EmbeddedKafka]:
    """Lend a Kafka with the declared topics."""
    with declared_kafka() as broker:
        yield broker


def read_as_a_stranger(url: str, value: bytes) -> dict[str, Any]:
    """Return an alert as any Confluent-minded reader does: nothing of ours, the schema by its id."""
    assert value[0] == 0
    number = int.from_bytes(value[1:5], "big")
    with urllib.request.urlopen(f"{url}/schemas/ids/{number}") as answer:  # noqa: S310 – our own registry
        writer = parse_schema(json.loads(json.load(answer)["schema"]))
    body = io.BytesIO(value[5:])
    alert: dict[str, Any] = schemaless_reader(body, writer, None)
    assert body.read() == b""
    return alert


@pytest.mark.kafka
def test_recipients_read_alerts_with_the_registry_alone(
    own_kafka: EmbeddedKafka, tmp_path: Path, registry: Registry
) -> None:
    """Every alert is read by a stranger's means; what is not for recipients keeps our ids."""
    settings = Settings(
        kafka_bootstrap_servers=own_kafka.bootstrap_servers,
        data_dir=tmp_path,
        schema_registry_url=registry.url,
    )
    cluster = settings.require_cluster()
    load = make_load(seed=17, attendances=60, flagged=20)
    parts = assemble(settings)
    codecs = Codecs(
        facts=parts.facts,
        states=parts.states,
        alerts=parts.alerts,
        records=parts.records,
        details=parts.details,
    )
    assert 0 == cpis(registry, "register").exit_code

    async def scenario() -> None:
        """Let the matcher tell everything."""
        async with working(settings, [Role.MATCHER]), asyncio.timeout(DEADLINE_S):
            await send(cluster, codecs, [*load.first, *load.then])
            while not await caught_up(cluster, codecs):
                await pause(0.2)

    asyncio.run(scenario())

    topics = [subject.removesuffix("-value") for subject in SUBJECTS]
    found = asyncio.run(read_topics(cluster, topics))
    own = {int.from_bytes((record.value or b"")[1:5], "big") for record in found.pop(Topic.ALERTS.value)}
    assert {PINNED["alert"]} == own
    read = [
        read_as_a_stranger(registry.url, record.value or b"")
        for records in found.values()
        for record in records
    ]
    expected = {alert.alert_id for alert in standing(load).values()}
    assert expected
    assert expected <= {alert["alert_id"] for alert in read}

    code = next(alert["recipient"] for alert in read if alert["recipient_kind"] == "AUTHORITY")
    heard = CliRunner(
        env={
            "CPIS_KAFKA_BOOTSTRAP_SERVERS": own_kafka.bootstrap_servers,
            "CPIS_SCHEMA_REGISTRY_URL": registry.url,
            "CPIS_DATA_DIR": str(tmp_path),
        }
    ).invoke(root, ["listen", "--authority", code, "--from-beginning", "--once", "--json"])
    assert 0 == heard.exit_code
    assert {alert["alert_id"] for alert in read if alert["recipient"] == code} == {
        json.loads(line)["event"]["alert"]["alert_id"] for line in heard.stdout.splitlines()
    }
