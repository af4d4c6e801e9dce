"""
Our mailbox at the message exchange, as the settings have it, and what intake does with it.

Knows what the settings must say together, and that each trouble is told once.
"""

import asyncio
from collections.abc import Iterable, Mapping
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from broker.adapters.mesh import SECONDS, MeshAddress, MeshMailbox
from broker.core.errors import BrokerError, ConfigurationError, KafkaUnavailable
from broker.core.identifiers import OdsCode
from broker.core.mailbox import Incoming
from broker.core.mesh_errors import MailboxUnavailable
from broker.mesh_ports import Turn
from broker.ports import Clock, FactLog
from broker.runtime import mesh_events as events
from broker.runtime.asking import Source
from broker.runtime.credentials import read_password, show_certificate, trusting
from broker.runtime.door_tls import is_loopback
from broker.runtime.logs import Log
from broker.runtime.mesh_metrics import MESH_LAST_POLL, MESH_MESSAGES, MESH_REPORTS
from broker.runtime.mesh_traces import check_who_traces, mesh_traces
from broker.runtime.metrics import Metrics
from broker.runtime.parts import Parts
from broker.runtime.settings import Settings
from broker.services.mesh_inbox import Fate, Handler, MeshInbox
from broker.services.mesh_uploads import MeshUploads
from broker.services.rejections import Rejections
from broker.services.upload_reception import UploadReception

if TYPE_CHECKING:
    from broker.runtime.mesh_answers import MeshAnswers

_ANOTHER = "another"  # a workflow that is none of the settings: what stands there may be anything
FOLLOWED_EVERY_SECONDS = 300.0
"""So often at least it is asked what became of what was sent."""
_RETRY_SECONDS = 5.0  # after what may be mended soon; never longer than the pace of looking


def mailbox(settings: Settings, *, seconds: float = SECONDS) -> MeshMailbox | None:
    """
    Return our mailbox, None where no exchange is named; `seconds` is the limit of one exchange of bytes.

    Raises `ConfigurationError` with what is missing or does not go together.
    """
    url = settings.mesh_url
    if url is None:
        return None
    parts = urlsplit(url)
    if settings.environment == "live" and parts.scheme != "https" and not is_loopback(parts.hostname or ""):
        raise ConfigurationError(
            "CPIS_MESH_URL: a live deployment speaks in the open to its own machine alone"
        )
    secrets = (settings.mesh_password_file, settings.mesh_shared_key_file)
    password_file, key_file = secrets
    if settings.mesh_mailbox is None or password_file is None or key_file is None:
        raise ConfigurationError(
            "CPIS_MESH_URL needs CPIS_MESH_MAILBOX, CPIS_MESH_PASSWORD_FILE and CPIS_MESH_SHARED_KEY_FILE"
        )
    address = MeshAddress(
        url=url,
        mailbox=settings.mesh_mailbox,
        password=read_password(password_file, "CPIS_MESH_PASSWORD_FILE"),
        shared_key=read_password(key_file, "CPIS_MESH_SHARED_KEY_FILE"),
        ca_file=settings.mesh_ca_file,
        certificate=_certificate(settings),
    )
    return MeshMailbox(address, seconds=seconds)


def mesh_group(settings: Settings) -> str:
    """Return the consumer group of the processes that have our mailbox: one of them looks into it."""
    return f"{settings.application_id}-mesh-{settings.mesh_mailbox}"


def _certificate(settings: Settings) -> tuple[Path, Path] | None:
    """Return the files of the certificate that is shown, None for none; they are tried, and whom we trust."""
    tls = trusting(settings.mesh_ca_file, "CPIS_MESH_CA_FILE")
    names = ("CPIS_MESH_CERTIFICATE_FILE", "CPIS_MESH_KEY_FILE")
    certificate_file, key_file = settings.mesh_certificate_file, settings.mesh_key_file
    if (certificate_file is None) != (key_file is None):
        raise ConfigurationError(f"{' and '.join(names)} go together")
    if certificate_file is None or key_file is None:
        return None
    show_certificate(tls, certificate_file, key_file, names)
    return certificate_file, key_file


def mesh_door(
    settings: Settings,
    parts: Parts,
    reception: UploadReception,
    facts: FactLog,
    *,
    clock: Clock,
    metrics: Metrics,
    notices: Mapping[str, Handler],
    source: Source | None = None,
) -> "MeshDoor | None":
    """
    Return the door for what comes over the exchange, None where none is named; raise as `mailbox`.

    `notices` handle national events, by workflow id; `source` is asked about people to trace. Raises
    `ConfigurationError` as well where no mailbox is any authority's: every file would be refused.
    """
    if settings.mesh_url is not None:
        _check_whose_mailboxes(settings, parts)
        _check_workflows(settings, notices)
        check_who_traces(settings, source)
    box = mailbox(settings)
    if box is None:
        return None
    from broker.runtime.mesh_answers import MeshAnswers  # who has no exchange needs no database

    answers = MeshAnswers(
        settings.database_url,
        box,
        every=min(float(settings.mesh_poll_seconds), FOLLOWED_EVERY_SECONDS),
        clock=clock,
        metrics=metrics,
    )
    traces = mesh_traces(
        settings, source, answers.post, clock=clock, told=answers.traced, refused=answers.refused
    )
    return MeshDoor(
        settings,
        parts,
        answers,
        reception,
        facts,
        clock=clock,
        metrics=metrics,
        notices={**notices, **traces},
    )


def _check_whose_mailboxes(settings: Settings, parts: Parts) -> None:
    """Refuse a start at which no mailbox is any authority's; raise `ConfigurationError` with the mending."""
    if settings.authorities_file is None:
        raise ConfigurationError(
            "CPIS_MESH_URL needs CPIS_AUTHORITIES_FILE: the list that says whose each mailbox is, such as "
            "deploy/reference/authorities.csv with mailboxes of your own"
        )
    if not parts.authorities.with_mailboxes:
        raise ConfigurationError(
            f"{settings.authorities_file}: no authority has a mailbox: fill the column mailbox, since "
            "CPIS_MESH_URL is set"
        )


def _check_workflows(settings: Settings, notices: Iterable[str]) -> None:
    """Refuse a workflow id that stands for two kinds of messages; raise `ConfigurationError`."""
    ours = [settings.workflows.upload, *([settings.mesh_trace_workflow] if settings.trace_mailboxes else ())]
    together = [*ours, *notices]
    twice = sorted(one for one in set(together) if together.count(one) > 1)
    if twice:
        raise ConfigurationError(
            f"the workflow id {twice[0]} stands for two kinds of messages: see CPIS_MESH_UPLOAD_WORKFLOW, "
            "CPIS_MESH_TRACE_WORKFLOW and [national.NAME] workflows"
        )


class MeshDoor:
    """The door for what comes over the message exchange; `run` until cancelled."""

    def __init__(
        self,
        settings: Settings,
        parts: Parts,
        answers: "MeshAnswers",
        reception: UploadReception,
        facts: FactLog,
        *,
        clock: Clock,
        metrics: Metrics,
        notices: Mapping[str, Handler],
    ) -> None:
        """Take what is needed; nothing is read before `run`."""
        self._box = answers.mailbox
        self._clock = clock
        self._metrics = metrics
        self._log = Log("intake")
        self._pace = float(settings.mesh_poll_seconds)
        self._authorities = parts.authorities
        self._away = False
        self._looked_at: datetime = clock()
        self._answers = answers
        uploads = MeshUploads(
            answers.mailbox,
            reception,
            self._answers.post,
            owner=self._owner,
            workflow=settings.workflows.acknowledgement,
            refused=answers.refused,
        )
        handlers: Mapping[str, Handler] = {**notices, settings.workflows.upload: uploads}
        self._workflows = frozenset({*settings.workflows, *handlers})
        self._inbox = MeshInbox(
            answers.mailbox,
            handlers,
            by_heading=[settings.workflows.upload],
            facts=facts,
            rejections=Rejections(parts.records, parts.key),
            clock=clock,
            told=self._told,
        )

    async def run(self, turn: Turn | None = None) -> None:
        """
        Look into the mailbox at the pace of the settings, and follow what was answered.

        Where several processes have the mailbox one of them looks into it, whose `turn` it is, else each
        would answer each file; at the end it is left to another.
        """
        try:
            await asyncio.gather(self._look_for_ever(turn), self._answers.run())
        finally:
            if turn is not None:
                await turn.close()

    async def _look_for_ever(self, turn: Turn | None) -> None:
        """Look into the mailbox again and again, sooner after what may be mended soon."""
        while True:
            pause = self._pace if await self.look_in_turn(turn) else min(self._pace, _RETRY_SECONDS)
            await asyncio.sleep(pause)

    async def look_in_turn(self, turn: Turn | None) -> bool:
        """Take what waits if it is our turn; return whether nothing must be taken again by us."""
        if turn is not None:
            try:
                ours = await turn.is_ours()
            except KafkaUnavailable as error:  # nothing could be made durable
                return self._cannot_look(error)
            if not ours:
                self._is_looked_into()  # by another
                return False
        return await self.look()

    async def look(self) -> bool:
        """Take what waits; return whether nothing must be taken again."""
        try:
            whole = await self._inbox.poll()
        except MailboxUnavailable as error:
            return self._cannot_look(error)
        self._is_looked_into()
        return whole

    def _is_looked_into(self) -> None:
        """Note that the mailbox is looked into, and tell it where it was not."""
        if self._away:
            self._away = False
            self._log.write(events.MeshIsBack())
        self._looked_at = self._clock()

    def _cannot_look(self, error: BrokerError) -> bool:
        """Tell once why the mailbox is not looked into; return that it is to be tried again."""
        if not self._away:
            self._away = True
            self._log.write(events.MeshAway(error=error))
        return False

    def measure(self) -> None:
        """Bring the gauge up to date."""
        age = (self._clock() - self._looked_at).total_seconds()
        self._metrics.set(MESH_LAST_POLL, max(age, 0.0))

    async def close(self) -> None:
        """Give the connections back."""
        await self._box.close()
        await self._answers.close()

    def _owner(self, mailbox: str) -> OdsCode | None:
        """Return whose a mailbox is, by the list of authorities."""
        authority = self._authorities.of_mailbox(mailbox)
        return None if authority is None else authority.code

    def _told(self, incoming: Incoming, fate: Fate) -> None:
        """Count a message, and log it where somebody should know."""
        self._metrics.add(MESH_MESSAGES, outcome=fate)
        known = incoming.workflow if incoming.workflow in self._workflows else _ANOTHER
        if incoming.report is not None:
            report = incoming.report
            self._metrics.add(MESH_REPORTS, code=report.counted_as)
            self._log.write(events.MeshReport(code=report.counted_as, reason=report.meaning, workflow=known))
        elif fate is Fate.POSTPONED:
            self._log.write(events.MeshPostponed(workflow=known))
        elif fate is Fate.KEPT:
            self._log.write(events.MeshKept(workflow=known))
