"""Which plans are told as one: a removed one and its replacement, several mothers' of one name (14, 26)."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import date, datetime
from typing import Any

from broker.core.alerts import PlanState
from broker.core.content import successor_of
from broker.core.plans import Due, PlanName, recording_order
from broker.core.policy import Policy


def with_replacements(pairs: Sequence[Due], policy: Policy) -> list[Due]:
    """
    Let a replacement of the same type take over from a plan that was removed, marks and all (ruling 14).

    A replacement is a plan of the same authority, or of who had taken over from it by then (19), and of the
    same type, that is not removed and was first recorded after the removed one was; of several the first.
    """
    standing = sorted((pair for pair in pairs if pair.state is not PlanState.REMOVED), key=_first_said)
    replaced: dict[int, list[Due]] = {}  # by identity: own and mother's may have one key
    left = []
    for old in (pair for pair in pairs if pair.state is PlanState.REMOVED):
        new = next((pair for pair in standing if _replaces(pair, old, policy)), None)
        if new is None:
            left.append(old)
        else:
            replaced.setdefault(id(new), []).append(old)
    return [_taking_over(pair, replaced.get(id(pair), [])) for pair in standing] + left


def _first_said(pair: Due) -> tuple[datetime, date]:
    """Return when a plan was first recorded, and its start day."""
    return pair.versions[0].recorded_at, pair.shown.content.start


def _replaces(new: Due, old: Due, policy: Policy) -> bool:
    """Whether a plan was recorded in place of a removed one."""
    at = new.versions[0].recorded_at
    if new.shown.content.plan_type is not old.shown.content.plan_type or at <= old.versions[0].recorded_at:
        return False
    theirs = old.shown.content.authority
    return new.shown.content.authority in {theirs, successor_of(theirs, policy, at)}


def _taking_over(new: Due, old: Sequence[Due]) -> Due:
    """Return a plan as it stands in the threads of the plans it replaces: live when one of them was."""
    if not old:
        return new
    pairs = (new, *old)
    return replace(
        new,
        versions=tuple(sorted((version for pair in pairs for version in pair.versions), key=recording_order)),
        live=any(pair.live for pair in pairs),
        said_at=min(pair.said_at for pair in pairs),
        replaced=tuple(
            sorted((pair.name for pair in old), key=lambda name: (name.key.start, name.of_mother))
        ),
    )


def each_once(pairs: Sequence[Due]) -> list[Due]:
    """
    Return each plan once, where it is on file for a baby under several numbers of mothers (rulings 10, 26).

    What alerts is shown: not removed, then in force, then without a loss, then the newest; it is live when
    one of them is, and there since the first of them was.
    """
    alike: dict[PlanName, list[Due]] = {}
    for pair in pairs:
        alike.setdefault(pair.name, []).append(pair)
    return [_as_one(sorted(several, key=_what_alerts)) for several in alike.values()]


def _what_alerts(pair: Due) -> tuple[Any, ...]:
    """Order plans of one name: the one that alerts is last, as among versions (ruling 37)."""
    standing = (PlanState.REMOVED, PlanState.NO_LONGER_IN_FORCE)
    rank = standing.index(pair.state) if pair.state in standing else len(standing)
    lost, born = (bool(pair.newborn.losses), pair.newborn.born) if pair.newborn else (False, None)
    return rank, not lost, *recording_order(pair.shown), born or date.min


def _as_one(several: Sequence[Due]) -> Due:
    """Return the last of some, live when any of them is, and there since the first of them was."""
    return replace(
        several[-1], live=any(pair.live for pair in several), said_at=min(pair.said_at for pair in several)
    )
