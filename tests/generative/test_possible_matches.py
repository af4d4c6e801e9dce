"""Visits without a number and people on file, generated: any order asks about the same visits."""

from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from itertools import count

from hypothesis import given, settings
from hypothesis import strategies as st

from broker.core.facts import Details, PlanContent, PlanFact, PlanType, VisitEvent, VisitMessage
from broker.core.identifiers import OdsCode
from broker.core.person import NOTHING, Known, lift, merge
from broker.core.policy import Policy
from tests.builders.matcher import numbers
from tests.generative.naive_possible import SAYS, SILENT, Plan, Visit, Who, to_ask_about
from tests.spec.runtimes import Nearby
from tests.spec.table import nobodys

DAY = date(2026, 3, 10)
BORN = (date(2014, 4, 12), date(2014, 12, 4), date(2014, 4, 13), date(2013, 4, 12), None)
BABIES = (
    None,
    date(2025, 3, 9),
    date(2025, 3, 11),
    *(DAY - timedelta(days=days) for days in (0, 1, 20, 28, 29, 40)),
)
WHO = st.builds(
    Who,
    family=st.sampled_from(["Sample", "SAMPLE", "O'Neil", "ONeil", *SILENT]),
    given=st.sampled_from(["Łukasz Jan", "Lukasz", "Zoë-Ann", "Zoe", *SILENT]),
    born=st.sampled_from(BORN),
)
PLANS = st.builds(
    Plan,
    who=WHO,
    unborn=st.booleans(),
    first=st.integers(-40, 3).map(lambda days: DAY + timedelta(days=days)),
    last=st.integers(-3, 40).map(lambda days: DAY + timedelta(days=days)),
    corrected_on=st.none() | st.integers(-40, 5).map(lambda days: DAY + timedelta(days=days)),
    corrected_to=st.none() | st.integers(-45, 3).map(lambda days: DAY + timedelta(days=days)),
).filter(lambda plan: plan.first <= plan.last and (plan.corrected_on or plan.last) >= plan.first)
DAYS = st.integers(-1, 1).map(lambda days: DAY + timedelta(days=days))
BABY = st.builds(
    Who, family=st.sampled_from(SILENT), given=st.sampled_from(SILENT), born=st.sampled_from(BABIES)
)
SAID = st.lists(st.tuples(WHO | BABY, DAYS), min_size=1, max_size=2).map(tuple)
VISITS = st.builds(
    Visit, said=SAID, numbered=st.booleans(), mother=st.none() | st.integers(min_value=0, max_value=2)
)
NHS_NUMBERS = numbers()
PEOPLE = [next(NHS_NUMBERS) for _ in range(3)]
SHOWN_ON_THE_LAST_DAY_ALONE = Policy(visible_after_end=timedelta(), unborn_visible=timedelta())


def _details(who: Who) -> Details:
    """Return details as a fact has them."""
    return Details(family=who.family, given=who.given, birth_date=who.born)


def _known(plan: Plan) -> list[Known]:
    """Return what is said of a plan: that it is, and, later, that it is removed or ended otherwise."""
    content = PlanContent(
        authority=OdsCode("E09"),
        plan_type=PlanType.UNBORN if plan.unborn else PlanType.CHILD_PROTECTION,
        start=plan.first,
        end=plan.last,
        authority_name="Exton",
        phone_emergency="02070000000",
        details=_details(plan.who),
    )
    at = datetime.combine(plan.first, time(9), UTC)
    said = [PlanFact(content=content, recorded_at=at, received_at=at, file_id="f1")]
    if plan.corrected_on is not None:
        later = datetime.combine(plan.corrected_on, time(20), UTC)
        removed = replace(content, deleted=plan.first)
        corrected = replace(content, end=plan.corrected_to) if plan.corrected_to else removed
        said.append(PlanFact(content=corrected, recorded_at=later, received_at=later, file_id="f2"))
    return [lift(fact) for fact in said]


def _messages(name: str, visit: Visit) -> list[VisitMessage]:
    """Return a visit's messages, each with what was said then, and whose baby it is said to be."""
    serial = count()
    mothers = [] if visit.mother is None else [PEOPLE[visit.mother]]
    messages = [
        VisitMessage(
            message_id=f"{name}-{next(serial)}",
            visit=name,
            provider=OdsCode("RXX"),
            system="ED",
            control_id=f"c-{name}",
            event=VisitEvent.UPDATED,
            recorded_at=at,
            sent_at=at,
            received_at=at,
            arrived_at=at,
            family=who.family,
            given=who.given,
            birth_date=who.born,
        )
        for who, day in visit.said
        for at in [datetime.combine(day, time(12), UTC)]
    ]
    return [nobodys(message, mothers) for message in messages]


@settings(max_examples=300, deadline=None)
@given(
    st.lists(PLANS, max_size=3), st.lists(VISITS, min_size=1, max_size=3), st.randoms(use_true_random=False)
)
def test_any_order_asks_about_the_same_visits(plans: list[Plan], visits: list[Visit], chance: object) -> None:
    """As many as the naive model names, each with one item (rulings 21, 46)."""
    by_name = {f"v{place}": visit for place, visit in enumerate(visits)}
    nearby = Nearby(SHOWN_ON_THE_LAST_DAY_ALONE)
    steps: list[tuple[object, ...]] = [
        (number, known) for number, plan in zip(PEOPLE, plans, strict=False) for known in _known(plan)
    ]
    steps += [(message,) for name, visit in by_name.items() for message in _messages(name, visit)]
    chance.shuffle(steps)  # type: ignore[attr-defined]  # hypothesis does not export the type
    people: dict[object, Known] = {}
    for step in steps:
        match step:
            case (number, Known() as known):
                before = people.get(number, NOTHING)
                people[number] = merge(before, known)
                nearby.know(number, before, people[number])  # type: ignore[arg-type]  # as zipped above
            case (VisitMessage() as message,):
                nearby.hear(None, message)
    for name, visit in by_name.items():
        if visit.numbered:
            nearby.hear(PEOPLE[0], _messages(name, visit)[0])

    asked = sorted(item.visit or "" for item in nearby.items())
    assert sorted(to_ask_about(by_name, plans)) == asked


def test_the_stories_say_every_name() -> None:
    """Each name that is read is one that the naive model reads, in two spellings."""
    assert 4 == len(set(SAYS.values()))
    assert 8 == len(SAYS)
