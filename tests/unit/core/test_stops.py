"""A controller's signed stop of sharing: what is none, and on which days it holds (ruling 45)."""

from dataclasses import replace
from datetime import date

import pytest

from broker.core.alerts import RecipientKind
from broker.core.identifiers import OdsCode
from broker.core.stops import Stop, authority_stopped, shared_until, stopped

RXX, E09 = OdsCode("RXX"), OdsCode("E09")
STOP = Stop(
    controller=RecipientKind.AUTHORITY,
    code=E09,
    first=date(2026, 5, 1),
    last=date(2026, 5, 3),
    signed_by="A. Director",
    signed_on=date(2026, 5, 1),
)


@pytest.mark.parametrize(("day", "holds"), [(30, False), (1, True), (3, True), (4, False)])
def test_a_stop_holds_on_its_days_for_its_controller(day: int, holds: bool) -> None:  # noqa: FBT001 - a row
    """The first and the last included; nobody else's plans are kept back."""
    on = date(2026, 4 if day == 30 else 5, day)

    assert [holds, False] == [stopped([STOP], code, on) for code in (E09, RXX)]
    of_a_provider = replace(STOP, controller=RecipientKind.PROVIDER)
    assert [holds, False] == [authority_stopped([stop], on) for stop in (STOP, of_a_provider)]


def test_a_stop_without_a_last_day_holds_for_good() -> None:
    """Until it is given one; the day before its first is the last on which anything is found."""
    open_ended = replace(STOP, last=None)

    assert stopped([open_ended], E09, date.max)
    assert date(2026, 4, 30) == shared_until([STOP, open_ended], E09)
    assert {date.max} == {shared_until([STOP], E09), shared_until([open_ended], RXX)}


@pytest.mark.parametrize(
    "changed",
    [
        {"last": date(2026, 4, 30)},
        {"signed_on": date(2026, 5, 2)},
        {"signed_by": " "},
    ],
)
def test_what_is_no_signed_stop_is_refused(changed: dict[str, object]) -> None:
    """One that ends before it begins, begins before it was signed, or that nobody signed."""
    with pytest.raises(ValueError, match="a stop"):
        replace(STOP, **changed)  # type: ignore[arg-type]  # of several fields
