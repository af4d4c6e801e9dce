"""`cpis access` on a genuine Kafka: what is granted, what is left alone, and who may do it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from broker.adapters.access_declarations import Grant, Kind, Operation
from broker.adapters.embedded_kafka import EmbeddedKafka
from broker.runtime.resources import topics_file
from tests.builders.secured import ADMINISTRATOR, STRANGER, SecuredKafka
from tests.starting import Refusal, assert_refused, start

FOREIGN = [
    Grant("la-211", Kind.TOPIC, "cpis.alerts.la.204", prefixed=False, operation=Operation.READ),
    Grant(STRANGER, Kind.TOPIC, "cp", prefixed=True, operation=Operation.READ),
    Grant(STRANGER, Kind.TOPIC, "*", prefixed=False, operation=Operation.DESCRIBE),
    Grant(STRANGER, Kind.GROUP, "cpis-matchers", prefixed=False, operation=Operation.READ),
    Grant("cpis-intake", Kind.CLUSTER, "kafka-cluster", prefixed=False, operation=Operation.ALTER),
]
OTHERS = [
    Grant(STRANGER, Kind.TOPIC, "weather", prefixed=False, operation=Operation.READ),
    Grant(STRANGER, Kind.GROUP, "weather", prefixed=False, operation=Operation.READ),
    Grant(STRANGER, Kind.CLUSTER, "kafka-cluster", prefixed=False, operation=Operation.DESCRIBE),
]

pytestmark = pytest.mark.kafka


@pytest.fixture
def more(secured: SecuredKafka) -> Iterator[SecuredKafka]:
    """Lend the secured Kafka with rights that nobody declared, some of them none of our business."""
    secured.grant(*FOREIGN, *OTHERS)
    yield secured
    secured.revoke(*FOREIGN, *OTHERS)


def apply(secured: SecuredKafka, directory: Path, *options: str, user: str = ADMINISTRATOR) -> Refusal:
    """Run `cpis access apply` as a user."""
    return start(directory, "access", "apply", *options, **secured.by_password(user))


def test_applying_twice_is_applying_once(secured: SecuredKafka, tmp_path: Path) -> None:
    """What is missing is granted, then nothing is."""
    right = secured.access.of("auditor").grants[0]
    secured.revoke(right)

    first, second = apply(secured, tmp_path), apply(secured, tmp_path)

    assert (0, 0) == (first.code, second.code), first.said
    assert [f"granted       cpis-auditor: {right}"] == [
        line for line in first.said.splitlines() if line.startswith("granted")
    ]
    assert f"unchanged     {len(secured.access.grants)}" == second.said.strip()


def test_what_is_not_declared_is_told_and_left_until_asked(more: SecuredKafka, tmp_path: Path) -> None:
    """On what is ours or to whom we declared; another application's rights are none of our business."""
    told = apply(more, tmp_path)
    removed = apply(more, tmp_path, "--remove")
    after = apply(more, tmp_path)

    expected = [
        "User:cpis-intake may ALTER on cluster kafka-cluster",
        "User:la-211 may READ on topic cpis.alerts.la.204",
        "User:stranger may DESCRIBE on topic *",
        "User:stranger may READ on group cpis-matchers",
        "User:stranger may READ on topic cp*",
    ]
    assert expected == sorted(
        line.removeprefix("not declared  ") for line in told.said.splitlines() if "not declared  " in line
    )
    assert expected == sorted(
        line.removeprefix("removed       ") for line in removed.said.splitlines() if "removed  " in line
    )
    assert "--remove" in told.said
    assert f"unchanged     {len(more.access.grants)}" == after.said.strip()


def test_only_the_administrator_may(secured: SecuredKafka, tmp_path: Path) -> None:
    """77: not even who makes the topics."""
    refusal = apply(secured, tmp_path, user="cpis-topics")

    assert_refused(refusal, 77, "this principal lacks DESCRIBE on the cluster", "CPIS-423")


def test_a_cluster_where_everybody_may_do_everything_is_told(kafka: EmbeddedKafka, tmp_path: Path) -> None:
    """78: access lists would protect nothing there."""
    servers = {"CPIS_KAFKA_BOOTSTRAP_SERVERS": kafka.bootstrap_servers}

    assert_refused(start(tmp_path, "access", "apply", **servers), 78, "no authorizer", "CPIS-424")


def test_the_rights_are_shown_as_a_person_and_as_kafkas_tool_read_them(tmp_path: Path) -> None:
    """Without asking a cluster."""
    shown = start(tmp_path, "access", "show", "--principal", "matcher")
    lines = start(tmp_path, "access", "show", "--principal", "matcher", "--as-kafka-acls")
    everybody = start(tmp_path, "access", "show")
    nobody = start(tmp_path, "access", "show", "--principal", "matchmaker")

    assert "cpis-matcher  (matcher: `cpis run --role matcher`)" in shown.said
    assert "    WRITE on transactional-id cpis-matcher-*" in shown.said
    assert (
        "kafka-acls --add --allow-principal User:cpis-matcher --operation Write --transactional-id "
        "'cpis-matcher-' --resource-pattern-type prefixed"
    ) in lines.said.splitlines()
    assert "provider-RXM  (providers RXM: a provider)" in everybody.said
    assert_refused(nobody, 78, "no principal 'matchmaker'", "CPIS-424")


def test_who_makes_the_topics_needs_no_more(secured: SecuredKafka, tmp_path: Path) -> None:
    """`cpis topics apply` and `list` as the topics' administrator; as anybody else the right is named."""
    made = start(tmp_path, "topics", "apply", **secured.by_password("cpis-topics"))
    listed = start(tmp_path, "topics", "list", **secured.by_password("cpis-topics"))
    refused = start(tmp_path, "topics", "apply", **secured.by_password("cpis-auditor"))
    hidden = start(tmp_path, "topics", "list", **secured.by_password("cpis-auditor"))

    assert (0, 0) == (made.code, listed.code), made.said
    assert "missing" not in listed.said
    assert_refused(refused, 77, "lacks", "on topic cpis.", "CPIS-423")
    assert "not shown    cpis.people" in hidden.said.splitlines()
    assert "present      cpis.audit" in hidden.said.splitlines()


def test_a_provider_that_is_let_in_gets_its_topics_and_rights_at_once(
    secured: SecuredKafka, tmp_path: Path
) -> None:
    """`cpis onboard provider --apply --cluster` makes what the files now declare; twice is once."""
    topics = tmp_path / "topics.toml"
    topics.write_text(topics_file().read_text("utf-8"), "utf-8")
    settings = secured.by_password(ADMINISTRATOR) | {
        "CPIS_TOPICS_FILE": str(topics),
        "CPIS_SENDERS_FILE": str(tmp_path / "senders.toml"),
    }
    asked = ("onboard", "provider", "RYJ", "--system", "EDSYS", "--writes", "--apply", "--cluster")

    first, second = start(tmp_path, *asked, **settings), start(tmp_path, *asked, **settings)
    undone = start(tmp_path, "access", "apply", "--remove", **secured.by_password(ADMINISTRATOR))

    assert (0, 0, 0) == (first.code, second.code, undone.code), first.said
    made = {line.split()[1] for line in first.said.splitlines() if line.startswith("created")}
    assert {"cpis.alerts.provider.RYJ", "cpis.in.attendances.RYJ"} == made
    granted = [line for line in first.said.splitlines() if line.startswith("granted    provider-RYJ")]
    assert ["WRITE" in one or "READ" in one for one in granted] == [True] * len(granted)
    assert any("WRITE on topic cpis.in.attendances.RYJ" in one for one in granted)
    assert "created" not in second.said
    assert "granted" not in second.said
