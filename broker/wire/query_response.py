"""
The response to a query, HL7 v3 message REPC_MT000007GB01 (dossier 3.5): an opened look → bytes; the codes.

Knows what the message can say: plans with their dates, authorities with their numbers, registered details,
and the history as queries. It cannot say that there is no record: that is a code of the mini-service, and no
failure has the same one (ruling 39; R22).
"""

from collections.abc import Iterable, Sequence
from datetime import date, datetime
from enum import StrEnum
from itertools import groupby

from lxml.etree import _Element as Element

from broker.core.alerts import SubjectRole
from broker.core.answers import Finding
from broker.core.facts import PlanType
from broker.core.identifiers import NhsNumber
from broker.core.looking import Look, Opened, OpenedPlan
from broker.core.past import Past
from broker.wire.access_notification import ASID_ROOT
from broker.wire.hl7v3_writing import (
    ORGANISATION_ROOT,
    add,
    add_organisation,
    add_template,
    add_text,
    begin,
    message_id,
    timestamp,
    written,
)
from broker.wire.upload_record import NHS_NUMBER_ROOT

NO_SYSTEM = "000000000000"
"""Stands where the schema wants a system's id (ASID): the history keeps none."""
NOT_KNOWN = "0"
"""Stands where the schema wants a date of birth and none is registered: nobody can take it for one."""
PLANS_IN_A_RECORD = 3
"""As many as a record has room for: one of each type, as a rule."""

_BLOCKS = {
    PlanType.LOOKED_AFTER: ("COCT_TP146103GB01.LACInformation", "lAC"),
    PlanType.CHILD_PROTECTION: ("COCT_TP146105GB01.CPPInformation", "cPP"),
    PlanType.UNBORN: ("COCT_TP146104GB01.UCPInformation", "uCP"),
}


class Code(StrEnum):
    """What the mini-service answers a query with (dossier 6.2)."""

    OPENED = "SMSP-0000"
    """Success: the response is there."""
    UNREADABLE = "SMSP-0001"
    """The query is invalid."""
    REFUSED = "SMSP-0005"
    """Who asks may not look here (ruling 3)."""
    NO_RECORD = "CPIS-0001"
    """No plan on file: a normal answer (ruling 39, R22)."""
    FAILED = "CPIS-9999"
    """It could not be checked."""


def code_of(look: Look) -> Code:
    """Return the code of a look; no failure has that of `no plan on file` (rulings 34, 39)."""
    if look.answer is None:
        return Code.REFUSED
    match look.answer.finding:
        case Finding.PLAN:
            return Code.OPENED
        case Finding.NO_PLAN:
            return Code.NO_RECORD
        case _:
            return Code.FAILED


def write_query_response(opened: Opened, number: NhsNumber, *, query_id: str, at: datetime) -> bytes:
    """
    Return the response in UTF-8.

    The same query answered at the same time (aware) with the same content makes the same bytes.
    """
    root = begin("CP-ISNHSQueryResponse")
    add(root, "effectiveTime", value=timestamp(at))
    add(root, "id", root=message_id("response", query_id, timestamp(at)))
    records = list(_records(opened.plans))
    _add_total(root, "pertinentInformation11", "pertinentTotalReturnedAccessRecords", len(opened.history))
    _add_total(root, "pertinentInformation12", "pertinentTotalReturnedChildRecords", len(records))
    for line in opened.history:
        _add_past(root, line, number)
    for plans in records:
        _add_record(root, plans, number)
    return written(root)


def _records(plans: Iterable[OpenedPlan]) -> Iterable[Sequence[OpenedPlan]]:
    """Yield the plans of each authority, as many as a record has room for."""
    ordered = sorted(plans, key=lambda plan: plan.line.authority)
    for _, group in groupby(ordered, key=lambda plan: plan.line.authority):
        own = list(group)
        yield from (own[first : first + PLANS_IN_A_RECORD] for first in range(0, len(own), PLANS_IN_A_RECORD))


def _add_total(root: Element, information: str, name: str, count: int) -> None:
    """Append how many of something there are."""
    add(add(add(root, information), name), "value", value=str(count))


def _add_past(root: Element, line: Past, number: NhsNumber) -> None:
    """Append one line of the history as the query that it would have been nationally."""
    query = add(add(root, "pertinentInformation13"), "pertinentCP-ISNHSQuery")
    add(query, "effectiveTime", value=timestamp(line.at))
    add(query, "id", root=message_id("past", line.subject))
    system = add_template(add(query, "author"), "COCT_TP145104GB01.System")
    add(system, "id", root=ASID_ROOT, extension=NO_SYSTEM)
    if line.user_name:
        person = add(add(system, "indirectAuthority"), "superiorAssignedEntity")
        add(person, "code", displayName=line.role)
        add_text(add(person, "assignedPerson"), "name", line.user_name)
    code = line.organisation.code
    add_organisation(system, "maintainingOrganization", code=code, called=line.organisation_name or code)
    asked = add(add(query, "queryByParameter"), "person.NHSnumber")
    add(asked, "value", extension=number.digits)


def _add_record(root: Element, plans: Sequence[OpenedPlan], number: NhsNumber) -> None:
    """Append plans of one authority, with whom to ring and whose they are."""
    act = add(add(root, "pertinentInformation14"), "pertinentCP-ISRecordControlAct")
    record = add(act, "record")
    line = plans[0].line
    organisation = add(add(record, "communicationFunctionSnd"), "organisation")
    add(organisation, "id", root=ORGANISATION_ROOT, extension=line.authority.code)
    add_text(organisation, "name", line.authority_name)
    add(organisation, "telecom", use="EC", value=f"tel:{line.phone_emergency}")
    if line.phone_office is not None:
        add(organisation, "telecom", use="WP", value=f"tel:{line.phone_office}")
    body = add(record, "CP-ISRecord")
    for plan in plans:
        _add_plan(body, plan)
    of_mother = [plan for plan in plans if plan.line.role is SubjectRole.MOTHER]
    of_child = [plan for plan in plans if plan.line.role is not SubjectRole.MOTHER]
    if of_child:
        child = add_template(add(body, "subject"), "COCT_TP145101GB01.Child")
        _add_id(child, number)
        _add_person(add(child, "childPerson"), of_child[-1])
    if of_mother:
        unborn = add_template(add(body, "subject"), "COCT_TP145100GB01.UnbornChild")
        mother = add(unborn, "parentMotherPerson")
        _add_person(mother, of_mother[-1])
        _add_id(add(mother, "playedMother"), number)


def _add_plan(body: Element, plan: OpenedPlan) -> None:
    """Append a plan block; responses have no delete date."""
    element, prefix = _BLOCKS[plan.line.plan_type]
    block = add_template(add(body, "pertinentInformation15"), element)
    add(add(add(block, "component"), f"{prefix}StartDate"), "value", value=_day(plan.line.start))
    if plan.line.end is not None:
        add(add(add(block, "component1"), f"{prefix}EndDate"), "value", value=_day(plan.line.end))


def _add_id(role: Element, number: NhsNumber) -> None:
    """Append the NHS number that was asked about, or that it led to."""
    add(role, "id", root=NHS_NUMBER_ROOT, extension=number.digits)


def _add_person(person: Element, plan: OpenedPlan) -> None:
    """Append date of birth and name as the authority registered them; what it did not is empty."""
    registered = plan.registered
    born = NOT_KNOWN if registered.birth_date is None else f"{registered.birth_date:%Y%m%d}"
    add(person, "birthTime", value=born)
    name = add(person, "name")
    add_text(name, "given", registered.given or "")
    add_text(name, "family", registered.family or "")


def _day(day: date) -> str:
    """Return a day as these messages have it, at midnight."""
    return f"{day:%Y%m%d}0000"
