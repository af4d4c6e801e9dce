"""
Hypothesis strategies for facts, alerts and their parts, shared by all generated tests.

NHS numbers are of the test range 999; times are aware UTC in whole milliseconds, as the core keeps them.
"""

from dataclasses import replace
from datetime import UTC, date, datetime
from enum import Enum
from typing import TypeVar

from hypothesis import strategies as st

from broker.core.alerts import (
    Alert,
    AlertEvent,
    Change,
    Contact,
    EventKind,
    Mark,
    Note,
    Occasion,
    PlanLine,
    PlanState,
    Recipient,
    RecipientKind,
    Route,
    SubjectRole,
    Urgency,
    ViewLine,
    VisitLine,
    VisitState,
    Why,
)
from broker.core.audit import AuditEntry, DestructionEntry
from broker.core.facts import (
    ABOUT_A_USER,
    ABOUT_A_VISIT,
    REGISTERS,
    Access,
    Birth,
    Cover,
    Details,
    Fact,
    IdentityKind,
    IdentityNotice,
    LinkEnded,
    NumberStatus,
    PlanContent,
    PlanFact,
    PlanType,
    Reliability,
    VisitEvent,
    VisitLeft,
    VisitMessage,
)
from broker.core.identifiers import NhsNumber, OdsCode, aware
from broker.core.lawful_basis import Flow
from broker.core.operators import ActionKind, Grounds, OperatorAction, Place
from broker.core.user_words import UserWord
from broker.core.visit_reason import Reason
from broker.core.worklist import ItemKind, WorklistItem

T = TypeVar("T")
E = TypeVar("E", bound=Enum)

_WEIGHTS = range(10, 1, -1)
_NO_CHECK_DIGIT = 10
_NOT_A_PLACEHOLDER = "9999999999"

_ODS_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
_HEX = "0123456789abcdef"
_FIRST_TIME = datetime(1900, 1, 1)  # noqa: DTZ001 (the strategy adds the zone)
_LAST_TIME = datetime(2199, 12, 31)  # noqa: DTZ001 (the strategy adds the zone)


def _with_check_digit(middle: int) -> str | None:
    """Return the test number with these six digits behind 999, None where no check digit fits."""
    digits = f"999{middle:06d}"
    total = sum(weight * int(digit) for weight, digit in zip(_WEIGHTS, digits, strict=True))
    check = (11 - total % 11) % 11
    return None if check == _NO_CHECK_DIGIT else f"{digits}{check}"


def nhs_numbers() -> st.SearchStrategy[NhsNumber]:
    """Return usable NHS numbers of the test range."""
    digits = st.integers(0, 999_999).map(_with_check_digit)
    return digits.filter(lambda text: text not in {None, _NOT_A_PLACEHOLDER}).map(
        lambda text: NhsNumber(text or "")
    )


def ods_codes() -> st.SearchStrategy[OdsCode]:
    """Return organisation and site codes."""
    return st.text(_ODS_LETTERS, min_size=3, max_size=8).map(OdsCode)


def times() -> st.SearchStrategy[datetime]:
    """Return aware UTC times of three centuries, in whole milliseconds."""
    return st.datetimes(_FIRST_TIME, _LAST_TIME, timezones=st.just(UTC)).map(aware)


def days() -> st.SearchStrategy[date]:
    """Return calendar days of three centuries."""
    return st.dates(date(1900, 1, 1), date(2199, 12, 31))


def references() -> st.SearchStrategy[str]:
    """Return ids as `IdentityKey.derive` makes them: 32 hex digits."""
    return st.text(_HEX, min_size=32, max_size=32)


def words() -> st.SearchStrategy[str]:
    """Return text as a peer may send it, empty and far from English included."""
    return st.text(max_size=80)


def maybe(values: st.SearchStrategy[T]) -> st.SearchStrategy[T | None]:
    """Return None or a value."""
    return st.none() | values


def tuples_of(values: st.SearchStrategy[T], *, size_max: int = 3) -> st.SearchStrategy[tuple[T, ...]]:
    """Return tuples of a few values."""
    return st.lists(values, max_size=size_max).map(tuple)


def members(kind: type[E]) -> st.SearchStrategy[E]:
    """Return the members of an enum."""
    return st.sampled_from(list(kind))


def plan_contents() -> st.SearchStrategy[PlanContent]:
    """Return versions of plans of every type."""
    return st.one_of([_plan_contents_of(kind) for kind in PlanType])


def _plan_contents_of(kind: PlanType) -> st.SearchStrategy[PlanContent]:
    """Return versions of plans of one type; an unborn plan has an end."""
    return st.builds(
        PlanContent,
        authority=ods_codes(),
        plan_type=st.just(kind),
        start=days(),
        end=days() if kind is PlanType.UNBORN else maybe(days()),
        deleted=maybe(days()),
        authority_name=words(),
        phone_office=maybe(words()),
        phone_emergency=words(),
        details=st.builds(Details, family=maybe(words()), given=maybe(words()), birth_date=maybe(days())),
        child_id=maybe(words()),
        verified=st.booleans(),
        restricted=st.booleans(),
    )


def plan_facts() -> st.SearchStrategy[PlanFact]:
    """Return what authorities say."""
    return st.builds(
        PlanFact,
        content=plan_contents(),
        recorded_at=times(),
        received_at=times(),
        file_id=words(),
    )


def visit_messages(
    visits: st.SearchStrategy[str] | None = None,
) -> st.SearchStrategy[VisitMessage]:
    """Return hospital messages about any visit, or about one of `visits`."""
    return st.builds(
        VisitMessage,
        message_id=references(),
        visit=references() if visits is None else visits,
        provider=ods_codes(),
        system=words(),
        control_id=words(),
        event=members(VisitEvent),
        recorded_at=times(),
        sent_at=times(),
        received_at=times(),
        sequence=maybe(st.integers(0, 10**15)),
        occurred_at=maybe(times()),
        patient_class=maybe(words()),
        admission_type=maybe(words()),
        location=maybe(words()),
        site=maybe(ods_codes()),
        arrived_at=maybe(times()),
        departed_at=maybe(times()),
        disposition=maybe(words()),
        reason=maybe(members(Reason)),
        acuity=maybe(words()),
        arrival_mode=maybe(words()),
        number_status=maybe(members(NumberStatus)),
        birth_date_reliability=maybe(members(Reliability)),
        restricted=maybe(st.booleans()),
        cancel_reason=maybe(words()),
        next_of_kin_relationship=maybe(words()),
        clinician_role=maybe(words()),
        clinician_name=maybe(words()),
        next_of_kin_name=maybe(words()),
        accompanied_by=maybe(words()),
        family=maybe(words()),
        given=maybe(words()),
        birth_date=maybe(days()),
        mothers=maybe(st.lists(references(), max_size=2).map(tuple)),
        cleared=st.frozensets(st.sampled_from(REGISTERS)),
        several_numbers=maybe(st.booleans()),
    )


def leavings() -> st.SearchStrategy[VisitLeft]:
    """Return visits that go on under another number."""
    return st.builds(
        VisitLeft,
        visit=references(),
        message_id=references(),
        control_id=words(),
        recorded_at=times(),
        sent_at=times(),
        received_at=times(),
        sequence=maybe(st.integers(0, 10**15)),
    )


def accesses() -> st.SearchStrategy[Access]:
    """Return look-ups."""
    return st.builds(
        Access,
        access_id=references(),
        organisation=ods_codes(),
        organisation_name=words(),
        role=words(),
        user_name=words(),
        user=maybe(references()),
        unscheduled=st.booleans(),
        accessed_at=times(),
        recorded_at=times(),
        received_at=times(),
    )


def identity_notices() -> st.SearchStrategy[IdentityNotice]:
    """Return notices; a superseded number has its successor, an exclusion its user."""
    return members(IdentityKind).flatmap(
        lambda kind: st.builds(
            IdentityNotice,
            notice_id=references(),
            kind=st.just(kind),
            successor=nhs_numbers() if kind is IdentityKind.SUPERSEDED else st.none(),
            recorded_at=times(),
            received_at=times(),
            birth_date=st.dates() if kind is IdentityKind.BIRTH_DATE else st.none(),
            user=references() if kind in ABOUT_A_USER else st.none(),
            named_by=maybe(ods_codes()) if kind in ABOUT_A_USER else st.none(),
            visit=references() if kind in ABOUT_A_VISIT else st.none(),
        )
    )


def births() -> st.SearchStrategy[Birth]:
    """Return births."""
    return st.builds(
        Birth,
        birth_id=references(),
        baby=nhs_numbers(),
        born=maybe(days()),
        visit=maybe(references()),
        named=maybe(references()),
        restricted=st.booleans(),
        recorded_at=times(),
        received_at=times(),
    )


def covers() -> st.SearchStrategy[Cover]:
    """Return what covers babies: unborn children's plans, without details of the mother."""
    return st.builds(
        Cover,
        mother=maybe(nhs_numbers()),
        births=st.lists(births(), max_size=2).map(tuple),
        plans=st.lists(plan_facts().flatmap(_unborn), max_size=2).map(tuple),
        losses=st.lists(times(), max_size=2).map(tuple),
        restricted=maybe(times()),
        doubt=st.integers(0, 3),
        exclusions=st.lists(user_words(), max_size=3).map(tuple),
        recorded_at=times(),
        received_at=times(),
    )


def user_words() -> st.SearchStrategy[UserWord]:
    """Return what somebody said of a user."""
    return st.builds(
        UserWord,
        user=st.sampled_from(("u1", "u2")) | references(),
        named_by=maybe(ods_codes()),
        said_at=times(),
        excludes=st.booleans(),
    )


def _unborn(plan: PlanFact) -> st.SearchStrategy[PlanFact]:
    """Return a plan as that of an unborn child."""
    return days().map(
        lambda end: replace(
            plan,
            content=replace(
                plan.content,
                plan_type=PlanType.UNBORN,
                end=end,
                details=Details(),
                restricted=False,
            ),
        )
    )


def ended_links() -> st.SearchStrategy[LinkEnded]:
    """Return numbers that are to be forgotten."""
    return st.builds(LinkEnded, number=nhs_numbers(), covered=st.booleans(), received_at=times())


def facts() -> st.SearchStrategy[Fact]:
    """Return facts of every kind."""
    return st.one_of(
        plan_facts(),
        visit_messages(),
        leavings(),
        accesses(),
        identity_notices(),
        births(),
        covers(),
        ended_links(),
    )


def recipients() -> st.SearchStrategy[Recipient]:
    """Return who may be told."""
    return st.builds(Recipient, kind=members(RecipientKind), code=ods_codes())


def plan_lines() -> st.SearchStrategy[PlanLine]:
    """Return plans as told."""
    return st.builds(
        PlanLine,
        authority=ods_codes(),
        authority_name=words(),
        phone_emergency=words(),
        phone_office=maybe(words()),
        plan_type=members(PlanType),
        role=members(SubjectRole),
        start=days(),
        end=maybe(days()),
        state=members(PlanState),
        marks=tuples_of(members(Mark)),
    )


def contacts() -> st.SearchStrategy[Contact]:
    """Return other authorities as told."""
    return st.builds(
        Contact, authority=ods_codes(), name=words(), phone_emergency=words(), phone_office=maybe(words())
    )


def visit_lines() -> st.SearchStrategy[VisitLine]:
    """Return visits as told."""
    return st.builds(
        VisitLine,
        visit=references(),
        provider=maybe(ods_codes()),
        provider_name=maybe(words()),
        site=maybe(ods_codes()),
        location=maybe(words()),
        state=members(VisitState),
        arrived_at=times(),
        departed_at=maybe(times()),
        patient_class=maybe(words()),
        arrival_mode=maybe(words()),
        reason=maybe(members(Reason)),
        acuity=maybe(words()),
        disposition=maybe(words()),
        clinician_role=maybe(words()),
        clinician_name=maybe(words()),
        call_back=maybe(words()),
        next_of_kin_relationship=maybe(words()),
        next_of_kin_name=maybe(words()),
        accompanied_by=maybe(words()),
    )


def view_lines() -> st.SearchStrategy[ViewLine]:
    """Return look-ups as told."""
    return st.builds(
        ViewLine,
        access_id=references(),
        organisation=ods_codes(),
        organisation_name=words(),
        role=words(),
        user_name=words(),
        accessed_at=times(),
    )


def alerts() -> st.SearchStrategy[Alert]:
    """Return standing alerts; any field may go with any other."""
    return st.builds(
        Alert,
        alert_id=references(),
        subject=references(),
        occasion=members(Occasion),
        recipient=recipients(),
        route=members(Route),
        urgency=members(Urgency),
        plans=tuples_of(plan_lines(), size_max=2),
        visit=maybe(visit_lines()),
        views=tuples_of(view_lines(), size_max=2),
        other_authorities=tuples_of(contacts(), size_max=2),
        earlier_visits=st.integers(0, 2**31 - 1),
        last_visit_at=maybe(times()),
        notes=tuples_of(members(Note)),
        child_id=maybe(words()),
        file_id=maybe(words()),
    )


def alert_events() -> st.SearchStrategy[AlertEvent]:
    """Return alert events of every kind."""
    return st.builds(
        AlertEvent,
        event_id=references(),
        subject=nhs_numbers(),
        alert=alerts(),
        revision=st.integers(1, 2**31 - 1),
        kind=members(EventKind),
        changes=tuples_of(members(Change)),
        why=maybe(members(Why)),
    )


def worklist_items() -> st.SearchStrategy[WorklistItem]:
    """Return worklist items."""
    return st.builds(
        WorklistItem,
        item_id=references(),
        kind=members(ItemKind),
        urgent=st.booleans(),
        provider=maybe(ods_codes()),
        visit=maybe(references()),
        control_id=maybe(words()),
        arrived_at=maybe(times()),
    )


def audit_entries() -> st.SearchStrategy[AuditEntry]:
    """Return entries of the audit trail."""
    return st.builds(
        AuditEntry,
        partition=st.integers(0, 2**31 - 1),
        sequence=st.integers(1, 2**63 - 1),
        at=times(),
        occasion=members(Occasion),
        why=members(Why),
        recipients=tuples_of(recipients()),
        fields=tuples_of(words()),
        basis=tuples_of(members(Flow)),
        policy_version=words(),
        commitment=st.binary(min_size=32, max_size=32),
        previous=st.binary(min_size=32, max_size=32),
        rules_changed=st.booleans(),
    )


def destruction_entries() -> st.SearchStrategy[DestructionEntry]:
    """Return entries of what a log has forgotten."""
    return st.builds(
        DestructionEntry,
        partition=st.integers(0, 2**31 - 1),
        sequence=st.integers(1, 2**63 - 1),
        at=times(),
        topic=words(),
        first=st.integers(0, 2**63 - 1),
        end=st.integers(0, 2**63 - 1),
        unread=st.integers(0, 2**63 - 1),
        salt=st.binary(min_size=32, max_size=32),
        previous=st.binary(min_size=32, max_size=32),
    )


def operator_actions() -> st.SearchStrategy[OperatorAction]:
    """Return what operators did."""
    return st.builds(
        OperatorAction,
        kind=members(ActionKind),
        item_id=references(),
        place=st.builds(
            Place, topic=words(), partition=st.integers(0, 2**31 - 1), offset=st.integers(0, 2**63 - 1)
        ),
        grounds=st.builds(
            Grounds,
            by=st.sampled_from(["A. Operator", "ops-7"]),
            reason=st.sampled_from(["ticket 4711", "sender rang", "Rückfrage des Hauses"]),
        ),
        at=times(),
        outcome=words(),
    )
