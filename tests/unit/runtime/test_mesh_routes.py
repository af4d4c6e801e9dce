"""Who is told over the exchange: a mailbox in the list, a topic of its own, a table in the senders file."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from broker.adapters.memory_mailbox import MemoryExchange, MemoryMailbox
from broker.core.alerts import Occasion
from broker.core.authorities import Authorities, Authority
from broker.core.errors import ConfigurationError
from broker.core.identifiers import OdsCode
from broker.core.windows import Window
from broker.runtime.la_notifications import notification_operations
from broker.runtime.mesh_following import MeshFollowing, mesh_following
from broker.runtime.mesh_metrics import MESH_UNCOLLECTED
from broker.runtime.mesh_routes import mesh_routes, own_topics, told_over_mesh
from broker.runtime.metrics import Metrics
from broker.runtime.parts import Parts, assemble
from broker.runtime.senders_file import parse_senders
from broker.runtime.settings import Settings
from broker.services.mesh_courier import MESH, MeshCourier
from tests.unit.wire.test_notifications import alert, told

E09 = OdsCode("E09")
NOON = datetime(2026, 1, 15, 12, 30, tzinfo=UTC)


def settled(tmp_path: Path, senders: str, *, mailbox: str = "E09OT001") -> tuple[Settings, Parts]:
    """Return settings with an exchange, and parts with what a file of senders says."""
    secret = tmp_path / "secret"
    secret.write_text("a secret", "utf-8")
    shipped = Path("deploy/topics.toml").read_text("utf-8")
    topics = tmp_path / "topics.toml"
    start, end = (
        shipped.index("local_authorities = ["),
        shipped.index("]", shipped.index("local_authorities")),
    )
    topics.write_text(shipped[:start] + 'local_authorities = ["E09"' + shipped[end:], "utf-8")
    settings = Settings(
        data_dir=tmp_path,
        topics_file=topics,
        mesh_url="http://127.0.0.1:1",
        mesh_mailbox="X26CPIS",
        mesh_password_file=secret,
        mesh_shared_key_file=secret,
    )
    row = Authority(code=E09, name="Exton Borough Council", mailbox=mailbox)
    parts = replace(
        assemble(settings),
        senders=parse_senders(senders, "senders.toml"),
        authorities=Authorities(rows={E09: row}),
    )
    return settings, parts


def test_an_authority_with_a_table_is_told_at_its_mailbox(tmp_path: Path) -> None:
    """From its own topic, where its own ids stand (ruling 28)."""
    settings, parts = settled(tmp_path, "[authority.E09.mesh]")
    found = mesh_routes(settings, parts)

    assert ["la.E09.mesh"] == list(found)
    destination = found["la.E09.mesh"].destination
    assert ("la.E09", True, True) == (destination.recipient, destination.own, destination.configured)
    assert {"cpis.alerts.la.E09"} == own_topics(settings, parts)
    courier = found["la.E09.mesh"].courier()
    assert isinstance(courier, MeshCourier)
    asyncio.run(courier.close())


def test_without_a_table_nobody_is_told_and_nothing_is_read(tmp_path: Path) -> None:
    """As it was before there was an exchange."""
    settings, parts = settled(tmp_path, "[authority.E09]")

    assert ({}, {}, frozenset()) == (
        told_over_mesh(parts),
        mesh_routes(settings, parts),
        own_topics(settings, parts),
    )
    assert mesh_following(settings, parts, Metrics(), reading=lambda: True) is None


def test_the_own_topic_of_whoever_fetches_what_it_was_told_is_read(tmp_path: Path) -> None:
    """Its own ids stand nowhere else; of who is not known at the door, or where nobody fetches, it is not."""
    settings, parts = settled(tmp_path, f'[authority.E09]\ntokens = ["sha256:{"a" * 64}"]\n[authority.E08]')
    fetching = settings.model_copy(update={"la_notifications": True})

    assert frozenset() == own_topics(settings, parts)
    assert {"cpis.alerts.la.E09"} == own_topics(fetching, parts)
    assert () == notification_operations(settings, parts)
    assert ["notifications"] == [one.name for one in notification_operations(fetching, parts)]


def test_a_number_not_in_use_is_told_at_once_and_an_access_at_the_end_of_its_window(tmp_path: Path) -> None:
    """A window holds the notification of an access alone (D18, ruling 23)."""
    settings, parts = settled(tmp_path, '[authority.E09.mesh]\nnotifications = "hourly"')
    due = mesh_routes(settings, parts)["la.E09.mesh"].destination.due
    inactive = told(alert(occasion=Occasion.NUMBER_INACTIVE, visit=None))

    assert Window.HOURLY is told_over_mesh(parts)[E09].notifications
    assert [NOON.replace(hour=13, minute=0), NOON] == [due(one, NOON) for one in (told(alert()), inactive)]


def test_what_is_missing_is_refused_by_name(tmp_path: Path) -> None:
    """The exchange, the mailbox in the list, the topic."""
    settings, parts = settled(tmp_path, "[authority.E09.mesh]")
    without = Settings(data_dir=tmp_path, topics_file=settings.topics_file)
    with pytest.raises(ConfigurationError, match="CPIS_MESH_URL names no message exchange"):
        mesh_routes(without, parts)
    with pytest.raises(ConfigurationError, match="names no mailbox"):
        mesh_routes(*settled(tmp_path, "[authority.E09.mesh]", mailbox=""))
    with pytest.raises(ConfigurationError, match="names no mailbox"):
        mesh_routes(*settled(tmp_path, "[authority.E08.mesh]"))
    with pytest.raises(ConfigurationError, match="needs a topic of its own"):
        own_topics(*settled(tmp_path, "[authority.E08.mesh]"))


def test_what_follows_goes_on_while_the_exchange_is_away(tmp_path: Path) -> None:
    """Nothing listens there; the next look begins anew, and nothing is known to be overdue."""
    settings, parts = settled(tmp_path, '[authority.E09.mesh]\nnotifications = "hourly"\nempty = true')
    metrics = Metrics()
    following = mesh_following(settings, parts, metrics, reading=lambda: True)
    assert following is not None

    async def story() -> None:
        """Look twice, then close."""
        await following.look()
        await following.look()
        await following.close()

    asyncio.run(story())
    assert 0 == metrics.value(MESH_UNCOLLECTED, channel=MESH)


@pytest.mark.parametrize(
    ("reading", "told"), [([True, True], 1), ([True, False, True], 0), ([False, True], 0)]
)
def test_nobody_is_told_that_nobody_came_while_alerts_do_not_reach_the_outbox(
    tmp_path: Path, *, reading: list[bool], told: int
) -> None:
    """Nor at the first look after that: what waits on Kafka is not in the inbox yet."""
    settings, parts = settled(tmp_path, '[authority.E09.mesh]\nnotifications = "daily"\nempty = true')
    exchange = MemoryExchange(frozenset({"X26CPIS", "E09OT001"}))
    reads = iter(reading)
    box = MemoryMailbox(exchange, "X26CPIS")
    following = MeshFollowing(settings, parts, box, Metrics(), reading=lambda: next(reads))

    async def story() -> None:
        """Look as often as is said."""
        for _ in reading:
            await following.look()
        await following.close()

    asyncio.run(story())
    assert told == len(exchange.held())
