"""A recorded stream without Kafka: the doors and the core put together, as `cpis replay` uses them."""

from collections import Counter
from collections.abc import Iterable
from typing import Any

from broker.core.policy import AnyPolicy
from broker.runtime.doors import doors
from broker.runtime.parts import Parts
from broker.services.numbers_in_use import NumbersInUse
from broker.services.numbers_out_of_use import NumbersOutOfUse
from broker.services.replay import Replay, Replayed
from broker.services.upload_reading import read_here
from broker.wire.readable import readable
from broker.wire.stream import StreamLine


def offline(parts: Parts, *, policy: AnyPolicy | None = None) -> Replay:
    """Return a replay that writes to nothing, under another policy if asked."""
    out_of_use = NumbersOutOfUse()
    numbers = NumbersInUse(parts.key, horizon=parts.policy.horizon, out_of_use=out_of_use)
    own = doors(parts, read=read_here, numbers=numbers)
    return Replay(
        intake=own.intake,
        uploads=own.uploads,
        taken=own.taken,
        clock=own.clock,
        facts=parts.facts,
        records=parts.records,
        policy=policy or parts.policy,
        key=parts.key,
        out_of_use=out_of_use,
    )


async def play(replay: Replay, lines: Iterable[StreamLine]) -> Replayed:
    """Play every line and return what they came to."""
    for line in lines:
        await replay.play(line)
    return replay.outcome


def shown(outcome: Replayed) -> dict[str, Any]:
    """Return what a stream came to, as JSON."""
    return {
        "alerts": readable(outcome.events),
        "decisions": readable(outcome.decisions),
        "worklist": readable([outcome.worklist[item_id] for item_id in sorted(outcome.worklist)]),
        "rejected": readable(outcome.rejected),
        "summary": {
            "facts": outcome.facts,
            "alerts": dict(sorted(Counter(event.kind.value for event in outcome.events).items())),
            "worklist": len(outcome.worklist),
            "rejected": len(outcome.rejected),
        },
    }
