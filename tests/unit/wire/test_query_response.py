"""An opened look as a query response: valid by the official schema; no code looks like another (39, R22)."""

from dataclasses import replace
from datetime import UTC, date, datetime

import pytest
from lxml import etree

from broker.core.alerts import Occasion, PlanLine, PlanState, SubjectRole, VisitState
from broker.core.answers import Answer, Finding, Uncheckable, could_not_check
from broker.core.facts import Details, PlanType
from broker.core.identifiers import NhsNumber, OdsCode
from broker.core.looking import Look, Opened, OpenedPlan, Way
from broker.core.past import Past
from broker.wire.query_response import Code, code_of, write_query_response
from tests.builders.upload import HL7
from tests.official_schemas import faults_of, official_schema

MESSAGE = "REPC_MT000007GB01"
NUMBER = NhsNumber("9990000018")
NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
NAMESPACES = {"h": HL7}
LINE = PlanLine(
    authority=OdsCode("E09"),
    authority_name="Exton",
    phone_emergency="03001111111",
    phone_office="+443002222222",
    plan_type=PlanType.CHILD_PROTECTION,
    role=SubjectRole.CHILD,
    start=date(2026, 1, 1),
    end=None,
    state=PlanState.ACTIVE,
)
ROBIN = Details(family="Sample", given="Robin", birth_date=date(2014, 4, 12))
CPP = OpenedPlan(line=LINE, ring_now="03001111111", registered=ROBIN)
LAC = replace(CPP, line=replace(LINE, plan_type=PlanType.LOOKED_AFTER, end=date(2026, 2, 1)))
UCP = replace(
    CPP, line=replace(LINE, plan_type=PlanType.UNBORN, role=SubjectRole.MOTHER, end=date(2026, 6, 1))
)
ELSEWHERE = replace(CPP, line=replace(LINE, authority=OdsCode("E08"), phone_office=None))
NEWBORN = replace(UCP, line=replace(UCP.line, role=SubjectRole.NEWBORN), registered=Details())
VISIT = Past(
    subject="v1",
    occasion=Occasion.ATTENDED,
    at=NOON,
    organisation=OdsCode("RXX"),
    state=VisitState.PRESENT,
)
VIEW = Past(
    subject="a1",
    occasion=Occasion.VIEWED,
    at=NOON,
    organisation=OdsCode("RYY"),
    organisation_name="Wye",
    role="nurse",
    user_name="A Nurse",
)
OPENED = {
    "one plan": Opened(plans=(CPP,), history=()),
    "three of one authority": Opened(plans=(CPP, LAC, UCP), history=(VISIT, VIEW)),
    "four of one authority": Opened(plans=(CPP, LAC, UCP, replace(CPP, ring_now="1")), history=()),
    "two authorities": Opened(plans=(CPP, ELSEWHERE), history=(VIEW,)),
    "a mother's": Opened(plans=(UCP,), history=()),
    "a newborn's": Opened(plans=(NEWBORN,), history=()),
}


def written(opened: Opened) -> etree._Element:
    """Return the response as an element, having compared it with the official schema."""
    data = write_query_response(opened, NUMBER, query_id="Q", at=NOON)
    assert [] == faults_of(data, MESSAGE)
    return etree.fromstring(data)


def values(root: etree._Element, path: str) -> list[str]:
    """Return the attributes or texts at an XPath."""
    found = root.xpath(path, namespaces=NAMESPACES)
    assert isinstance(found, list)
    return [str(value) for value in found]


def test_the_oracle_can_say_no() -> None:
    """A response that lacks its records is not let through."""
    official_schema(MESSAGE)
    root = written(OPENED["one plan"])
    root.remove(root[-1])

    assert faults_of(etree.tostring(root), MESSAGE)


@pytest.mark.parametrize(
    ("case", "records"),
    [
        ("one plan", 1),
        ("three of one authority", 1),
        ("four of one authority", 2),
        ("two authorities", 2),
        ("a mother's", 1),
        ("a newborn's", 1),
    ],
)
def test_every_opened_look_makes_a_valid_response(case: str, records: int) -> None:
    """Three plans have room in a record, and counts are those of what is there (dossier 3.5)."""
    opened = OPENED[case]
    root = written(opened)

    assert [str(len(opened.history))] == values(
        root, "//h:pertinentTotalReturnedAccessRecords/h:value/@value"
    )
    assert [str(records)] == values(root, "//h:pertinentTotalReturnedChildRecords/h:value/@value")
    assert records == len(
        values(
            root,
            "//h:CP-ISRecord/h:subject[1]/@*|//h:record/h:communicationFunctionSnd/h:organisation/h:id/@extension",
        )
    )


def test_a_record_says_plans_numbers_and_whose_they_are() -> None:
    """Emergency and office numbers, first and last days, and the registered details (dossier 3.5)."""
    root = written(OPENED["three of one authority"])

    assert ["EC", "WP"] == values(root, "//h:telecom/@use")
    assert ["tel:03001111111", "tel:+443002222222"] == values(root, "//h:telecom/@value")
    assert ["202601010000"] == values(root, "//h:cPPStartDate/h:value/@value")
    assert ["202602010000"] == values(root, "//h:lACEndDate/h:value/@value")
    assert ["202606010000"] == values(root, "//h:uCPEndDate/h:value/@value")
    assert ["20140412"] * 2 == values(root, "//h:birthTime/@value")
    assert [NUMBER.digits] * 2 == values(
        root, "//h:childPerson/../h:id/@extension|//h:playedMother/h:id/@extension"
    )


def test_the_history_is_told_as_queries() -> None:
    """Who looked with role and name, a visit with its place alone (R25; dossier 3.5)."""
    root = written(OPENED["three of one authority"])

    assert ["RXX", "Wye"] == values(root, "//h:maintainingOrganization/h:name/text()")
    assert ["nurse"] == values(root, "//h:superiorAssignedEntity/h:code/@displayName")
    assert ["A Nurse"] == values(root, "//h:assignedPerson/h:name/text()")
    assert ["20260302120000+0000"] * 2 == values(root, "//h:pertinentInformation13//h:effectiveTime/@value")


CODES = {
    Code.OPENED: Look(way=Way.SILENT, answer=Answer(finding=Finding.PLAN), opened=OPENED["one plan"]),
    Code.NO_RECORD: Look(way=Way.SILENT, answer=Answer(finding=Finding.NO_PLAN)),
    Code.FAILED: Look(way=Way.SILENT, answer=could_not_check(Uncheckable.BROKER_BEHIND)),
    Code.REFUSED: Look(way=Way.REFUSED, answer=None),
}


@pytest.mark.parametrize("code", CODES)
def test_no_record_has_a_code_that_no_failure_has(code: Code) -> None:
    """`CPIS-0001` for none on file; every failure has another (rulings 34, 39; R22)."""
    assert code is code_of(CODES[code])


@pytest.mark.parametrize("reason", Uncheckable)
def test_whatever_could_not_be_checked_has_the_code_of_a_failure(reason: Uncheckable) -> None:
    """Restricted and excluded alike (rulings 24, 39, 48)."""
    assert Code.FAILED is code_of(Look(way=Way.SILENT, answer=could_not_check(reason)))
