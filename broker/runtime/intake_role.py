"""
The intake role: the MLLP door and the drop folder, in front of one log of facts.

Knows how the use cases, their doors and their counts fit together; starts and stops them in order.
"""

import time
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from functools import partial
from typing import Any

from mode import Service

from broker.adapters.http_server import HttpServer
from broker.adapters.kafka_watch import Place
from broker.adapters.mllp_server import MllpServer
from broker.core.errors import KafkaUnavailable
from broker.core.senders import Peer
from broker.mesh_ports import Turn
from broker.ports import Clock, FactLog, InputTail
from broker.runtime import log_events as events
from broker.runtime.asking import Asking, Source
from broker.runtime.door_tls import door_tls, handshake_teller
from broker.runtime.health import Health, State
from broker.runtime.hospital_messages import Tails, hospital_messages
from broker.runtime.http_door import http_door, open_http
from broker.runtime.intake_counts import IntakeCounts
from broker.runtime.la_feeds import LaFeeds
from broker.runtime.la_notifications import notification_operations
from broker.runtime.logs import Log
from broker.runtime.mesh import mesh_door
from broker.runtime.metrics import (
    ANSWER_SECONDS,
    CONNECTION_EVENTS,
    CONNECTIONS,
    KEYS_DESTROYED,
    MESSAGES,
    Metrics,
)
from broker.runtime.national_door import mesh_notices, national_events, national_operations
from broker.runtime.parts import Parts, present
from broker.runtime.provider_topics import Inward, ProviderTopics
from broker.runtime.retrying import retrying
from broker.runtime.sender_quality import SenderQuality
from broker.runtime.settings import Settings
from broker.runtime.upload_doors import UploadDoors, uploads
from broker.services.plans_held import Lend
from broker.wire.acknowledgement import said_in
from broker.wire.attendance_record import SENDER_PLACES
from broker.wire.http import Operation

SEALED_FOR = timedelta(days=36)
"""
A day longer than the longest retention of a topic that holds sealed fields, and of kept files: 35 days.
"""

_FOLLOW_EVERY_SECONDS = 5.0  # how little there is to read when a sender connects
_PROBE_EVERY_SECONDS = 1.0  # how long senders are refused after the cluster is back
_KEYS_EVERY_SECONDS = 3_600.0
_CONNECTED = "connection opened"


class IntakeRole(Service):  # type: ignore[misc]  # mode carries no type information
    """
    Takes messages and files once started; `port` then says where, `counts` what was taken so far.

    `facts` is where they go, already started, and `refusing` says whether they are known to refuse; `tail`
    follows the attendances among them (ruling 44), `kept` what was kept without a number (24), `notices` what
    the source said of numbers (23), None where there is no past; `clock` tells the time of receipt, and the
    demonstration steps it. `source` is asked whose a patient without a number is, and what became of a number
    that changed; without one nobody is (rulings 21, 38). `lend` gives what tells a late end of a plan from a
    new record (18). `inward` are the topics that providers write to themselves; `mesh_turn` says whose it is
    to look into the mailbox. Raises `ConfigurationError` where TLS is not set up rightly; the start raises it
    where the port is taken, and `StorageUnusable` where the drop folder cannot be made.
    """

    def __init__(  # noqa: PLR0913 - what a role needs is its arguments
        self,
        settings: Settings,
        parts: Parts,
        *,
        facts: FactLog,
        tail: InputTail,
        clock: Clock = present,
        kept: InputTail | None = None,
        notices: InputTail | None = None,
        refusing: Callable[[], bool] = lambda: False,
        source: Source | None = None,
        lend: Lend | None = None,
        inward: Inward | None = None,
        feeds: LaFeeds | None = None,
        mesh_turn: Turn | None = None,
        metrics: Metrics | None = None,
        **options: Any,
    ) -> None:
        self._settings = settings
        self._log = Log("intake")
        self._facts_refuse = refusing
        self._feeds = feeds
        self._mesh_turn = mesh_turn
        self._metrics = metrics or Metrics()
        self._counting = IntakeCounts(parts.senders, self._metrics, self._log)
        self.counts, count = self._counting.counts, self._counting.count
        self._open = False
        self._sealer = parts.sealer
        self._senders = parts.senders
        self._clock = clock
        self._asking = None if source is None else Asking(source, parts, facts, clock=clock, count=count)
        self._quality = SenderQuality(parts.senders, self._metrics, self._log)
        self._intake, self._following, self._marks = hospital_messages(
            settings,
            parts,
            facts,
            Tails(tail, kept, notices),
            clock=clock,
            count=count,
            quality=self._quality,
            asking=self._asking,
        )
        self._inward = None if inward is None else self._taking(inward)
        use_case = uploads(settings, parts, facts, clock=clock, count=count, source=source, lend=lend)
        self._retrying = retrying(source, parts, use_case, count=count)
        self._files = UploadDoors(
            settings, parts, use_case, clock=clock, count=count, metrics=self._metrics, log=self._log
        )
        national = national_events(settings, parts, facts, source=source, clock=clock, metrics=self._metrics)
        self._mesh = mesh_door(
            settings,
            parts,
            self._files.reception,
            facts,
            clock=clock,
            metrics=self._metrics,
            notices=mesh_notices(national, parts.senders),
            source=source,
        )
        self._server = self._mllp()
        self._http = self._http_of(
            *self._files.http.operations(),
            *notification_operations(settings, parts),
            *national_operations(national, parts.senders),
            *(() if feeds is None else feeds.operations()),
        )
        super().__init__(**options)

    def _mllp(self) -> MllpServer:
        """Return the MLLP door, not yet open."""
        return MllpServer(
            self._receive,
            self._receive_unreadable,
            host=self._settings.mllp_host,
            port=self._settings.mllp_port,
            count=self._count_connection,
            tls=door_tls(self._settings, self._senders),
            most_of=self._senders.most_connections,
            on_failed_handshake=handshake_teller(self._log, self._metrics, CONNECTION_EVENTS, self.counts),
        )

    def _http_of(self, *more: Operation) -> HttpServer | None:
        """Return the HTTP door with these operations beside the hospitals' own, None where there is none."""
        return http_door(
            self._settings,
            self._senders,
            self._intake,
            self._metrics,
            admitted=self._counting.admitted,
            connected=self._following.suspect,
            more=more,
        )

    def _taking(self, inward: Inward) -> ProviderTopics:
        """Return what takes from providers' own topics."""
        return ProviderTopics(
            inward,
            self._intake,
            settled=partial(self._senders.named, places=SENDER_PLACES),
            suspect=self._following.suspect,
            count=self._counting.count,
            metrics=self._metrics,
            log=self._log,
        )

    @property
    def http_port(self) -> int | None:
        """The TCP port of the HTTP door, None where there is none."""
        return None if self._http is None else self._http.port

    @property
    def port(self) -> int:
        """The TCP port of the MLLP door."""
        return self._server.port

    def health(self) -> Health:
        """Return how far this role is: ready while the doors are open and facts are taken."""
        if not self._open:
            return Health(State.STARTING)
        return Health(State.REFUSING if self._facts_refuse() else State.READY)

    def measure(self) -> None:
        """Bring the gauges up to date."""
        self._metrics.set(CONNECTIONS, self._server.connections)
        if self._mesh is not None:
            self._mesh.measure()

    async def taken(self) -> dict[Place, int]:
        """Return that this role reads nothing."""
        return {}

    async def on_start(self) -> None:
        """Learn which numbers visits are recorded under, then open the doors."""
        await self._files.prepare()
        with suppress(KafkaUnavailable):  # the doors then refuse until it is known
            await self._following.catch_up()
            await self._following.catch_up()  # what a predecessor owed is said by the second
        await open_http(self._http, self._settings)
        try:
            await self._server.start()
        except OSError as error:
            if self._http is not None:
                await self._http.stop()
            raise self._settings.cannot_listen("mllp", error) from error
        self._open = True
        for work in self._files.work():
            self.add_future(work)
        if self._mesh is not None:
            self.add_future(self._mesh.run(self._mesh_turn))
        self.add_future(self._follow())
        self.add_future(self._destroy_what_is_old())
        self.add_future(self._marks.run())
        if self._feeds is not None:
            self.add_future(self._feeds.count())
        if self._inward is not None:
            self.add_future(self._inward.run())
        if self._asking is not None:
            self.add_future(self._asking.trace(self._intake.promote))
            self.add_future(self._asking.enquire())
        if self._retrying is not None:
            self.add_future(self._retrying.run())
        self._log.write(events.IntakeReady(address=self._settings.mllp_host, port=self.port))

    async def _follow(self) -> None:
        """Follow what other intakes take, and find Kafka again when it was away."""
        while not self.should_stop:
            await self.sleep(_PROBE_EVERY_SECONDS if self._following.away else _FOLLOW_EVERY_SECONDS)
            if self.should_stop:
                return
            with suppress(KafkaUnavailable):
                await self._following.catch_up()
                self._quality.look(self._clock())

    async def _destroy_what_is_old(self) -> None:
        """
        Destroy each day's key once nothing sealed with it is kept any longer, and files taken before that.

        Looks once an hour.
        """
        while not self.should_stop:
            before = present() - SEALED_FOR
            gone = self._sealer.destroy_before(before.date())
            if gone:
                self._metrics.add(KEYS_DESTROYED, gone)
                self._log.write(events.SealingKeysDestroyed(count=gone))
            await self._files.destroy_old(present())
            await self.sleep(_KEYS_EVERY_SECONDS)

    async def on_stop(self) -> None:
        """Finish what is in hand and close the doors."""
        self._open = False
        await self._server.stop()
        if self._inward is not None:
            await self._inward.close()
        if self._http is not None:
            await self._http.stop()
        await self._following.close()
        if self._feeds is not None:
            await self._feeds.close()
        if self._asking is not None:
            await self._asking.close()
        if self._mesh is not None:
            await self._mesh.close()
        self._log.write(events.IntakeStopped())

    def _count_connection(self, event: str) -> None:
        """Count what becomes of connections; another intake may have had a new one's sender until now."""
        self._counting.count(event)
        if event == _CONNECTED:
            self._following.suspect()

    async def _receive(self, data: bytes, peer: Peer) -> bytes:
        """Answer a message, measured."""
        began = time.monotonic()
        answer = await self._intake.receive(data, sender=partial(self._counting.admitted, peer))
        self._metrics.observe(ANSWER_SECONDS, time.monotonic() - began)
        self._metrics.add(MESSAGES, answer=said_in(answer))
        return answer

    async def _receive_unreadable(self, data: bytes, reason: str) -> bytes | None:
        """Keep what was no message, and count its answer if it has one."""
        answer = await self._intake.receive_unreadable(data, reason)
        if answer is not None:
            self._metrics.add(MESSAGES, answer=said_in(answer))
        return answer
