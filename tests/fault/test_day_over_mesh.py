"""
A day over the message exchange: councils upload, hospitals send visits, and the broker dies again and again.

What arrives in the councils' mailboxes is counted by ids alone: for each file its acknowledgement, for each
visit of a child of theirs its notification, none missing and none twice.
"""

import asyncio
import random
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path

import pytest
from lxml import etree

from broker.adapters.delivery_store import SqlDeliveries
from broker.adapters.embedded_kafka import EmbeddedKafka
from broker.adapters.embedded_kafka.configuration import free_ports
from broker.adapters.kafka_topics import apply_topics, load_topics
from broker.core.delivery import State
from broker.core.identifiers import NhsNumber, OdsCode
from broker.core.keyed import IdentityKey
from broker.core.mailbox import Incoming, Outgoing
from broker.runtime.parts import PUBLISHED_TEST_KEY
from broker.runtime.resources import topics_file
from tests.builders.matcher import DETAILS, numbers, pause
from tests.builders.mesh_sandbox import OURS, PASSWORD, SHARED_KEY, Sandbox, mesh_sandbox
from tests.builders.upload import HL7, Person, PlanBlock, Record, build_upload
from tests.fault.fleet import Fleet
from tests.fault.hospital import Hospital, visit_messages
from tests.fault.kills import wait_until_caught_up

CODES = ("201", "204", "211")
CHILDREN_EACH = 2
KILLS = 4
SEED = 3
ROLES = ("intake", "matcher", "outbox")
PROVIDERS = ("RXH", "RXM")
_LIFE_S = (0.5, 2.5)  # how long until the next one dies: within its start, or well within its work
_EVERY_S = 0.5  # between two visits
_PATIENCE_S = 240.0
_LOOK_EVERY_S = 0.2


@dataclass(frozen=True)
class Country:
    """Three councils with two children each, the exchange, and the broker as processes."""

    sandbox: Sandbox
    fleet: Fleet
    children: Mapping[str, Sequence[NhsNumber]]
    settings: Mapping[str, str]
    port: int

    async def upload(self) -> list[str]:
        """Have each council send its file to us; return the exchange's ids of these."""
        sent = []
        for code, children in self.children.items():
            council = self.sandbox.mailbox(f"X26LA{code}")
            file = upload_of(code, children)
            message = Outgoing(mailbox=OURS, workflow="LA_UPLOAD", local_id=f"file-{code}", body=file)
            sent.append(await council.send(message))
            await council.close()
        return sent

    async def mail(self, code: str) -> list[Incoming]:
        """Return what lies in a council's mailbox."""
        council = self.sandbox.mailbox(f"X26LA{code}")
        read = [await council.read(one) for one in await council.waiting()]
        await council.close()
        return [one for one in read if one is not None]

    async def until_all_is_told(self) -> None:
        """Wait until nothing is on its way any more: not to us, not on Kafka, not to a council."""
        ours = self.sandbox.mailbox(OURS)
        async with asyncio.timeout(_PATIENCE_S):
            while await ours.waiting():
                await pause(_LOOK_EVERY_S)
            await wait_until_caught_up(self.fleet)
            while not await asyncio.to_thread(self._delivered):
                await pause(_LOOK_EVERY_S)
        await ours.close()

    def _delivered(self) -> bool:
        """Whether every child's visit has been sent to its council, and nothing else waits for that."""
        store = SqlDeliveries(f"sqlite:///{self.fleet.directory / 'broker.sqlite'}")
        try:
            balances = [store.balance(f"la.{code}.mesh") for code in self.children]
        finally:
            store.close()
        return all(
            one.states.get(State.DELIVERED, 0) == CHILDREN_EACH
            and not (one.untaken or one.unaccounted or one.states.get(State.WAITING, 0))
            for one in balances  # an outbox that starts first puts a word about stale feeds there as well
        )


@pytest.fixture
def country(own_kafka: EmbeddedKafka, tmp_path: Path) -> Iterator[Country]:
    """Lend it, with a topic of its own for each council and no process started."""
    declared = topics_file().read_text("utf-8")
    own = ", ".join(f'"{code}"' for code in CODES)
    topics = tmp_path / "topics.toml"
    topics.write_text(declared.replace('local_authorities = ["204", "211"]', f"local_authorities = [{own}]"))
    asyncio.run(apply_topics(own_kafka.cluster, load_topics(topics.read_text("utf-8"))))
    senders = [f'[provider.{code}.sender.EDSYS]\naddresses = ["127.0.0.1"]\n' for code in PROVIDERS]
    senders += [f"[authority.{code}.mesh]\n" for code in CODES]
    texts = {"senders.toml": "".join(senders), "password": PASSWORD, "key": SHARED_KEY}
    for name, text in texts.items():
        (tmp_path / name).write_text(text, "utf-8")
    people = numbers()
    (port,) = free_ports(1)
    with mesh_sandbox(tmp_path / "sandbox.log") as sandbox, Fleet(own_kafka.cluster, tmp_path) as fleet:
        yield Country(
            sandbox=sandbox,
            fleet=fleet,
            children={code: list(islice(people, CHILDREN_EACH)) for code in CODES},
            settings={
                "CPIS_TOPICS_FILE": str(topics),
                "CPIS_SENDERS_FILE": str(tmp_path / "senders.toml"),
                "CPIS_AUTHORITIES_FILE": "deploy/reference/authorities.csv",
                "CPIS_MESH_URL": sandbox.url,
                "CPIS_MESH_MAILBOX": OURS,
                "CPIS_MESH_PASSWORD_FILE": str(tmp_path / "password"),
                "CPIS_MESH_SHARED_KEY_FILE": str(tmp_path / "key"),
                "CPIS_MESH_POLL_SECONDS": "1",
                "CPIS_MLLP_PORT": str(port),
            },
            port=port,
        )


def upload_of(code: str, children: Sequence[NhsNumber]) -> bytes:
    """Return a council's file with a plan for each of its children."""
    born = DETAILS.birth_date
    records = [
        Record(
            plans=(PlanBlock(start="202501100930"),),
            child=Person(
                number=child.digits,
                local_id=f"C-{code}-{place}",
                given=DETAILS.given,
                family=DETAILS.family,
                born=f"{born:%Y%m%d}",
            ),
        )
        for place, child in enumerate(children)
    ]
    return build_upload(records, file_id=f"FILE-{code}", authority=code, authority_name=f"Council {code}")


def said(message: Incoming, path: str) -> list[str]:
    """Return the attributes of a message at an XPath (prefix `h`)."""
    values = etree.fromstring(message.body).xpath(path, namespaces={"h": HL7})
    assert isinstance(values, list)
    return [str(value) for value in values]


@pytest.mark.timeout(900)  # half a minute alone; more on a machine that is shared
@pytest.mark.kafka
def test_a_day_over_the_exchange_loses_nothing_and_says_nothing_twice(country: Country) -> None:
    """
    Intake, matcher and outbox as processes of their own; four times one of them, by a seed, is killed.

    Three acknowledgements, six notifications, each in the mailbox of the council whose child it is, with the
    child's number and the council's own id for it; no two messages, and no two accesses, with one id.
    """
    chance = random.Random(SEED)  # noqa: S311 – repeatable, no secret
    now = datetime.now(UTC)
    key = IdentityKey(PUBLISHED_TEST_KEY)
    everybody = [child for children in country.children.values() for child in children]
    providers = [OdsCode(code) for code in PROVIDERS]
    visits = list(visit_messages(everybody, providers, key=key, now=now - timedelta(minutes=1)))
    hospital = Hospital(port=country.port, messages=visits, every=_EVERY_S)

    async def day() -> dict[str, list[Incoming]]:
        """Play it."""
        running = {role: country.fleet.start(role, **country.settings) for role in ROLES}
        await country.upload()
        sending = asyncio.ensure_future(hospital.send_all())
        try:
            for _ in range(KILLS):
                await pause(chance.uniform(*_LIFE_S))
                role = chance.choice(ROLES)
                country.fleet.kill(running[role])
                running[role] = country.fleet.start(role, **country.settings)
            async with asyncio.timeout(_PATIENCE_S):
                await sending
            await country.until_all_is_told()
        finally:
            sending.cancel()
            with suppress(asyncio.CancelledError):
                await sending
        return {code: await country.mail(code) for code in CODES}

    mail = asyncio.run(day())

    for code, messages in mail.items():
        kinds = Counter(message.workflow for message in messages)
        assert {"LA_UPLOAD_ACK": 1, "LA_ACCESS": CHILDREN_EACH} == kinds, code
        told = [one for one in messages if one.workflow == "LA_ACCESS"]
        named = {tuple(said(one, "//h:queryByParameter/h:person.id/h:value/@extension")) for one in told}
        assert {(child.digits, f"C-{code}-{n}") for n, child in enumerate(country.children[code])} == named
        assert [f"FILE-{code}"] * CHILDREN_EACH == [
            *(value for one in told for value in said(one, "//h:referredToLAUploadFile/h:value/@extension"))
        ]
    ids = [value for messages in mail.values() for one in messages for value in said(one, "/h:*/h:id/@root")]
    accesses = [
        value
        for messages in mail.values()
        for one in messages
        for value in said(one, "//h:pertinentCP-ISNHSQuery/h:id/@root")
    ]
    assert len(set(accesses)) == len(accesses) == len(everybody)
    assert len(set(ids)) == len(ids)
    assert len(everybody) == len(hospital.accepted)
