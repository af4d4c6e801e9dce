"""The use cases of intake over a log that hands on what they write: for a replay, and for a redrive."""

from broker.runtime.asking import Source, verifying
from broker.runtime.parts import Parts
from broker.services.attendances import Attendances
from broker.services.feed_health import FeedLog
from broker.services.intake import Intake
from broker.services.numberless import Numberless
from broker.services.numbers_in_use import NumbersInUse
from broker.services.redriving import Doors
from broker.services.rejections import Rejections
from broker.services.replay import SteppedClock, Taken
from broker.services.upload_reading import Read
from broker.services.uploads import Uploads
from broker.services.waiting_records import WaitingRecords
from broker.wire.visit_reading import ADMITS_ALL, Admits

_ANSWER_SECONDS = 60.0  # nothing here waits for Kafka


def _uncounted(_event: str) -> None:
    """Count nothing: who plays messages again tells the outcome, and keeps no counts."""


def doors(
    parts: Parts,
    *,
    read: Read,
    admits: Admits = ADMITS_ALL,
    numbers: NumbersInUse | None = None,
    source: Source | None = None,
) -> Doors:
    """
    Return doors of their own; `read` reads an upload file, `admits` is what they let in (ruling 27).

    `numbers` remembers what comes in: for whoever lets everything in once, in its order (ruling 44). `source`
    is asked about each record of an upload, where there is one (R12).
    """
    taken, clock, key = Taken(), SteppedClock(), parts.key
    rejections = Rejections(parts.records, key)
    return Doors(
        intake=Intake(
            taken,
            Attendances(parts.facts, Numberless(parts.details, policy=parts.policy, key=key), numbers),
            rejections,
            clock=clock,
            count=_uncounted,
            answer_seconds=_ANSWER_SECONDS,
            admits=admits._replace(sender=parts.senders.settled),
            dialects=parts.dialects,
        ),
        uploads=Uploads(
            taken,
            parts.facts,
            rejections,
            WaitingRecords(
                parts.details,
                policy=parts.policy,
                key=key,
                takes=admits.takes,
                verifying=verifying(source, parts),
            ),
            feeds=FeedLog(parts.feeds, key),
            read=read,
            key=key,
            clock=clock,
            count=_uncounted,
        ),
        taken=taken,
        clock=clock,
    )
