"""
Who must not see a mother must not see the baby that her plan covers: rulings 26, 48.

Her exclusions lie under her number. Who is named there hears of the baby what they hear of her, for as long
as somebody says that it is hers (ADR 0056).
"""

import pytest

from broker.core.worklist import ItemKind
from tests.spec.conftest import RunMoving

HEAD = "recorded | fact | about | values\n"
PLAN = "T-9d | plan | UCP E09 | end=D+30 birth_date=1990-05-05\n"
LINK = "T-1h | birth | b1 | baby=B born=D-1 visit=v1\n"
VISIT = "T | A04 | v1 | number=B family=Sample given=Baby birth_date=D-1 mothers=A\n"
COVERED = PLAN + LINK + VISIT
OWN_PLAN = "T-1d | plan | CPP E09 | number=B birth_date=D-1\n"
DELETED = "T-1d | plan | UCP E09 | end=D+30 birth_date=1990-05-05 deleted=D-1\n"
OVER = "T-9d | plan | UCP E09 | end=D-29 birth_date=1990-05-05\n"
OVER_BEFORE_BIRTH = OVER.replace("D-29", "D-30")
ANOTHER = "T+30m | A08 | v1 | number=B mothers=C\n"
GONE, BACK = "T+1h | notice | n2 invalidated |\n", "T+2h | notice | n3 in-use |\n"
MOVED = "T+1h | notice | n4 superseded | by=C\n"
ENQUIRY, IN_USE = "T-2h | notice | n5 number-change |\n", "T+1h | notice | n6 in-use |\n"
SHUT, PLANNED, NONE = "could not check: restricted", "plan on file", "no plan on file"
IN_DOUBT = "could not check: set aside"


def out(at: str = "T-9d", *, name: str = "n7", side: str = "E09", number: str = "A") -> str:
    """Return the row in which a side says that u1 must not see somebody."""
    return f"{at} | notice | {name} excluded | user=u1 named_by={side} number={number}\n"


def end(at: str = "T+3h", *, side: str = "E09", number: str = "A") -> str:
    """Return the row in which a side says that u1 may see them again."""
    return f"{at} | notice | n8 exclusion-ended | user=u1 named_by={side} number={number}\n"


REACHES = {
    "nobody is excluded": (COVERED, PLANNED, PLANNED),
    "before all else": (out("T-30d") + COVERED, SHUT, PLANNED),
    "when the baby has been here": (COVERED + out("T+1h"), SHUT, PLANNED),
    "and the baby has a plan": (out() + COVERED + OWN_PLAN, SHUT, PLANNED),
    "ended before the visit": (out() + end("T-8d") + COVERED, PLANNED, PLANNED),
    "ended after it": (out() + COVERED + end(), PLANNED, PLANNED),
    "ended when it was said": (out() + COVERED + end("T-9d"), SHUT, PLANNED),
    "ended by the other side": (out() + COVERED + end(side="RXX"), SHUT, PLANNED),
    "said again": (out() + COVERED + end("T+1h") + out("T+2h", name="n9"), SHUT, PLANNED),
    "said by both, ended by one": (
        out() + out(name="n9", side="RXX") + COVERED + end(),
        SHUT,
        PLANNED,
    ),
}
"""What `u1` is answered of the baby, and what everybody else is."""


@pytest.mark.parametrize(("said", "excluded", "others"), REACHES.values(), ids=REACHES)
def test_who_must_not_see_a_mother_is_told_nothing_of_her_baby(
    run_moving: RunMoving, said: str, excluded: str, others: str
) -> None:
    """Whichever comes first, in the words of a restricted record; its own side ends it (rulings 26, 48)."""
    outcome = run_moving(HEAD + said, stepwise=True)

    assert (excluded, others) == (outcome.answer(user="u1"), outcome.answer(user="u2"))


TOGETHER = {
    "ended for the baby": (out() + COVERED + end(number="B"), PLANNED),
    "ended for the baby by the other side": (out() + COVERED + end(number="B", side="RXX"), SHUT),
    "the baby's is not ended with hers": (out(number="B") + COVERED + end(), SHUT),
    "one of two is ended with hers": (out() + out(name="n9", number="B") + COVERED + end(), SHUT),
    "both are ended with the baby's": (
        out() + out(name="n9", number="B") + COVERED + end(number="B"),
        PLANNED,
    ),
}


@pytest.mark.parametrize(("said", "answered"), TOGETHER.values(), ids=TOGETHER)
def test_what_a_side_ends_for_the_baby_it_ends_of_what_was_said_of_her(
    run_moving: RunMoving, said: str, answered: str
) -> None:
    """Who says so under the baby's number means the baby; under hers nothing is said of its own (48)."""
    assert answered == run_moving(HEAD + said, stepwise=True).answer(user="u1")


LINKS = {
    "nobody is linked": (PLAN + out() + VISIT, NONE),
    "another is named since": (PLAN + out() + LINK + VISIT + ANOTHER, NONE),
    "another is named, excluded since": (PLAN + LINK + VISIT + ANOTHER + out("T+1h"), NONE),
    "she has no plan": (out() + LINK + VISIT, NONE),
    "she may have one": (out() + ENQUIRY + LINK + VISIT, SHUT),
    "she may have had one": (out() + ENQUIRY + LINK + VISIT + IN_USE, NONE),
    "her plan was removed": (PLAN + DELETED + out() + LINK + VISIT, SHUT),
    "her plan was over": (OVER_BEFORE_BIRTH + out() + LINK + VISIT, NONE),
    "her plan was visible": (OVER + out() + LINK + VISIT, SHUT),
}


@pytest.mark.parametrize(("said", "answered"), LINKS.values(), ids=LINKS)
def test_an_exclusion_reaches_the_baby_by_a_link_and_a_plan_alone(
    run_moving: RunMoving, said: str, answered: str
) -> None:
    """It lasts no longer than the link, and as long as her plan is on file, removed or not (26, 48)."""
    assert answered == run_moving(HEAD + said, stepwise=True).answer(user="u1")


NUMBERS = {
    "superseded": (out() + COVERED + MOVED, SHUT),
    "superseded, ended": (out() + COVERED + MOVED + end(number="C"), PLANNED),
    "superseded, excluded": (COVERED + MOVED + out("T+2h", number="C"), SHUT),
    "out of use": (out() + COVERED + GONE, SHUT),
    "out of use, ended for the baby": (out() + COVERED + GONE + end(number="B"), PLANNED),
    "in use again": (out() + COVERED + GONE + BACK, SHUT),
    "in use again, ended": (out() + COVERED + GONE + BACK + end(), PLANNED),
    "in use again, ended by the other side": (out() + COVERED + GONE + BACK + end(side="RXX"), SHUT),
    "out of use, another was named": (out() + COVERED + ANOTHER + GONE, NONE),
}


@pytest.mark.parametrize(("said", "answered"), NUMBERS.values(), ids=NUMBERS)
def test_an_exclusion_goes_where_what_covers_the_baby_goes(
    run_moving: RunMoving, said: str, answered: str
) -> None:
    """With her number to its successor; what is kept without it stays shut (rulings 22, 23, 26, 48)."""
    assert answered == run_moving(HEAD + said, stepwise=True).answer(user="u1")


def test_everybody_hears_of_a_baby_in_doubt_that_it_could_not_be_checked(run_moving: RunMoving) -> None:
    """Who is excluded there reads the words of a restricted record, as of the mother (41, 48)."""
    outcome = run_moving(HEAD + out() + ENQUIRY + LINK + VISIT, stepwise=True)

    assert (SHUT, IN_DOUBT) == (outcome.answer(user="u1"), outcome.answer(user="u2"))


VIEWED = {
    "excluded": (out() + COVERED, "u1", True),
    "excluded since": (COVERED + out("T+1h"), "u1", True),
    "ended before": (out() + COVERED + end("T"), "u1", False),
    "ended since": (out() + COVERED + end("T+2h"), "u1", True),
    "somebody else": (out() + COVERED, "u2", False),
    "not linked": (out() + PLAN + VISIT + OWN_PLAN, "u1", False),
}


@pytest.mark.parametrize(("said", "user", "told"), VIEWED.values(), ids=VIEWED)
def test_the_lead_is_told_when_who_must_not_see_the_mother_looks_the_baby_up(
    run_moving: RunMoving, said: str, user: str, *, told: bool
) -> None:
    """As of a person who is excluded under the number itself (ruling 48)."""
    view = f"T+1h | view | a1 RYY | number=B user={user} unscheduled=no\n"
    outcome = run_moving(HEAD + said + view)

    assert told == (ItemKind.EXCLUDED_PERSON in [kind for kind, _, _ in outcome.asked])
