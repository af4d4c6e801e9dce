"""The words about visits in the inbox database (ruling 41)."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from broker.core.delivery import State
from broker.core.pushing import PushedAnswer, PushedVisit, answers_of, word
from broker.services.delivering import Destination
from tests.builders.delivering import BODIES, Counter, Desk, database, work
from tests.unit.core.test_pushing import AT, KEY, LATER, NONE, PLAN, VISIT, first


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    """Lend the destination of a provider's answers."""
    name = answers_of(VISIT.provider)
    desk = Desk(database(tmp_path), now=AT, here=Destination(name=f"{name}.mllp", recipient=name))
    yield desk
    desk.close()


def again(visit: PushedVisit = VISIT) -> PushedAnswer:
    """Return the second word about a visit."""
    said = word(visit, PLAN, first(NONE, visit), at=LATER, key=KEY)
    assert said is not None
    return said


def tell(desk: Desk, *words: PushedAnswer) -> list[bool]:
    """Put words into the inbox."""
    return [desk.inbox.tell(one, BODIES.encode(one)) for one in words]


def test_the_newest_word_about_each_visit_stands(desk: Desk) -> None:
    """A revision is told once, whoever tells it; another provider's words are its own."""
    other = replace(VISIT, reference="r2")

    told = tell(desk, first(NONE), again(), first(NONE, other), again(), first(PLAN))
    standing = desk.inbox.standing(VISIT.provider)

    assert [True, True, True, False, False] == told
    assert [again(), first(NONE, other)] == [BODIES.decode(body) for body in standing]
    assert again() == BODIES.decode(desk.inbox.word(again().answer_id) or b"")


def test_an_outdated_answer_is_not_sent(desk: Desk) -> None:
    """A receiver that was away is told what holds now, once: never that there was no plan."""
    tell(desk, first(NONE), again())
    receiver = Counter()

    work(desk, receiver)

    assert [again().event_id] == receiver.ids
    assert {State.SUPERSEDED, State.DELIVERED} == set(desk.states().values())


def test_an_answer_that_is_forgotten_leaves_its_place_alone(desk: Desk) -> None:
    """Its number stays, so that nothing counts as missing; what it said is nowhere (ruling 23)."""
    tell(desk, first(NONE))
    work(desk, Counter())

    desk.inbox.forget([first(NONE).answer_id])

    assert [] == desk.inbox.standing(VISIT.provider)
    assert desk.inbox.word(first(NONE).answer_id) is None
    [row] = desk.inbox.inbox(answers_of(VISIT.provider))
    assert (b"", "") == (row.event.body, row.event.alert_id)
    assert 0 == desk.store.balance(f"{answers_of(VISIT.provider)}.mllp").unaccounted
