"""What reopens an alert and what joins its thread only: rulings 7, 14, 15 and 16, R43, R45, R46."""

from dataclasses import replace

import pytest

from broker.core.alerts import EventKind
from tests.spec.conftest import Run
from tests.spec.outcome import Outcome, recipient_text
from tests.spec.table import messages, rows

PLAN = """
    recorded | fact | about   | values
    T-99d    | plan | CPP E09 |
"""
VISIT = f"{PLAN} T | A04 | v1 RLL | patient_class=E"


def newest(outcome: Outcome) -> tuple[str, str, str]:
    """Return how the newest event to the authority goes: its kind, whether it is loud, its changes."""
    event = [event for event in outcome.events if recipient_text(event.alert.recipient) == "la E09"][-1]
    return event.kind.value, "loud" if event.loud else "quiet", ", ".join(sorted(event.changes)) or "-"


MESSAGES = rows("""
    then                                 | how   | changes
    A08 disposition=12                   | loud  | left before treatment or refused, visit details
    A08 disposition=13                   | loud  | left before treatment or refused, visit details
    A08 disposition=10                   | loud  | died, visit details
    A08 disposition=1                    | loud  | admitted, visit details
    A01 patient_class=I                  | loud  | admitted, visit details
    A03 disposition=7                    | loud  | transferred to another provider, visit details
    A02 disposition=7                    | loud  | transferred to another provider, visit details
    A02 disposition=7; A12               | loud  | discharge cancelled, visit details
    A02 location=WARD                    | quiet | location
    A02 location=A; A12 location=B       | quiet | location
    A02 patient_class=I                  | loud  | admitted, visit details
    A03                                  | loud  | discharged, visit details
    A11                                  | loud  | cancelled
    A03; A13                             | loud  | discharge cancelled, visit details
    A03 disposition=12; A13              | loud  | discharge cancelled, visit details
    A03 disposition=10; A13              | loud  | discharge cancelled, visit details
    A03; A01 patient_class=I             | loud  | admitted, discharge cancelled, visit details
    A11; A04                             | loud  | reinstated, visit details
    A03; A04                             | loud  | discharged, visit details
    A03; A04 arrived_at=T+90m            | loud  | discharge cancelled, visit details
    A04 arrived_at=T+24h                 | quiet | visit details
    A04 arrived_at=T+24h+1s              | loud  | reinstated, visit details
    A11; A08 arrived_at=T+25h            | quiet | visit details
    A11; A03 disposition=12              | loud  | left before treatment or refused, visit details
    A11; A08 disposition=13              | loud  | left before treatment or refused, visit details
    A11; A08 disposition=10              | loud  | died, visit details
    A11; A08 disposition=3               | quiet | visit details
    A11; A08 disposition=12; A08 acuity=2 | quiet | acuity
    A08 location=MAJORS                  | quiet | location
    A08 location=A; A08 location=B       | quiet | location
    A08 site=RLL01                       | quiet | location
    A08 clinician_role=consultant        | quiet | clinician
    A08 clinician_name=A                 | quiet | clinician
    A08 reason=fall                      | quiet | reason
    A08 acuity=2                         | quiet | acuity
    A08 arrival_mode=A                   | quiet | visit details
    A08 accompanied_by=Uncle             | quiet | visit details
    A08 birth_date=2014-04-13            | loud  | plan change
    A08 disposition=1; A08 disposition=3 | quiet | visit details
""")


@pytest.mark.parametrize(("then", "how", "changes"), MESSAGES)
def test_which_messages_reopen_an_alert(run_stepwise: Run, then: str, how: str, changes: str) -> None:
    """Loud is what somebody must act on anew; an update is never a second alert (ruling 7, R45, R46)."""
    hourly = "; ".join(f"T+{hour}h {event}" for hour, event in enumerate(then.split("; "), start=1))
    outcome = run_stepwise(f"{VISIT}\n{messages(hourly, about='v1 RLL')}")

    assert (EventKind.UPDATED, how, changes) == newest(outcome)
    raised = [event.alert.recipient for event in outcome.events if event.kind is EventKind.RAISED]
    assert ["la E09", "provider RLL"] == sorted(map(recipient_text, raised))


NOTES = rows("""
    then                                                | changes
    T+12h notice n1/no-outcome-received visit=v1        | note
    T+1h notice n1/number-change                        | note
    T+1h notice n1/number-change; T+2h notice n2/in-use | note
""")


@pytest.mark.parametrize(("then", "changes"), NOTES)
def test_a_note_that_comes_or_goes_is_a_quiet_line(run_stepwise: Run, then: str, changes: str) -> None:
    """It is not said that anybody else is told, or more urgently (rulings 7, 38)."""
    words = [[*word.split(), ""][:4] for word in then.split("; ")]
    said = [f"{at} | {fact} | {about.replace('/', ' ')} | {value}" for at, fact, about, value in words]
    outcome = run_stepwise("\n".join([VISIT, *said]))

    assert ("updated", "quiet", changes) == newest(outcome)


OTHER_VISITS = rows("""
    earlier    | kind    | how   | changes
    T-1d A04   | updated | quiet | history
    T-7d-1m A04 | raised | loud  | -
""")


@pytest.mark.parametrize(("earlier", "kind", "how", "changes"), OTHER_VISITS)
def test_an_earlier_visit_that_comes_to_light_reopens_nothing(
    run_stepwise: Run, earlier: str, kind: str, how: str, changes: str
) -> None:
    """It is history, within the seven days only (rulings 7, 8)."""
    outcome = run_stepwise(f"{VISIT}\n{messages(earlier, about='v0 RYY')}")

    about_it = tuple(event for event in outcome.events if event.alert.subject == "v1")
    assert (kind, how, changes) == newest(replace(outcome, events=about_it))


PLANS = rows("""
    then                                | kind    | how   | changes
    T+1h plan CPP E09 end=D-3           | updated | loud  | plan change, route or urgency
    T+1h plan CPP E09 end=D-900         | updated | loud  | plan change
    T+1h plan CPP E09 deleted=D         | updated | loud  | plan change
    T+14d plan CPP E09 deleted=D        | updated | loud  | plan change
    T+14d+1m plan CPP E09 deleted=D     | updated | quiet | plan removed afterwards
    T+14d+1m plan CPP E09 end=D-3       | raised  | loud  | -
    T+1h plan CPP E09                   | raised  | loud  | -
    T+1h plan LAC E09                   | updated | loud  | plan change
    T+1h plan LAC E08                   | updated | loud  | plan change
    T+1h view a1 RLL                    | updated | quiet | view
    T+1h view a1 RLL unscheduled=no     | raised  | loud  | -
""")


@pytest.mark.parametrize(("then", "kind", "how", "changes"), PLANS)
def test_which_records_of_a_plan_reopen_an_alert(
    run_stepwise: Run, then: str, kind: str, how: str, changes: str
) -> None:
    """By the cut-off every change; afterwards a removal alone is told, quietly; a view is (1, 7, 14, 15)."""
    at, fact, subject, organisation, *values = then.split()
    outcome = run_stepwise(f"{VISIT}\n{at} | {fact} | {subject} {organisation} | {' '.join(values)}")

    assert (kind, how, changes) == newest(outcome)


TAKEN_BACK = rows("""
    then                        | kind      | how  | changes
    A11 cancel_reason=ERR       | withdrawn | loud | -
    A11 cancel_reason=OTHER     | updated   | loud | cancelled
    A11 cancel_reason=ERR; A04  | updated   | loud | reinstated
""")


@pytest.mark.parametrize(("then", "kind", "how", "changes"), TAKEN_BACK)
def test_whoever_was_told_is_told_that_it_was_none(
    run_stepwise: Run, then: str, kind: str, how: str, changes: str
) -> None:
    """A withdrawal is loud, and so is what stands again after it (ruling 16, R43)."""
    hourly = "; ".join(f"T+{hour}h {event}" for hour, event in enumerate(then.split("; "), start=1))
    outcome = run_stepwise(f"{VISIT}\n{messages(hourly, about='v1 RLL')}")

    assert (kind, how, changes) == newest(outcome)
