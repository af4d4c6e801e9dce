"""How each plan on file was taken: the outcome of `due`, with the days that were compared (rulings 9–20)."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import date, datetime

from broker.core.content import Matched
from broker.core.explanation import MatchedBy, Obstacle, PlanFinding
from broker.core.facts import PlanContent
from broker.core.matching import Judgement, Stated, judgements
from broker.core.newborn import judged, with_losses
from broker.core.plans import Due, NotDue, Stay, Version, considered, has_begun, last_visible_day
from broker.core.plans import losses_before as losses
from broker.core.policy import Policy

OBSTACLES = {
    NotDue.SHARING_STOPPED: Obstacle.SHARING_STOPPED,
    NotDue.PREGNANCY_ENDED: Obstacle.PREGNANCY_ENDED,
    NotDue.OF_AGE: Obstacle.OF_AGE,
    NotDue.HISTORY: Obstacle.HISTORY,
    NotDue.REMOVED_BEFORE: Obstacle.REMOVED_BEFORE,
    NotDue.OWN_PLAN: Obstacle.OWN_PLAN,
    NotDue.NOT_BORN_UNDER: Obstacle.NOT_BORN_UNDER,
    NotDue.LINKED_LATE: Obstacle.LINKED_LATE,
}
"""What is told of a plan that is not due; `NotDue.NO_OVERLAP` is one of three others, by the days."""


def taken(
    plans: Sequence[Sequence[Version]],
    stay: Stay,
    policy: Policy,
    counting: tuple[Sequence[Due], Sequence[Matched]],
    visit: Sequence[Stated] | None,
    *,
    refused: bool = False,
) -> tuple[PlanFinding, ...]:
    """
    Return how each plan was taken, by authority, type and start.

    `counting` is what is due, and what of it matched. `visit` are the details stated there, None for a view
    outside any visit, which is made under the number itself. `refused`: a person said of what does not match
    that it is somebody else (46).
    """
    pairs, matched = counting
    pair_of = {name: pair for pair in pairs for name in pair.names}
    line_of = {line.plan.name: line for line in matched}
    found = []
    for versions, outcome in zip(plans, judged(plans, stay, policy), strict=True):
        finding = _dated(versions, stay, policy)
        if isinstance(outcome, NotDue):
            found.append(_not_due(finding, outcome, versions, stay, policy))
        else:
            pair = pair_of[outcome.name]
            found.append(_due(finding, outcome, pair, line_of.get(pair.name), visit, refused))
    return tuple(sorted(found, key=lambda plan: (plan.authority, plan.plan_type, plan.start)))


def _shown(versions: Sequence[Version], stay: Stay) -> Version:
    """Return the version that decides: the newest looked at, else, of those recorded late, the first."""
    looked_at = considered(versions, stay)[2]
    return looked_at[-1] if looked_at else versions[0]


def _dated(versions: Sequence[Version], stay: Stay, policy: Policy) -> PlanFinding:
    """Return what is on file of a plan, not yet judged."""
    shown = _shown(versions, stay)
    content, last = shown.content, last_visible_day(shown.content, policy)
    return PlanFinding(
        authority=content.authority,
        plan_type=content.plan_type,
        start=content.start,
        end=content.end,
        last_visible_day=None if last == date.max else last,
        recorded_at=shown.recorded_at,
        received_at=shown.received_at,
        versions=len(versions),
    )


def _not_due(
    finding: PlanFinding, reason: NotDue, versions: Sequence[Version], stay: Stay, policy: Policy
) -> PlanFinding:
    """Return a plan that is not due, with why."""
    shown = _shown(versions, stay)
    obstacle = OBSTACLES.get(reason) or _apart(shown, stay)
    return replace(
        finding,
        obstacle=obstacle,
        obstacle_at=_recorded(obstacle, shown.content, versions, stay),
        majority_age=policy.age_of_majority if obstacle is Obstacle.OF_AGE else None,
    )


def _apart(shown: Version, stay: Stay) -> Obstacle:
    """Return why a plan and a stay have no day in common (ruling 10)."""
    if shown.recorded_at > stay.cutoff:
        return Obstacle.RECORDED_LATE
    return Obstacle.ENDED if has_begun(shown.content, stay) else Obstacle.NOT_BEGUN


def _recorded(
    obstacle: Obstacle, content: PlanContent, versions: Sequence[Version], stay: Stay
) -> datetime | None:
    """Return when that was recorded which stands in the way, None where it is a matter of days alone."""
    match obstacle:
        case Obstacle.PREGNANCY_ENDED:
            return max(losses(content, with_losses(stay, versions[0].newborn)))
        case Obstacle.REMOVED_BEFORE:
            return considered(versions, stay)[1][-1].recorded_at
        case _:
            return None


def _due(
    finding: PlanFinding,
    outcome: Due,
    pair: Due,
    line: Matched | None,
    visit: Sequence[Stated] | None,
    refused: bool,  # noqa: FBT001
) -> PlanFinding:
    """Return a plan that is due: how it stands to the visit, and whether its details match."""
    taken_over = None if pair.name == outcome.name else pair.name.key
    finding = replace(finding, state=outcome.state, replaced_by=taken_over)
    if visit is not None and outcome.newborn is not None:
        finding = replace(finding, matched_by=MatchedBy.LINK)
    elif visit is not None:
        found = list(judgements(visit, pair.stated()))
        finding = replace(
            finding,
            compared=found[-1].compared if found else None,
            matched_by=_matched_by(found),
        )
    if line is None:
        obstacle = Obstacle.NOT_THIS_PERSON if refused else Obstacle.DETAILS_DISAGREE
        return replace(finding, obstacle=obstacle, matched_by=None)
    return replace(finding, marks=line.marks, owner=line.owner)


def _matched_by(found: Sequence[Judgement]) -> MatchedBy:
    """Return by what a plan that counts matched: its details, the allowance, failing both a person's word."""
    if any(judgement.by_details for judgement in found):
        return MatchedBy.DETAILS
    return MatchedBy.ALLOWANCE if any(one.by_allowance for one in found) else MatchedBy.PERSON
