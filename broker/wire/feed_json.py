"""How a feed stands, as JSON: for an authority that asks over HTTP, and for the command line."""

from broker.core.feeds import FeedHealth, to_do
from broker.core.reconciling import PlansCounted
from broker.wire.readable import readable


def feed_row(feed: FeedHealth, name: str, counted: PlansCounted | None = None) -> dict[str, object]:
    """
    Return how the feed of an authority of this name stands; its age is in seconds, `matched` a share.

    `plans` is by how they stand, and when they were `counted`; null where nobody did, never a zero.
    """
    newest = feed.newest
    return {
        "authority": feed.authority.code,
        "name": name,
        "state": feed.state.value,
        "last_taken": readable(feed.last_at),
        "age_seconds": None if feed.age is None else int(feed.age.total_seconds()),
        "stale": feed.stale,
        "matched": feed.matched,
        "below_gate": feed.below_gate,
        "waiting": readable(feed.waiting),
        "refused": feed.refused,
        "plans": None
        if counted is None
        else {
            "counted_at": readable(counted.at),
            **{standing.value: count for standing, count in counted.of(feed.authority).items()},
        },
        "to_do": list(to_do(feed)),
        "newest_file": None
        if newest is None
        else {
            "code": newest.code,
            "created_at": readable(newest.created_at),
            "received_at": readable(newest.received_at),
            "found": newest.found,
            "loaded": newest.loaded,
            "plans": newest.plans,
            "codes": dict(newest.codes),
        },
    }
