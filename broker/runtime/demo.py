"""
The demonstration: a recorded stream through the real doors of all roles, on a genuine Kafka.

The doors' clock shows the recorded time of receipt, so that the outcome is the recorded one and can be
compared. Knows nothing of how it is shown: an `Audience` is told as it happens.
"""

import asyncio
import contextlib
from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from time import monotonic
from typing import Any, Protocol

from broker.adapters.cluster import Cluster
from broker.adapters.drop_folder import ANSWER_SUFFIX
from broker.adapters.kafka_reader import Followed, ends_of, open_reader
from broker.adapters.kafka_topics import Topics
from broker.core.alerts import RecipientKind
from broker.core.errors import KafkaUnavailable
from broker.core.worklist import WorklistItem
from broker.ports import INPUTS, PARTITION_STATE_KEY, Topic
from broker.runtime.parts import Parts, present
from broker.runtime.recorded import offline
from broker.services.replay import Replayed
from broker.wire.alerts_codec import Published
from broker.wire.mllp import Frame, Framer, frame
from broker.wire.readable import readable
from broker.wire.stream import Door, StreamLine

ARRIVAL_SECONDS_MAX = 20.0  # longer than any take-over of a partition
_LOOK_SECONDS = 0.05  # between two looks at a folder
_READ_BYTES = 65_536


class Audience(Protocol):
    """Who watches."""

    def line(self, line: StreamLine, answer: str, seconds: float) -> None:
        """A line went in and was answered, so long after it was sent."""
        ...

    def alert(self, published: Published, seconds: float) -> None:
        """A recipient can read an event, so long after the answer to the line that caused it."""
        ...

    def item(self, item: WorklistItem) -> None:
        """Somebody has work to do."""
        ...


class DemonstrationClock:
    """Shows the recorded time until `release`, from then on the present."""

    def __init__(self) -> None:
        """Begin with the present."""
        self._shown: datetime | None = None

    def __call__(self) -> datetime:
        """Return the time shown."""
        return self._shown or present()

    def show(self, moment: datetime) -> None:
        """Show a recorded time."""
        self._shown = moment

    def release(self) -> None:
        """Show the present again."""
        self._shown = None


@dataclass(slots=True)
class Watched:
    """What recipients, auditors and operators could read; `seconds` from answer to alert."""

    events: dict[tuple[str, int], Published] = field(default_factory=dict)
    decisions: list[Any] = field(default_factory=list)
    worklist: dict[bytes, WorklistItem] = field(default_factory=dict)
    rejected: list[tuple[str, str]] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)
    doubled: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """How the demonstration went: `differences` is empty when the outcome is the `expected` one."""

    expected: Replayed
    alerts: Mapping[str, int]
    worklist: int
    rejected: int
    seconds: Sequence[float]
    differences: Sequence[str]


class Demonstration:
    """Plays a stream through the doors at `mllp` and `folder` and watches what comes of it."""

    def __init__(
        self,
        parts: Parts,
        *,
        cluster: Cluster,
        topics: Topics,
        mllp: tuple[str, int],
        folder: Path,
        clock: DemonstrationClock,
        audience: Audience,
    ) -> None:
        """Connect to nothing yet."""
        self._parts = parts
        self._cluster = cluster
        self._topics = topics
        self._mllp = mllp
        self._folder = folder
        self._clock = clock
        self._audience = audience
        self._watched = Watched()
        self._answered_at = monotonic()
        self._news = asyncio.Event()

    async def play(self, lines: Sequence[StreamLine]) -> Result:
        """Play every line, wait until all is worked off, and compare with what the core alone makes of it."""
        replay = offline(self._parts)
        async with self._watching():
            for number, line in enumerate(lines):
                await replay.play(line)
                self._clock.show(line.at)
                await self._send(line, number)
                await self._until(lambda: len(self._watched.events) >= len(replay.outcome.events))
            await self._worked_off(replay.outcome)
        return self._result(replay.outcome)

    async def _send(self, line: StreamLine, number: int) -> None:
        """Send one line by its door and wait for the answer."""
        sent_at = monotonic()
        answer = await (
            self._by_mllp(line.raw) if line.door is Door.MLLP else self._by_folder(line.raw, number)
        )
        self._answered_at = monotonic()
        self._audience.line(line, answer, self._answered_at - sent_at)

    async def _by_mllp(self, raw: bytes) -> str:
        """Send a message over a socket as a hospital's system does; return MSA-1."""
        reader, writer = await asyncio.open_connection(*self._mllp)
        try:
            writer.write(frame(raw))
            framer = Framer()
            while True:
                event = framer.next_event()
                if isinstance(event, Frame):
                    return _verdict(event.data)
                framer.receive_data(await reader.read(_READ_BYTES))
        finally:
            writer.close()

    async def _by_folder(self, raw: bytes, number: int) -> str:
        """Drop a file as an authority does; return where it went."""
        name = f"upload-{number}.xml"
        draft = self._folder / f".{name}.part"
        draft.write_bytes(raw)
        draft.rename(self._folder / name)
        settled = {place: self._folder / place / f"{name}{ANSWER_SUFFIX}" for place in ("done", "refused")}
        await self._until(lambda: any(path.exists() for path in settled.values()))
        return next(place for place, path in settled.items() if path.exists())

    @contextlib.asynccontextmanager
    async def _watching(self) -> AsyncIterator[None]:
        """Follow every recipient, the audit trail, the worklist and the rejected messages."""
        followed: dict[str, Callable[[Followed], None]] = {
            Topic.AUDIT: self._on_decision,
            Topic.WORKLIST: self._on_item,
            Topic.REJECTED: self._on_rejected,
        }
        recipients = {
            RecipientKind.AUTHORITY: self._topics.local_authorities,
            RecipientKind.PROVIDER: self._topics.providers,
        }
        for kind, codes in recipients.items():
            followed |= {f"{Topic.ALERTS}.{kind}.{code}": self._on_alert for code in codes}
        ready = asyncio.Barrier(len(followed) + 1)
        tasks = [asyncio.ensure_future(self._follow(topic, take, ready)) for topic, take in followed.items()]
        try:
            await ready.wait()
            yield
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _follow(self, topic: str, take: Callable[[Followed], None], ready: asyncio.Barrier) -> None:
        """Follow one topic for as long as the demonstration runs."""
        async with open_reader(
            self._cluster, topic, group="cpis-demonstration", from_beginning=True
        ) as reader:
            await ready.wait()
            while True:
                for record in await reader.next_batch():
                    take(record)
                self._news.set()

    def _on_alert(self, record: Followed) -> None:
        """Note an event that a recipient can read."""
        published = self._parts.alerts.decode_published(record.value or b"")
        seconds = max(0.0, monotonic() - self._answered_at)
        place = (published.event.alert.alert_id, published.event.revision)
        self._watched.doubled += place in self._watched.events
        self._watched.events[place] = published
        self._watched.seconds.append(seconds)
        self._audience.alert(published, seconds)

    def _on_decision(self, record: Followed) -> None:
        """Note a recorded decision."""
        if self._parts.records.is_action(record.value or b""):  # an operator's, no decision
            return
        entry = self._parts.records.decode_audit(record.value or b"")
        self._watched.decisions.append(entry)

    def _on_item(self, record: Followed) -> None:
        """Note a worklist item, or that it was settled."""
        if record.value is None:
            self._watched.worklist.pop(record.key or b"", None)
            return
        if self._parts.records.is_action(record.value):
            return
        item = self._parts.records.decode_item(record.value)
        self._watched.worklist[record.key or b""] = item
        self._audience.item(item)

    def _on_rejected(self, record: Followed) -> None:
        """Note what was kept unread."""
        if self._parts.records.is_action(record.value or b""):
            return
        rejected = self._parts.records.decode_rejected(record.value or b"")
        self._watched.rejected.append((rejected.door.value, rejected.reason))

    async def _worked_off(self, expected: Replayed) -> None:
        """Wait until every input stands at its end in `#p`, and every decision can be read."""
        states: dict[int, Mapping[str, int]] = {}
        async with open_reader(
            self._cluster, Topic.PEOPLE, group="cpis-demonstration", from_beginning=True
        ) as reader:
            deadline = monotonic() + ARRIVAL_SECONDS_MAX
            while monotonic() < deadline:
                for record in await reader.next_batch():
                    if record.key == PARTITION_STATE_KEY and record.value is not None:
                        states[record.partition] = self._parts.states.decode_partition(record.value).offsets
                ends = await ends_of(self._cluster, INPUTS)
                behind = [
                    place
                    for place, end in ends.items()
                    if end > 0 and states.get(place[1], {}).get(place[0], 0) < end
                ]
                if not behind and len(self._watched.decisions) >= len(expected.decisions):
                    return
        raise KafkaUnavailable("the matcher did not work off its inputs in time")

    async def _until(self, condition: Callable[[], bool]) -> None:
        """Wait for a condition on what was watched, or on files, and not for ever."""
        deadline = monotonic() + ARRIVAL_SECONDS_MAX
        while not condition() and monotonic() < deadline:
            self._news.clear()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_LOOK_SECONDS):
                    await self._news.wait()

    def _result(self, expected: Replayed) -> Result:
        """Return the summary and whatever differs from the recorded outcome."""
        watched = self._watched
        return Result(
            expected=expected,
            alerts=Counter(published.event.kind.value for published in watched.events.values()),
            worklist=len(watched.worklist),
            rejected=len(watched.rejected),
            seconds=sorted(watched.seconds),
            differences=_differences(watched, expected),
        )


def _verdict(answer: bytes) -> str:
    """Return MSA-1 of an acknowledgement."""
    segments = answer.decode("utf-8", "replace").split("\r")
    return next(segment.split("|")[1] for segment in segments if segment.startswith("MSA"))


def _differences(watched: Watched, expected: Replayed) -> list[str]:
    """Return what is missing, surplus or different, in words without a person in them."""
    told = [readable(watched.events[place].event) for place in sorted(watched.events)]
    to_tell = [
        readable(event)
        for event in sorted(expected.events, key=lambda event: (event.alert.alert_id, event.revision))
    ]
    pairs: dict[str, tuple[Any, Any]] = {
        "alerts": (told, to_tell),
        "worklist": (
            sorted(item.item_id for item in watched.worklist.values()),
            sorted(expected.worklist),
        ),
        "rejected": (sorted(watched.rejected), sorted(expected.rejected)),
        "decisions": (
            sorted(_outline(entry) for entry in watched.decisions),
            sorted(_outline(entry) for entry in expected.decisions),
        ),
        "events told twice": (watched.doubled, 0),
    }
    return [
        f"{name}: {_size(found)} found, {_size(wanted)} expected"
        for name, (found, wanted) in pairs.items()
        if found != wanted
    ]


def _size(found: Any) -> int:
    """Return how many there are."""
    return found if isinstance(found, int) else len(found)


def _outline(entry: Any) -> str:
    """Return what a recorded decision says, without the commitment."""
    said = (entry.occasion, entry.why, entry.recipients, entry.fields, entry.basis, entry.policy_version)
    return repr([readable(part) for part in said])
