"""
The hazards of the hazard log, each with a test of its name that fails when its control is taken away.

Hazard, cause, control and place in the code stand in docs/explanation/hazards.md; `tests/tools/hazards.py`
takes each control out of a copy of the program, and the tests of that hazard must notice, and no other's.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from itertools import permutations

import pytest

from broker.core.alerts import AlertEvent, Change, EventKind, RecipientKind
from broker.core.answers import Finding
from broker.core.canonical import canonical
from broker.core.effects import advance
from broker.core.facts import Cover, Fact, VisitMessage
from broker.core.identifiers import NhsNumber
from broker.core.person import Person, lift
from broker.core.retention import settle
from broker.core.wording import statements
from broker.core.worklist import ItemKind
from broker.wire.adt_other import may_hold_two_numbers
from tests.builders.adt import Adt, Patient
from tests.spec.conftest import Run, RunDoors, RunMoving, RunNearby
from tests.spec.doors import at, taken
from tests.spec.hazard_tables import (
    AGREEMENT,
    BABIES,
    CORRECTIONS,
    ENDED,
    FOLLOWED,
    IN_DOUBT,
    LATE,
    MARKS,
    NEWBORNS,
    NOT_IN_USE,
    OWED,
    PLACES,
    SIGNS,
    SILENCES,
    STATUSES,
)
from tests.spec.outcome import Outcome
from tests.spec.runtimes import Runtime
from tests.spec.settled import KEY, POLICY, SETTLED
from tests.spec.table import cells, facts, keyed_facts, moment, rows

PLAN = "T-9d | plan | CPP E09 |"
VISIT = "T | A04 | v1 |"
ELSEWHERE = "T-9d | plan | LAC E08 | number=B family=Z given=Q birth_date=2009-09-09"
BESIDE = ("T-99d | notice | n0 in-use |", ELSEWHERE)
"""That the number is in use, and somebody else on file: neither has anything to do with it."""
BABY = NhsNumber("9990000018")
COULD_NOT_CHECK = f"{Finding.COULD_NOT_CHECK}: "


def table(*lines: str) -> str:
    """Return a table of these rows, without those that are empty; `/` stands between the cells of a cell."""
    written = [line.replace("/", "|") for line in lines if line.strip("- ")]
    return "\n".join(["recorded | fact | about | values", *written])


# 1: silence taken for "no plan"


@pytest.mark.parametrize(("known", "visit", "asked", "answer"), SILENCES)
def test_silence_is_not_taken_for_no_plan(
    run_nearby: RunNearby, known: str, visit: str, asked: str, answer: str
) -> None:
    """Whatever was not, or could not be, looked at is said; that is none of the other answers (34, 41)."""
    outcome, (name, *behind) = run_nearby(table(known, visit, *BESIDE)), asked.split()

    assert answer == outcome.answer(name, behind=bool(behind)).removeprefix(COULD_NOT_CHECK)


# 2: an unscheduled visit classed as scheduled


@pytest.mark.parametrize("place", PLACES)
def test_an_unscheduled_visit_is_not_classed_as_scheduled(
    runtime: Runtime, numbers: Iterator[NhsNumber], place: str
) -> None:
    """Every class and type at every kind of place, as hospitals write them (rulings 2, 3, 4, 47)."""
    provider, location, grid = PLACES[place]
    (_, types), *classes = cells(grid)
    expected = {
        f"{patient_class} {admission_type}": SIGNS[sign]
        for patient_class, signs in classes
        for admission_type, sign in zip(types.split(), signs.split(), strict=True)
    }
    plans: list[tuple[NhsNumber | None, Fact]] = []
    arrivals = []
    for place_in_table, name in enumerate(expected):
        if place_in_table % len(types.split()) == 0:
            number = next(numbers)  # one person for each class: no admission joins another's thread
            plans += [(number, fact) for fact in facts(table(PLAN))]
        said = zip(("class", "type", "location"), (*name.split(), location), strict=True)
        arrivals.append(
            Adt(
                event="A04",
                control_id=name,
                recorded=at(0),
                provider=provider,
                patient=Patient(number=number.digits, born="20140412"),
                pv1={"visit": f"V{place_in_table}", **{field: text for field, text in said if text != "-"}},
            )
        )
    read = list(taken(arrivals))
    names = {fact.visit: fact.control_id for _, fact in read if isinstance(fact, VisitMessage)}

    outcome = replace(runtime([*read, *plans], POLICY), names=names)

    assert expected == outcome.whys


# 3: an alert for the wrong child

AGREED = ("trusted", "otherwise")
SAID = {
    "y": ("birth_date=2014-04-12", "family=Sample", "given=Robin"),
    "n": ("birth_date=2013-01-01", "family=Other", "given=Alex"),
    "-": ("birth_date=-", "family=-", "given=-"),
}


@pytest.mark.parametrize(("status", "verified", "provider", "column"), STATUSES)
def test_an_alert_is_about_the_right_child(
    runtime: Runtime, numbers: Iterator[NhsNumber], status: str, verified: str, provider: str, column: str
) -> None:
    """Which details agree, by how the number was traced; in doubt a person is asked (rulings 20, 46; R12)."""
    lines = []
    for pattern, *_ in AGREEMENT:
        said = " ".join(SAID[sign][place] for place, sign in enumerate(pattern))
        traced = f"number_status={status} control_id={pattern} number={pattern}"
        lines += [
            f"T-9d | plan | CPP E09 | verified={verified} number={pattern}",
            f"T | A04 | v1 {provider} | {traced} {said}",
        ]
    own = {pattern: next(numbers) for pattern, *_ in AGREEMENT}

    came = runtime(list(keyed_facts(table(*lines), own)), POLICY)
    outcome = replace(came, names={number.digits: pattern for pattern, number in own.items()})

    comes_to = {
        pattern: {"trusted": trusted, "otherwise": other}[column] for pattern, trusted, other in AGREEMENT
    }
    alerted = [(pattern,) for pattern in comes_to if comes_to[pattern] == "alert"]
    asked = [(ItemKind.DETAILS_DISAGREE, True, one) for one in comes_to if comes_to[one] == "ask"]
    assert sorted(alerted * 2) == outcome.alerts("number")
    assert sorted(asked) == sorted(outcome.asked)


@pytest.mark.parametrize(("messages", "about"), FOLLOWED, ids=[row[0] for row in FOLLOWED])
def test_an_alert_is_about_the_right_child_when_numbers_change(
    run_doors: RunDoors, messages: str, about: str
) -> None:
    """Twins in all but number: one corrected, exchanged, cleared, shared, doubled (6, 21, 35, 42, 44)."""

    def sent(numbers: Mapping[str, NhsNumber]) -> Iterator[Adt]:
        written: dict[str, str | None] = {"-": None}
        written |= {name: own.digits for name, own in numbers.items()}
        written |= {f"{name}!": _miswritten(own) for name, own in numbers.items()}
        written |= {
            f"{name}+{other}": f"{numbers[name].digits}^^^NHS~{numbers[other].digits}"
            for name, other in permutations(numbers, 2)
        }
        for minute, text in enumerate(messages.split("; ")):
            event, number, visit, provider, system = text.split()
            yield Adt(
                event=event,
                control_id=f"C{minute}",
                recorded=at(minute),
                provider=provider,
                system=system,
                patient=Patient(number=written.get(number, number), born="20140412"),
                pv1={"visit": visit, "class": "E"},
            )

    outcome = run_doors(table(f"{PLAN} number=A", "T-9d | plan | CPP E09 | number=B"), sent, stepwise=True)

    told = {f"{number} {visit} {to}" for number, visit, to in outcome.alerts("number | about | provider")}
    assert set(about.split("; ")) == told


def _miswritten(number: NhsNumber) -> str:
    """Return a number with another check digit, which is a wrong one."""
    return number.digits[:-1] + str((int(number.digits[-1]) + 1) % 10)


# 4: old and new number joined

ADOPTION = table(
    "T-30d | plan   | CPP E09        | number=A family=Birthname child_id=CHILD-1",
    "T-20d | A04    | v1             | number=A family=Birthname control_id=MSG-1",
    "T-9d  | notice | n1 invalidated | number=A",
    "T-8d  | plan   | CPP E08        | number=B family=Newname child_id=CHILD-2",
    "T-7d  | A08    | v1             | number=B family=Newname control_id=MSG-2",
    "T     | A04    | v2             | number=B family=Newname control_id=MSG-3",
    "T+1h  | A08    | v2             | number=A family=Newname control_id=MSG-4",
    "T+2h  | A08    | v2             | number=B family=Newname control_id=MSG-5",
)
IDENTIFIER = re.compile(r"(?<![0-9a-f])[0-9a-f]{32}(?![0-9a-f])|999\d{7}|CHILD-\d|MSG-\d")


def test_an_old_and_a_new_number_are_not_joined(run_recorded: RunMoving) -> None:
    """A visit goes from one to the other and back: no id, and no record, is of both (23, 42, 44; R36)."""
    outcome = run_recorded(ADOPTION, stepwise=True)

    digits = {name: one for one, name in outcome.names.items() if name in {"A", "B"} and one.isdigit()}
    ids = {name: _identifiers(outcome, digits[name]) for name in digits}
    assert min(len(found) for found in ids.values()) > 2
    assert set() == ids["A"] & ids["B"]
    assert [] == [
        (topic, record.offset)
        for topic, records in outcome.records.items()
        for record in records
        if all(one.encode() in (record.key or b"") + (record.value or b"") for one in digits.values())
    ]


MERGED = "PID|1||9990000026^^^NHS\rMRG|9990000018^^^NHS\r"
MERGES = {
    "whole": f"MSH|^~\\&|EDSYS|RXX|||20260110100500||ADT^A40|C9|T|2.4\r{MERGED}",
    "cut off": MERGED,
    "of another name": f"MSH|^~\\&|EDSYS|RXX|||20260110100500||ADT^A18|C9|T|2.4\r{MERGED}",
}
"""Messages that put an old number and a new one side by side."""


@pytest.mark.parametrize("merge", MERGES)
def test_a_merge_joins_nothing(run_doors: RunDoors, merge: str) -> None:
    """No byte of it may be kept; each visit stays until its own next message moves it (25, 42)."""

    def sent(numbers: Mapping[str, NhsNumber]) -> Iterator[Adt]:
        for minute, (name, visit) in enumerate((("A", "v1"), ("B", "v2"), ("B", "v2"))):
            said = {"visit": visit, "class": "E"}
            who = Patient(number=numbers[name].digits, born="20140412")
            yield Adt(event="A04", control_id=f"C{minute}", recorded=at(minute), patient=who, pv1=said)

    outcome = run_doors(table(f"{PLAN} number=A", "T-9d | plan | CPP E09 | number=B"), sent)

    assert [("A", "v1"), ("B", "v2")] == outcome.alerts("number | about")[::2]
    assert may_hold_two_numbers(MERGES[merge].encode())


def _identifiers(outcome: Outcome, digits: str) -> set[str]:
    """Return whatever tells people, visits and alerts apart in what was told of a number."""
    told = [canonical(event) for event in outcome.events if event.subject.digits == digits]
    written = [
        f"{record.key!r} {(record.value or b'').decode('latin-1')}"
        for records in outcome.records.values()
        for record in records
        if digits.encode() in (record.key or b"") + (record.value or b"")
    ]
    return {found for text in (*told, *written) for found in IDENTIFIER.findall(text)}


# 5: a restricted place disclosed

PLACE = ("RMARK", "Marked Hospital", "07999000111", "QUARRY", "Quill")
"""What says where: provider, its name and number, location, clinician."""
MARKINGS: Mapping[str, tuple[str, tuple[str, ...]]] = {
    "PV1-16 S": ("S", ()),
    "ZU8-4 1": ("", ("ZU8||||1",)),
    "ZU8-4 2": ("", ("ZU8||||2",)),
    "PV1-16 N~S": ("N~S", ()),
    "second ZU8-4 2": ("", ("ZU8||||0", "ZU8||||2")),
    "cleared": ('""', ('ZU8||||""',)),
}
"""How a hospital says that a record is restricted, and that it says so no more."""


@pytest.mark.parametrize(("before", "arriving", "meanwhile", "disclosed"), MARKS)
def test_a_restricted_place_is_not_disclosed(
    run_doors: RunDoors, before: str, arriving: str, meanwhile: str, disclosed: str
) -> None:
    """Whoever says so, before or after the alert, and whatever is left out or cleared later (24, R39)."""

    def sent(numbers: Mapping[str, NhsNumber]) -> Iterator[Adt]:
        said = (("A04", arriving), ("A08", meanwhile), ("A08", "cleared"), ("A03", ""))
        for place, (event, marked) in enumerate(said):
            name, _, mark = marked.rpartition(": ")
            vip, segments = MARKINGS.get(mark, ("", ()))
            yield Adt(
                event=event,
                control_id=f"C{place}",
                recorded=at(30 * place),
                provider="RMARK",
                patient=Patient(number=numbers[name or "A"].digits, born="20140412"),
                pv1={
                    "visit": "v1", "class": "E", "location": "QUARRY", "attending": "C1^Quill^Ada",
                    "restricted": vip,
                },
                more=segments,
            )  # fmt: skip

    others = [line for line in (before, meanwhile) if line not in MARKINGS]
    outcome = run_doors(table(PLAN, ELSEWHERE, *others), sent, stepwise=True)

    told = [one for one in outcome.events if one.alert.recipient.kind is RecipientKind.AUTHORITY]
    placed = [one for one in told if any(word in canonical(one) for word in PLACE)]
    assert int(disclosed) == len(placed) < len(told)
    assert "could not check: restricted" == outcome.answer(provider="RMARK")
    assert placed == told[: int(disclosed)]
    to_delete = [Change.RESTRICTED in one.changes and one.loud for one in told]
    assert [False] * int(disclosed) + [bool(int(disclosed))] == to_delete[: int(disclosed) + 1]


# 6: a baby, or a child whose plan cannot be loaded, missed


@pytest.mark.parametrize(("plan", "visit", "alerts", "asked", "answer"), BABIES)
def test_a_baby_or_a_child_whose_plan_cannot_be_loaded_is_not_missed(
    run_nearby: RunNearby, plan: str, visit: str, alerts: str, asked: str, answer: str
) -> None:
    """
    The mother alerts while her child is unborn; a record that waits for its number, and a visit without one,
    are met by their details (5, 9, 21, 41).
    """
    outcome = run_nearby(table(f"T-9d / {plan}", f"T / {visit} control_id=MSG-1", *BESIDE))

    assert [("la E09",), ("provider RXX",)] * (alerts == "yes") == outcome.alerts("to")
    assert [(ItemKind.POSSIBLE_MATCH, True, "MSG-1")] * (asked == "yes") == outcome.asked
    assert answer == outcome.answer().removeprefix(COULD_NOT_CHECK)


OTHER = "T-9d | plan | LAC E08 | number=C family=Z given=Q birth_date=1990-09-09"
"""Of another woman, who has nothing to do with the baby."""


@pytest.mark.parametrize(("birth", "told"), NEWBORNS)
def test_a_newborn_without_a_plan_of_its_own_is_not_missed(
    run_moving: RunMoving, birth: str, told: str
) -> None:
    """Its mother's unborn plan covers it by the link alone, known name or none (ruling 26, C19)."""
    baby = "T | A04 | v1 | number=B family=- given=Baby birth_date=-"
    outcome = run_moving(
        table("T-30d | plan | UCP E09 | start=D-10 end=D+60", OTHER, baby, *birth.split("; "))
    )

    alerts = [("B", "la E09", "v1"), ("B", "provider RXX", "v1")] * (told == "yes")
    assert alerts == [row for row in outcome.alerts("number | to | about") if row[2] == "v1"]


@pytest.mark.parametrize(("said", "then", "answer"), IN_DOUBT)
def test_no_plan_is_not_said_of_a_newborn_whose_mothers_plan_could_not_be_taken(
    run_moving: RunMoving, said: str, then: str, answer: str
) -> None:
    """
    Her record's newest word counts; of one whose number is not in use any that was in doubt (26, 41).

    A plan that is on file all the same is told. Born the day before the visit; no plan covers it by itself.
    """
    lines = [f"{line} number=B" + " born=D-10" * ("cover" in line) for line in (said, then) if line != "-"]
    outcome = run_moving(table(*lines, "T | A04 | v1 | number=B"))

    assert answer == outcome.answer().removeprefix(COULD_NOT_CHECK)


@pytest.mark.parametrize(("said", "then", "answer"), NOT_IN_USE)
def test_no_plan_is_not_said_of_a_newborn_whose_mothers_number_is_out_of_use(
    run_moving: RunMoving, said: str, then: str, answer: str
) -> None:
    """Nor of one whose mother's is under enquiry: her plan may be under another (23, 26, 41; ADR 0051)."""
    lines = [line for line in (said, then) if line != "-"]
    outcome = run_moving(table(*lines, "T | A04 | v1 | number=B"), stepwise=True)

    assert answer == outcome.answer().removeprefix(COULD_NOT_CHECK)


@pytest.mark.parametrize("runtime", ["core"])
@pytest.mark.parametrize(("correction", "covered"), ENDED)
def test_a_link_that_ended_stays_ended_when_its_visit_is_destroyed(
    runtime: str, correction: str, covered: str
) -> None:
    """
    What linked baby and mother goes with its visit, and what her record says comes again with her next plan.

    A link that the visit had taken back is void then, one that it had not holds (ruling 26). Time passes
    on the pure core alone here; the matchers' own passing of it is compared in tests/generative.
    """
    assert runtime == "core"
    forgetful = replace(SETTLED, lateness=timedelta(days=35))
    [said] = facts(table("T-1h | cover | UCP E09 | born=D-1 start=D-10 end=D+200"))
    assert isinstance(said, Cover)
    births = tuple(replace(birth, visit="v1", named="one") for birth in said.births)
    cover = lift(replace(said, births=births))
    person = Person(number=BABY, salt=bytes(16)).learn(cover)
    for fact in facts(table("T | A04 | v1 | mothers=one", f"T+1h | A08 | v1 | {correction}")):
        person = advance(person.learn(lift(fact)), forgetful, KEY).person
    left = settle(person, moment("T+60d"), forgetful)

    assert left is not None
    assert not left.known.visits
    [later] = facts(table("T+60d | A04 | v2 |"))
    again = advance(left.learn(cover).learn(lift(later)), forgetful, KEY)
    assert (covered == "yes") == any(event.kind is EventKind.RAISED for event in again.events)


# 7: late or stale plan data


@pytest.mark.parametrize(("plans", "told"), LATE, ids=[row[0] for row in LATE])
def test_late_or_stale_plan_data_is_told_for_what_it_is(run: Run, plans: str, told: str) -> None:
    """A plan that comes late alerts and says so; a file that was held up overtakes none (10, 11, 37)."""
    outcome = run(table(VISIT, "T+10m | A03 | v1 |", *plans.split("; ")))

    assert [(told,)] * (told != "-") == outcome.alerts("plans")[:1]


# 8: told, but nobody acts


@pytest.mark.parametrize(
    ("plan", "then", "loud", "urgency", "route"), OWED, ids=[" ".join(row[:2]) for row in OWED]
)
def test_what_is_told_can_be_acted_on(
    run_stepwise: Run, plan: str, then: str, loud: str, urgency: str, route: str
) -> None:
    """At once, to a role, with numbers to ring; what needs somebody again is loud (7, 12, 19, 30, 45)."""
    kind, authority, *values = plan.split()
    event, *said = then.split()
    outcome = run_stepwise(
        table(
            f"T-9d | plan | {kind} {authority} | phone_office=02070000001 {' '.join(values)}",
            "T | A04 | v1 RLL | patient_class=E",
            "" if then == "-" else f"T+1h | {event} | v1 RLL | {' '.join(said)}",
        )
    )

    to_authority, to_provider = outcome.standing
    assert (urgency, "duty social worker") == (to_authority.urgency.value, to_authority.route.value)
    assert ("now", route) == (to_provider.urgency.value, to_provider.route.value)
    assert [("02070000000", "02070000001")] * 2 == [
        (line.phone_emergency, line.phone_office) for alert in outcome.standing for line in alert.plans
    ]
    assert ["02071112222"] * 2 == [alert.visit.call_back for alert in outcome.standing if alert.visit]
    assert {to_authority.alert_id: int(loud), to_provider.alert_id: int(loud)} == _loud(outcome)


def _loud(outcome: Outcome) -> dict[str, int]:
    """Return how many events reopened each alert."""
    alerts = [event.alert.alert_id for event in outcome.events if event.loud]
    return {alert: alerts.count(alert) for alert in alerts}


# 9: a false all-clear after a correction


@pytest.mark.parametrize(("then", "comes_to"), CORRECTIONS, ids=[row[0] for row in CORRECTIONS])
def test_a_correction_gives_no_false_all_clear(run_moving: RunMoving, then: str, comes_to: str) -> None:
    """What was told stands and says what changed, or is taken back for a stated reason (14, 15, 16, 20)."""
    outcome = run_moving(table(PLAN, "T | A04 | v1 RLL | patient_class=E", *then.split("; ")), stepwise=True)

    mine = [one for one in outcome.events if outcome.names[one.alert.subject] == "v1"]
    assert (comes_to, "plan on file") == (_last_word(mine), outcome.answer(provider="RLL"))


def _last_word(events: Sequence[AlertEvent]) -> str:
    """Return how visit and plan stand by the last event to the authority, else why it was taken back."""
    last = [one for one in events if one.alert.recipient.kind is RecipientKind.AUTHORITY][-1]
    if last.kind in {EventKind.WITHDRAWN, EventKind.RETRACTED}:
        assert "not evidence of no risk" in " ".join(statements(last.alert, last.changes, kind=last.kind))
        return str(last.why)
    assert last.alert.visit is not None
    [plan] = last.alert.plans
    return ", ".join([last.alert.visit.state, plan.state.name.lower().replace("_", " "), *plan.marks])


# 10: a flood, or a replay reaching people

ONCE = "T | A04 | v1 | control_id=c1"
FLOODS = rows("""
    facts                                                                | events | loud
    T / A04 / v1 / control_id=c1                                         | 1      | 1
    T / A04 / v1 / control_id=c1 received=T+9d                           | 1      | 1
    T / A04 / v1 / control_id=c2; T+1m / A08 / v1 /; T+2m / A08 / v1 /   | 1      | 1
    T+1m / A08 / v1 / location=A; T+2m / A08 / v1 / location=B           | 3      | 1
    T+1m / A08 / v1 / acuity=1; T+2m / A08 / v1 / acuity=2               | 3      | 1
    T-9d / plan / CPP E09 / file_id=F2; T-8d / plan / CPP E09 /          | 1      | 1
""")


@pytest.mark.parametrize(("then", "events", "loud"), FLOODS, ids=[row[0] for row in FLOODS])
@pytest.mark.parametrize("times", [1, 3])
def test_neither_a_flood_nor_a_replay_reaches_people(
    run_stepwise: Run, then: str, events: str, loud: str, times: int
) -> None:
    """Everything said again, in order and then backwards, says nothing again; what is quiet stays so (7)."""
    lines = [PLAN + " file_id=F1", ONCE, *then.split("; ")]
    numbered = [f"{line} control_id=n{place}" if "A08" in line else line for place, line in enumerate(lines)]
    outcome = run_stepwise(table(*(numbered * times), *reversed(numbered)))

    each = [one.alert.recipient.kind for one in outcome.events]
    assert {kind: int(events) for kind in RecipientKind} == {kind: each.count(kind) for kind in RecipientKind}
    assert {int(loud)} == set(_loud(outcome).values())
