"""
What a person may see of their own record: subject access, for the controller to weigh (ruling 49).

It goes to the information-governance lead, never to the person by this program. Restricted places are left
out (24), and so is what is another person's or an authority's own: each with the rule that withholds it.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

from broker.core.alerts import RecipientKind, Why
from broker.core.audit import DecisionEntry
from broker.core.decisions import decide
from broker.core.facts import ABOUT_A_USER
from broker.core.identity_words import was_refused
from broker.core.keyed import IdentityKey
from broker.core.leaving import elsewhere, staying
from broker.core.person import Person
from broker.core.policy import AnyPolicy
from broker.core.possible_keys import Window
from broker.core.restriction import is_restricted
from broker.core.trail_looks import TrailLook
from broker.core.visits import read_visits
from broker.core.worklist import ItemKind

Row = Mapping[str, object]
"""One thing that is held, by the names of its fields."""

STAFF = "names of staff: another person's data (UK GDPR, article 15(4))"
KIN = "names of next of kin and of who came along: another person's data (UK GDPR, article 15(4))"
RELATED = "numbers and plans of a mother or a baby: another person's data (ruling 26)"
EXCLUDED = "who must not see the record: another person's data (ruling 48)"
PLACES = "places, of a restricted record: provider, site, location, and which provider was told (ruling 24)"
CHILD_ID = "the authority's own id of the child: given back to that authority alone (ruling 28)"
WRONG_PERSON = "visits that were recorded under the wrong person: another person's data (rulings 44, 46)"


@dataclass(frozen=True, slots=True, kw_only=True)
class Disclosure:
    """What is held of a person, by kind, and what is withheld, each with its rule."""

    held: Mapping[str, tuple[Row, ...]]
    withheld: tuple[str, ...]


def disclosed(
    person: Person,
    policy: AnyPolicy,
    key: IdentityKey,
    *,
    waiting: Sequence[Window] = (),
    looks: Sequence[TrailLook] = (),
) -> Disclosure:
    """
    Return what is held of a person and may be weighed, without what is withheld (ruling 49).

    Of somebody without a record `person` knows the messages that are held. `waiting` says of each record of
    an authority that waits for the number until when it may be met (21), `looks` are those at the person
    that stand on the audit trail, told or silent (R54).
    """
    restricted = is_restricted(person.known)
    entries = decide(person.number, person.known, policy, key).entries
    another = _anothers(person, policy, entries)
    held: dict[str, tuple[Row, ...]] = {
        "plans": tuple(_plans(person)),
        "visits": tuple(_visits(person, policy, another, restricted=restricted)),
        "views": tuple(_views(person, restricted=restricted)),
        "looks": tuple(_looks(looks, restricted=restricted)),
        "history": tuple(_history(person, restricted=restricted)),
        "notices": tuple(_notices(person)),
        "told": tuple(_told(person, another, restricted=restricted)),
        "work": tuple(_work(person, another, restricted=restricted)),
        "waiting": tuple({"until": window.last} for window in waiting),
        "decisions": tuple(
            {"occasion": entry.occasion, "why": entry.why, "policy": entry.policy_version}
            for _, entry in sorted(entries.items())
        ),
    }
    return Disclosure(held=held, withheld=tuple(_withheld(person, looks, another, restricted=restricted)))


def _anothers(person: Person, policy: AnyPolicy, entries: Mapping[str, DecisionEntry]) -> frozenset[str]:
    """Return the visits of another person: recorded under the wrong one (44), or a person said so (46)."""
    notices = person.known.notices.values()
    visits = read_visits(staying(person.known.visits, person.known.left), policy)
    refused = (
        visit
        for visit in visits
        if was_refused(notices, visit) and entries[visit.reference].why is not Why.SHARED
    )
    moved = elsewhere(person.known.visits, person.known.left)
    return frozenset(moved).union(*(visit.references for visit in refused))


def _plans(person: Person) -> Iterator[Row]:
    """Yield every content of every plan, with the registered details, and when it was said."""
    for content, said in person.known.plans.items():
        yield {
            "authority": content.authority,
            "authority_name": content.authority_name,
            "plan_type": content.plan_type,
            "start": content.start,
            "end": content.end,
            "deleted": content.deleted,
            "family": content.details.family,
            "given": content.details.given,
            "birth_date": content.details.birth_date,
            "recorded_at": tuple(sorted(one.recorded_at for one in said)),
        }


def _visits(
    person: Person, policy: AnyPolicy, another: Collection[str], *, restricted: bool
) -> Iterator[Row]:
    """Yield the person's visits, none of `another`, of a restricted record without their places."""
    for visit in read_visits(staying(person.known.visits, person.known.left), policy):
        if visit.reference in another:
            continue
        said = visit.registers
        place = {} if restricted else {"provider": visit.provider, "site": said["site"]}
        yield {
            "arrived_at": visit.arrived_at,
            "departed_at": visit.departed_at,
            "state": visit.state,
            "reason": said["reason"],
            "family": said["family"],
            "given": said["given"],
            "birth_date": said["birth_date"],
            **place,
        }


def _views(person: Person, *, restricted: bool) -> Iterator[Row]:
    """Yield who looked the person up, silently or not, by role and organisation."""
    for access in person.known.accesses.values():
        place = {} if restricted else {"organisation": access.organisation}
        yield {
            "accessed_at": access.accessed_at,
            "role": access.role,
            "unscheduled": access.unscheduled,
            **place,
        }


def _looks(looks: Sequence[TrailLook], *, restricted: bool) -> Iterator[Row]:
    """Yield each look that is on the trail: when, in which role, how."""
    for look in looks:
        place = {} if restricted else {"organisation": look.organisation}
        yield {"looked_at": look.at, "role": look.role, "way": look.way, **place}


def _history(person: Person, *, restricted: bool) -> Iterator[Row]:
    """Yield the lines of what is closed."""
    for line in person.history:
        place = {} if restricted else {"organisation": line.organisation}
        yield {"occasion": line.occasion, "at": line.at, "role": line.role, "state": line.state, **place}


def _notices(person: Person) -> Iterator[Row]:
    """Yield what was said of the person or the number, but who must not see the record."""
    for notice in person.known.notices.values():
        if notice.kind not in ABOUT_A_USER:
            yield {"kind": notice.kind, "recorded_at": notice.recorded_at, "birth_date": notice.birth_date}


def _told(person: Person, another: Collection[str], *, restricted: bool) -> Iterator[Row]:
    """
    Yield who was told; of an alert that is long past what it said is gone.

    Of a visit of `another` nothing is: who was told of it is where they were.
    """
    for row in person.told.values():
        alert = row.alert
        if alert is not None and alert.subject in another:
            continue
        by_provider = alert is not None and alert.recipient.kind is RecipientKind.PROVIDER
        recipient = None if alert is None or (restricted and by_provider) else alert.recipient.code
        yield {
            "recipient": recipient,
            "occasion": None if alert is None else alert.occasion,
            "what": row.kind,
            "revision": row.revision,
        }


def _work(person: Person, another: Collection[str], *, restricted: bool) -> Iterator[Row]:
    """Yield what of the person is left to people, but that somebody looked who must not see them (48)."""
    for item in person.items.values():
        if item.kind is ItemKind.EXCLUDED_PERSON or item.visit in another:
            continue
        place = {} if restricted else {"provider": item.provider}
        yield {"kind": item.kind, "urgent": item.urgent, "arrived_at": item.arrived_at, **place}


def _withheld(
    person: Person, looks: Sequence[TrailLook], another: Collection[str], *, restricted: bool
) -> Iterator[str]:
    """Yield what is withheld, each with its rule; only what there is."""
    known = person.known
    messages = [message for said in known.visits.values() for message in said.values()]
    looked = bool(known.accesses or looks) or any(line.user_name for line in person.history)
    yield from [STAFF] * (looked or any(message.clinician_name for message in messages))
    yield from [KIN] * any(one.next_of_kin_name or one.accompanied_by for one in messages)
    yield from [RELATED] * bool(known.births or known.covers)
    named = [one for one in known.notices.values() if one.kind in ABOUT_A_USER]
    yield from [EXCLUDED] * any([*named, *(word for one in known.covers.values() for word in one.exclusions)])
    yield from [PLACES] * restricted
    yield from [CHILD_ID] * any(content.child_id for content in known.plans)
    yield from [WRONG_PERSON] * bool(another)
