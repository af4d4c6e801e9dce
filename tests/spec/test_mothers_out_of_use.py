"""
Where a mother's number is out of use or under enquiry, her plan may be under another: rulings 23, 26, 38, 41.

Of herself the answer is `could not check` then. Nobody says of her baby that there is no plan, either (ADR
0051).
"""

import pytest

from tests.spec.conftest import RunMoving

HEAD = "recorded | fact | about | values\n"
PLAN = "T-9d | plan | UCP E09 | end=D+30 birth_date=1990-05-05\n"
LINK = "T-1h | birth | b1 | baby=B born=D-1 visit=v1\n"
VISIT = "T | A04 | v1 | number=B family=Sample given=Baby birth_date=D-1 mothers=A\n"
GONE, GONE_LATER = "T-2h | notice | n1 invalidated |\n", "T+1h | notice | n1 invalidated |\n"
BACK = "T+2h | notice | n2 in-use |\n"
ENQUIRY, IN_USE = "T-2h | notice | n3 number-change |\n", "T+1h | notice | n4 in-use |\n"
ON_HOLD, RELEASED = "T-2h | notice | n5 on-hold |\n", "T+1h | notice | n6 hold-ended |\n"
ANOTHER = "T+30m | A08 | v1 | number=B mothers=C\n"
IN_DOUBT, NONE, ON_FILE = "could not check: set aside", "no plan on file", "plan on file"

OUT_OF_USE = {
    "nobody is linked": (GONE + VISIT, NONE),
    "the link comes after it": (GONE + LINK + VISIT, IN_DOUBT),
    "and after her plan": (PLAN + GONE + LINK + VISIT, IN_DOUBT),
    "the link comes before it": (LINK + VISIT + GONE_LATER, IN_DOUBT),
    "her plan covers": (PLAN + LINK + VISIT + GONE_LATER, ON_FILE),
    "the baby has a plan": (
        GONE + LINK + VISIT + "T-1d | plan | CPP E09 | number=B birth_date=D-1\n",
        ON_FILE,
    ),
    "it comes with a former number's record": (
        LINK + VISIT + "T+2h | notice | n1 invalidated | number=C\n T+1h | notice | n7 superseded | by=C\n",
        IN_DOUBT,
    ),
}


@pytest.mark.parametrize(("said", "answered"), OUT_OF_USE.values(), ids=OUT_OF_USE)
def test_a_baby_whose_mothers_number_is_out_of_use_is_not_without_a_plan(
    run_moving: RunMoving, said: str, answered: str
) -> None:
    """Whichever comes first; what is on file is told all the same (rulings 23, 26, 41)."""
    assert answered == run_moving(HEAD + said, stepwise=True).answer()


IN_USE_AGAIN = {
    "linked before": (LINK + VISIT + GONE_LATER + BACK, NONE),
    "linked meanwhile": (GONE + LINK + VISIT + BACK, NONE),
    "with a plan": (PLAN + GONE + LINK + VISIT + BACK, ON_FILE),
    "released before": (ON_HOLD + LINK + VISIT + RELEASED + GONE_LATER + BACK, NONE),
    "released since": (
        ON_HOLD + LINK + VISIT + GONE_LATER + BACK + "T+3h | notice | n6 hold-ended |\n",
        NONE,
    ),
    "out of use again": (LINK + VISIT + GONE_LATER + BACK + "T+3h | notice | n8 invalidated |\n", IN_DOUBT),
    "and in use again": (
        LINK + VISIT + GONE_LATER + BACK + "T+3h | notice | n8 invalidated |\n T+4h | notice | n9 in-use |\n",
        NONE,
    ),
}


@pytest.mark.parametrize(("said", "answered"), IN_USE_AGAIN.values(), ids=IN_USE_AGAIN)
def test_a_mother_whose_number_is_in_use_again_leaves_nobody_in_doubt(
    run_moving: RunMoving, said: str, answered: str
) -> None:
    """Her own record says to whoever is linked that it is over, with or without a plan (rulings 23, 41)."""
    assert answered == run_moving(HEAD + said, stepwise=True).answer()


BOTH = VISIT.replace("mothers=A", "mothers=A+C") + LINK + LINK.replace("b1 |", "b2 | number=C")
DOUBTED = "T+2h | notice | n5 number-change | number=C\n T+3h | notice | n6 in-use | number=C\n"
OF_TWO = {
    "the other was in and out of doubt": (BOTH + GONE_LATER + DOUBTED, IN_DOUBT),
    "before": (BOTH + DOUBTED.replace("+2h", "+10m").replace("+3h", "+20m") + GONE_LATER, IN_DOUBT),
    "with a plan that covers": (PLAN + BOTH + DOUBTED + GONE_LATER.replace("+1h", "+4h"), ON_FILE),
    "both have said that it is over": (BOTH + GONE_LATER + DOUBTED + BACK.replace("+2h", "+4h"), NONE),
    "she is known by name no more, and the other was in doubt": (
        ENQUIRY + BOTH + GONE_LATER + DOUBTED,
        IN_DOUBT,
    ),
    "and she is in use again": (ENQUIRY + BOTH + GONE_LATER + DOUBTED + BACK.replace("+2h", "+4h"), NONE),
}


@pytest.mark.parametrize(("said", "answered"), OF_TWO.values(), ids=OF_TWO)
def test_of_two_mothers_each_says_of_herself_alone_that_it_is_over(
    run_moving: RunMoving, said: str, answered: str
) -> None:
    """One message named both: that the other is in doubt no more says nothing of her (rulings 26, 41)."""
    assert answered == run_moving(HEAD + said, stepwise=True).answer()


UNDER_ENQUIRY = {
    "nobody is linked": (ENQUIRY + VISIT, NONE),
    "linked then": (ENQUIRY + LINK + VISIT, IN_DOUBT),
    "linked before": (LINK + VISIT + "T+1h | notice | n3 number-change |\n", IN_DOUBT),
    "her plan covers": (PLAN + ENQUIRY + LINK + VISIT, ON_FILE),
    "answered: in use": (ENQUIRY + LINK + VISIT + IN_USE, NONE),
    "answered: superseded": (ENQUIRY + LINK + VISIT + "T+1h | notice | n7 superseded | by=C\n", NONE),
    "answered: superseded, covered": (
        PLAN + ENQUIRY + LINK + VISIT + "T+1h | notice | n7 superseded | by=C\n",
        ON_FILE,
    ),
    "answered by an older word": (
        ENQUIRY + LINK + VISIT + "T-3h | notice | n7 superseded | by=C\n",
        IN_DOUBT,
    ),
    "answered: out of use": (ENQUIRY + LINK + VISIT + GONE_LATER, IN_DOUBT),
    "and in use again": (ENQUIRY + LINK + VISIT + GONE_LATER + BACK, NONE),
}


@pytest.mark.parametrize(("said", "answered"), UNDER_ENQUIRY.values(), ids=UNDER_ENQUIRY)
def test_a_baby_whose_mothers_number_is_under_enquiry_is_not_without_a_plan(
    run_moving: RunMoving, said: str, answered: str
) -> None:
    """Until the source has answered, or what is on file says more (rulings 26, 38, 41)."""
    assert answered == run_moving(HEAD + said, stepwise=True).answer()


ON_HOLD_MEANWHILE = {
    "out of use, the link was corrected": (
        ON_HOLD + LINK + VISIT + ANOTHER + RELEASED + "T+2h | notice | n1 invalidated |\n",
        NONE,
    ),
    "in use again": (ON_HOLD + LINK + VISIT + GONE_LATER + BACK, IN_DOUBT),
    "superseded": (ON_HOLD + ENQUIRY + LINK + VISIT + "T+1h | notice | n7 superseded | by=C\n", IN_DOUBT),
}


@pytest.mark.parametrize("runtime", ["core", "twin"], indirect=True)
@pytest.mark.parametrize(("said", "answered"), ON_HOLD_MEANWHILE.values(), ids=ON_HOLD_MEANWHILE)
def test_a_baby_whose_mother_is_on_hold_meanwhile_is_not_without_a_plan(
    run_moving: RunMoving, said: str, answered: str
) -> None:
    """
    While a hold lasts the doubt is the hold's (rulings 26, 41; ADR 0047).

    How long one lasts is the matcher's, by the clock of its partition, which is far ahead where many rows
    share a Kafka.
    """
    assert answered == run_moving(HEAD + said, stepwise=True).answer()
