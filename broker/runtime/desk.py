"""The operators' desk on the settings' Kafka: what was rejected, work, explanations, answers, facts."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from broker.adapters.cluster import Cluster
from broker.adapters.kafka_admission import explained
from broker.adapters.kafka_archive import KafkaArchive
from broker.adapters.kafka_facts import KafkaFactLog
from broker.adapters.kept_files import KeptFiles
from broker.adapters.worker_process import ReadAside
from broker.core.desk_roles import Role
from broker.runtime.asking import Source
from broker.runtime.doors import doors
from broker.runtime.feeds import feed_rule
from broker.runtime.metrics import Metrics
from broker.runtime.parts import Parts, admits, assemble, present
from broker.runtime.pds import source
from broker.runtime.preflight import check_cluster
from broker.runtime.settings import Settings
from broker.services.audited_access import AuditedAccess
from broker.services.confirming import Confirming
from broker.services.desk_log import DeskLog
from broker.services.disclosing import Disclosing
from broker.services.enquiry import Enquiry
from broker.services.excluding import Excluding
from broker.services.explanations import Explanations
from broker.services.fact_desk import FactDesk
from broker.services.item_words import ItemWords
from broker.services.looking import Looking
from broker.services.missing_plans import MissingPlans
from broker.services.person_holds import PersonHolds
from broker.services.reconciliation import Reconciliation
from broker.services.redriving import Redriving
from broker.services.rejected_desk import RejectedDesk
from broker.services.releasing import Releasing
from broker.services.timer_desk import TimerDesk
from broker.services.worklist_desk import WorklistDesk

_APPEND_DEADLINE_MS = 10_000  # nobody but the operator waits: a slow cluster is no reason to give up


@dataclass(frozen=True, kw_only=True)
class Desk:
    """What an operator works with."""

    parts: Parts
    archive: KafkaArchive
    rejected: RejectedDesk
    redriving: Redriving
    worklist: WorklistDesk
    releasing: Releasing
    holds: PersonHolds
    confirming: Confirming
    explanations: Explanations
    facts: FactDesk
    words: ItemWords
    enquiry: Enquiry
    looking: Looking
    disclosing: Disclosing
    excluding: Excluding
    log: DeskLog
    timers: TimerDesk
    reconciliation: Reconciliation
    missing: MissingPlans


@asynccontextmanager
async def open_desk(settings: Settings, cluster: Cluster, *, redrives: bool = False) -> AsyncIterator[Desk]:
    """
    Lend the desk of a cluster; raise `KafkaUnavailable` when it does not answer or lets us not in.

    Who redrives writes facts, and raises what `check_cluster` raises: under another identity key a visit is
    another visit, and everybody would be told twice.
    """
    parts = assemble(settings)
    if redrives:
        await check_cluster(settings, parts, cluster)
    archive, facts = KafkaArchive(cluster), KafkaFactLog(cluster, deadline_ms=_APPEND_DEADLINE_MS)
    asked = source(settings, cluster, clock=present, metrics=Metrics())
    desk = _put_together(settings, parts, archive, facts, asked)
    try:
        async with explained(cluster):
            await archive.start()
        await facts.start()
        yield desk
    finally:
        if asked is not None:
            await asked.close()
        await facts.close()
        await archive.close()


def _put_together(
    settings: Settings, parts: Parts, archive: KafkaArchive, facts: KafkaFactLog, asked: Source | None
) -> Desk:
    """Return the desk that reads `archive` and writes to `facts`, started or not; `asked` is the source."""
    log = DeskLog(facts, parts.records, key=parts.key, clock=present, role=Role(settings.desk_role))
    access = AuditedAccess(
        archive=archive,
        readers=parts.readers,
        log=log,
        policy=parts.policy,
        key=parts.key,
        clock=present,
        who=settings.desk_user(parts.key),
    )
    admitted = admits(settings)
    feeds = feed_rule(settings, parts, present())
    own = doors(parts, read=ReadAside(), admits=admitted, source=asked)
    excluding = Excluding(access)
    rejected = RejectedDesk(archive, parts.records, log, excluding)
    reconciliation = Reconciliation(access, sourced=asked is not None)
    by_hand = FactDesk(
        facts,
        parts.facts,
        log,
        key=parts.key,
        clock=present,
        takes=admitted.takes,
        organisation=None if access.who is None else access.who.organisation,
    )
    return Desk(
        parts=parts,
        archive=archive,
        rejected=rejected,
        redriving=Redriving(rejected, own, facts, parts.records, log),
        worklist=WorklistDesk(archive, parts.records, log, excluding),
        releasing=Releasing(archive, facts, parts.facts, log),
        holds=PersonHolds(access),
        confirming=Confirming(
            rejected,
            own,
            facts,
            log,
            codec=parts.details,
            notices=parts.facts,
            key=parts.key,
            clock=present,
            source=None if asked is None else asked.demographics,
        ),
        explanations=Explanations(access, parts.alerts, excluding),
        facts=by_hand,
        words=ItemWords(archive, parts.states, by_hand),
        enquiry=Enquiry(access, feeds=feeds),
        disclosing=Disclosing(access),
        looking=Looking(access, feeds=feeds, hours=parts.senders.hours, takes=admitted.takes),
        excluding=excluding,
        log=log,
        timers=TimerDesk(access, facts),
        reconciliation=reconciliation,
        missing=MissingPlans(
            reconciliation,
            KeptFiles(settings.kept_files, parts.sealer),
            ReadAside(),
            facts,
            log,
            codec=parts.facts,
            key=parts.key,
            clock=present,
        ),
    )
