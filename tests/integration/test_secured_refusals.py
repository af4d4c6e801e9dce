"""Who is refused what on a secured Kafka, and how a process that is refused says so."""

import asyncio
import json
import time
from pathlib import Path

import pytest
import trustme
from aiokafka.errors import KafkaError, TopicAuthorizationFailedError

from broker.adapters.access_declarations import Kind, Operation
from broker.adapters.embedded_kafka import EmbeddedKafka
from broker.adapters.kafka_reader import open_reader
from broker.core.errors import KafkaNotAuthorized
from broker.ports import Topic
from broker.runtime.parts import assemble, present
from broker.runtime.settings import Settings
from broker.services.rejections import Rejections
from broker.wire.records_codec import Door, Rejected
from tests.builders.secured import STRANGER, SecuredKafka
from tests.starting import assert_refused, start

REFUSED_SECONDS = 120.0
"""A bound for a busy machine; 3 to 4 s of it are the program's start, and under 1 s is the refusal."""
PATIENT = {"CPIS_START_DEADLINE_MS": "600000"}
"""Far longer: whoever waited for a Kafka that is away would be seen."""

REFUSALS = {
    "read": [
        ("la-211", "cpis.alerts.la.204"),
        ("la-211", "cpis.alerts.provider.RXH"),
        ("la-211", Topic.ALERTS),
        ("la-211", Topic.PEOPLE),
        ("provider-RXH", "cpis.alerts.provider.RXM"),
        ("provider-RXH", "cpis.alerts.la.211"),
        ("provider-RXH", Topic.PEOPLE),
        ("provider-RXM", "cpis.in.attendances.RXM"),
        ("cpis-intake", Topic.WORKLIST),
        ("cpis-intake", Topic.ALERTS),
        ("cpis-matcher", Topic.AUDIT),
        ("cpis-matcher", Topic.REJECTED),
        ("cpis-outbox", Topic.PLANS),
        ("cpis-outbox", Topic.IDENTITY),
        ("cpis-outbox", Topic.AUDIT),
        ("cpis-operator", Topic.PLANS),
        ("cpis-operator", Topic.ALERTS),
        ("cpis-reader", Topic.PEOPLE),
        ("cpis-reader", Topic.PLANS),
        ("cpis-reader", Topic.AUDIT),
        ("cpis-administrator", Topic.ALERTS),
        ("cpis-administrator", Topic.AUDIT),
        ("cpis-explainer", Topic.AUDIT),
        ("cpis-explainer", Topic.WORKLIST),
        ("cpis-discloser", Topic.ALERTS),
        ("cpis-discloser", Topic.REJECTED),
        ("cpis-recorder", Topic.PEOPLE),
        ("cpis-recorder", Topic.REJECTED),
        ("cpis-auditor", Topic.PEOPLE),
        ("cpis-topics", Topic.PLANS),
        (STRANGER, Topic.ALERTS),
    ],
    "write": [
        ("la-211", "cpis.alerts.la.211"),
        ("provider-RXH", "cpis.alerts.provider.RXH"),
        ("provider-RXH", "cpis.in.attendances.RXM"),
        ("provider-RXM", Topic.ATTENDANCES),
        ("cpis-intake", "cpis.in.attendances.RXM"),
        ("cpis-intake", Topic.PEOPLE),
        ("cpis-intake", Topic.ALERTS),
        ("cpis-intake", Topic.AUDIT),
        ("cpis-intake", Topic.CHECKS),
        ("cpis-matcher", Topic.ACKNOWLEDGEMENTS),
        ("cpis-matcher", Topic.REJECTED),
        ("cpis-outbox", Topic.ALERTS),
        ("cpis-outbox", Topic.PEOPLE),
        ("cpis-operator", Topic.PEOPLE),
        ("cpis-operator", Topic.ALERTS),
        ("cpis-reader", Topic.AUDIT),
        ("cpis-reader", Topic.REJECTED),
        ("cpis-reader", Topic.WORKLIST),
        ("cpis-reader", Topic.ATTENDANCES),
        ("cpis-administrator", Topic.PEOPLE),
        ("cpis-administrator", Topic.ALERTS),
        ("cpis-discloser", Topic.PEOPLE),
        ("cpis-discloser", Topic.WORKLIST),
        ("cpis-explainer", Topic.PEOPLE),
        ("cpis-explainer", Topic.ALERTS),
        ("cpis-explainer", Topic.CHECKS),
        ("cpis-explainer", Topic.REJECTED),
        ("cpis-explainer", Topic.DETAILS),
        ("cpis-explainer", Topic.IDENTITY),
        ("cpis-recorder", Topic.PLANS),
        ("cpis-auditor", Topic.AUDIT),
        ("cpis-topics", Topic.PEOPLE),
        ("cpis-steward", Topic.PEOPLE),
        ("cpis-steward", Topic.AUDIT),
    ],
}

pytestmark = pytest.mark.kafka


@pytest.mark.parametrize("manner", REFUSALS)
def test_nobody_does_what_is_not_theirs(secured: SecuredKafka, manner: str) -> None:
    """A table of refusals, asked of the genuine authorizer one by one."""
    passed = []
    for user, topic in REFUSALS[manner]:
        try:
            if manner == "read":
                secured.read(user, topic)
            else:
                secured.send(user, topic, b"not yours")
        except TopicAuthorizationFailedError:
            continue
        except KafkaError as error:
            passed.append((user, topic, type(error).__name__))
        else:
            passed.append((user, topic, ""))

    assert [] == passed


def test_a_recipient_reads_its_own_topic_and_no_other(secured: SecuredKafka, tmp_path: Path) -> None:
    """By `cpis listen`, too, with the message that tells what is missing."""
    own = secured.by_password("la-211")

    mine = start(tmp_path, "listen", "--authority", "211", "--json", "--once", **own)
    other = start(tmp_path, "listen", "--authority", "204", "--json", "--once", **own)

    assert 0 == mine.code, mine.said
    assert_refused(other, 77, "cpis.alerts.la.204", "Kafka does not tell", "CPIS-423", "cpis access show")


def test_a_reader_who_says_that_it_is_an_administrator_opens_nothing(
    secured: SecuredKafka, tmp_path: Path
) -> None:
    """The setting is anybody's to set; what cannot be written into the audit trail is not shown."""
    settings = Settings(data_dir=tmp_path, identity_key_file=tmp_path / "identity.key")
    (tmp_path / "identity.key").write_bytes(b"a key made for this test alone, and for no deployment")
    parts = assemble(settings)
    rejected = Rejected(door=Door.MLLP, reason="odd", received_at=present(), raw=b"Quillfeather")
    [write] = Rejections(parts.records, parts.key).writes(rejected)
    secured.send("cpis-intake", Topic.REJECTED, write.value or b"")
    own = {**secured.by_password("cpis-reader"), "CPIS_IDENTITY_KEY_FILE": str(tmp_path / "identity.key")}

    listed = start(tmp_path, "messages", "list", "--outcome", "refused", "--json", **own)
    place = str(json.loads(listed.said.splitlines()[0])["message"])
    grounds = ("--by", "A. Reader", "--reason", "curious")
    opened = start(tmp_path, "messages", "show", place, "--unmask", *grounds, **own)

    assert 0 == listed.code, listed.said
    assert opened.code in {69, 77}, opened.said  # to whoever may write nothing Kafka is as good as away
    assert "CPIS-4" in opened.said
    assert "Quillfeather" not in opened.said


def test_a_recipient_may_use_its_own_group_only(secured: SecuredKafka) -> None:
    """Another's place in a topic is not to be moved."""

    async def follow(group: str) -> None:
        """Open its own topic under a group."""
        async with open_reader(secured.cluster("la-211"), "cpis.alerts.la.211", group=group):
            return

    asyncio.run(follow("cpis-listen-la-211"))
    with pytest.raises(KafkaNotAuthorized, match="READ on group cpis-listen-la-204"):
        asyncio.run(follow("cpis-listen-la-204"))


def _broken(secured: SecuredKafka, tmp_path: Path, how: str) -> tuple[dict[str, str], tuple[str, ...]]:
    """Return settings that Kafka, or we, cannot accept, and the words of the refusal."""
    user = "cpis-intake"
    certificates = secured.certificates
    foreign = tmp_path / "foreign.pem"
    trustme.CA().cert_pem.write_to_path(str(foreign))
    port = secured.kafka.bootstrap_servers.rpartition(":")[2]
    match how:
        case "wrong password":
            settings = secured.by_password(user)
            Path(settings["CPIS_KAFKA_PASSWORD_FILE"]).write_text("a wrong one")
            return settings, ("does not accept the user and password", "CPIS-422")
        case "unknown user":
            return secured.by_password("nobody"), ("does not accept the user and password", "CPIS-422")
        case "another authority":
            settings = secured.by_password(user, ca_file=str(foreign))
            return settings, ("CPIS_KAFKA_CA_FILE does not hold who vouches", "CPIS-421")
        case "another name":
            settings = secured.by_password(user, bootstrap_servers=f"localhost:{port}")
            return settings, (f"localhost:{port}: its certificate is not for that name", "CPIS-421")
        case "no certificate":
            settings = secured.by_certificate(user)
            del settings["CPIS_KAFKA_CERTIFICATE_FILE"], settings["CPIS_KAFKA_KEY_FILE"]
            return settings, ("it wants a certificate", "CPIS-422")
        case "a stranger's certificate":
            certificate, key = certificates.issue(user, authority=trustme.CA())
            settings = secured.by_certificate(user, certificate_file=str(certificate), key_file=str(key))
            return settings, ("does not accept the certificate", "CPIS-422")
        case "no user where one is wanted":
            settings = secured.by_certificate(user, bootstrap_servers=secured.kafka.bootstrap_servers)
            return settings, ("does that port want a user and password", "CPIS-422")
        case "a user where none is wanted":
            certificate, key = certificates.issue(user)
            where = {"bootstrap_servers": f"127.0.0.1:{secured.certificate_port}"}
            shown = {"certificate_file": str(certificate), "key_file": str(key)}
            return secured.by_password(user, **where, **shown), ("takes no password", "CPIS-422")
        case _:
            assert how == "in the open"
            settings = {"CPIS_KAFKA_BOOTSTRAP_SERVERS": secured.kafka.bootstrap_servers}
            return settings, ("it speaks TLS: set CPIS_KAFKA_SECURITY_PROTOCOL", "CPIS-421")


WAYS = [
    "wrong password",
    "unknown user",
    "another authority",
    "another name",
    "no certificate",
    "a stranger's certificate",
    "no user where one is wanted",
    "a user where none is wanted",
    "in the open",
]


@pytest.mark.parametrize("how", WAYS)
def test_a_start_that_kafka_refuses_says_why_at_once(secured: SecuredKafka, tmp_path: Path, how: str) -> None:
    """77 and one message, without waiting for the deadline of a Kafka that is away."""
    settings, words = _broken(secured, tmp_path, how)
    begun = time.monotonic()

    refusal = start(tmp_path / "data", "run", "--role", "intake", **settings, **PATIENT)

    assert_refused(refusal, 77, *words)
    assert time.monotonic() - begun < REFUSED_SECONDS
    assert "a wrong one" not in refusal.said
    assert not (tmp_path / "data").exists()


def test_tls_to_a_kafka_that_speaks_in_the_open(
    secured: SecuredKafka, kafka: EmbeddedKafka, tmp_path: Path
) -> None:
    """77: nothing is sent in the open that was meant to be encrypted."""
    settings = secured.by_password("cpis-topics", bootstrap_servers=kafka.bootstrap_servers)

    refusal = start(tmp_path, "topics", "list", **settings)

    assert_refused(refusal, 77, "does not speak TLS", "CPIS-421")


@pytest.mark.parametrize(
    "arguments",
    [
        pytest.param(["upload", "tests/fixtures/uploads/looked-after.xml"], id="upload"),
        pytest.param(["topics", "list"], id="topics"),
        pytest.param(["rejected", "list"], id="rejected"),
        pytest.param(["worklist", "list"], id="worklist"),
        pytest.param(["listen", "--authority", "211", "--once"], id="listen"),
        pytest.param(["access", "apply"], id="access"),
    ],
)
def test_every_command_takes_the_same_settings_and_tells_the_same(
    secured: SecuredKafka, tmp_path: Path, arguments: list[str]
) -> None:
    """77 for a user who is not one, whatever is done."""
    refusal = start(tmp_path, *arguments, **secured.by_password("nobody"))

    assert_refused(refusal, 77, "does not accept the user and password", "CPIS-422", "CPIS_KAFKA_")


def test_a_missing_right_is_named_before_anything_begins(secured: SecuredKafka, tmp_path: Path) -> None:
    """77, every right at once; a topic that nobody may see is not called missing."""
    settings = secured.by_password(STRANGER)

    refusal = start(tmp_path / "data", "run", "--role", "matcher", **settings)

    topics = [f"READ on topic {topic}" for topic in (Topic.PLANS, Topic.PEOPLE)]
    others = ["READ on group cpis-matchers", "WRITE on transactional-id cpis-matcher-*", "CPIS-423"]
    assert_refused(refusal, 77, *topics, *others, "cpis access apply")
    assert "cpis topics apply" not in refusal.said


def test_one_missing_right_is_named_alone(secured: SecuredKafka, tmp_path: Path) -> None:
    """The others are granted, so they are not in the message."""
    [right] = [
        grant
        for grant in secured.access.of("intake").grants
        if (grant.kind, grant.name, grant.operation) == (Kind.TOPIC, Topic.PLANS, Operation.WRITE)
    ]
    secured.revoke(right)
    try:
        refusal = start(tmp_path / "data", "run", "--role", "intake", **secured.by_password("cpis-intake"))
    finally:
        secured.grant(right)

    assert_refused(refusal, 77, "cpis: this principal lacks WRITE on topic cpis.in.plans [CPIS-423]")
