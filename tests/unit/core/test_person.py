"""What is known of a person, and how it grows."""

from dataclasses import replace
from datetime import timedelta

from broker.core.facts import Cover, VisitMessage
from broker.core.identifiers import NhsNumber
from broker.core.person import NOTHING, Person, lift, merge
from tests.spec.table import facts

HEAD = "recorded | fact | about | values\n"


def only(row: str) -> VisitMessage:
    """Return the one message of a row."""
    (fact,) = facts(HEAD + row)
    assert isinstance(fact, VisitMessage)
    return fact


def test_the_same_fact_twice_is_known_once() -> None:
    """Merging is idempotent."""
    message = lift(only("T | A04 | v1 |"))

    assert message == merge(message, message)


def test_the_first_receipt_of_the_same_bytes_stands() -> None:
    """Whichever comes first (ruling 37)."""
    early = only("T | A04 | v1 |")
    late = replace(early, received_at=early.received_at + timedelta(hours=1))

    assert lift(early) == merge(lift(early), lift(late)) == merge(lift(late), lift(early))


def test_the_first_receipt_of_a_plan_stands() -> None:
    """The same content with the same stamp in the same file, received again."""
    early, late = facts(f"{HEAD}T | plan | CPP E09 | file_id=F\nT | plan | CPP E09 | file_id=F received=T+9h")

    assert lift(early) == merge(lift(early), lift(late)) == merge(lift(late), lift(early))


def test_two_contents_under_one_id_are_settled_by_content() -> None:
    """At equal receipt in any order the same one; sets are told in a settled order."""
    one = only("T | A04 | v1 | control_id=c1 acuity=1 cleared=reason,location,acuity")
    other = replace(one, acuity="2")

    assert merge(lift(one), lift(other)) == merge(lift(other), lift(one))


def test_a_plan_said_again_keeps_both_stamps() -> None:
    """Within L no stamp is dropped (architecture, section 2)."""
    said = facts(f"{HEAD}T | plan | CPP E09 |\nT+1d | plan | CPP E09 |")
    known = merge(lift(said[0]), lift(said[1]))

    assert [2] == [len(stamps) for stamps in known.plans.values()]


def test_a_person_learns_by_merging() -> None:
    """And stays the same person."""
    person = Person(number=NhsNumber("9990000018"), salt=b"salt")
    message = lift(only("T | A04 | v1 |"))

    assert person == person.learn(NOTHING)
    assert (message, person.number) == ((learned := person.learn(message)).known, learned.number)


def test_a_person_does_not_show_number_or_salt() -> None:
    """A traceback must not name a person."""
    shown = repr(Person(number=NhsNumber("9990000018"), salt=b"salt"))

    assert ("9990000018" in shown, "salt" in shown) == (False, False)


def test_a_link_that_was_void_once_is_void_in_any_order() -> None:
    """Whatever the mother's record says of it again (ruling 26)."""
    [cover] = facts(f"{HEAD}T | cover | UCP E09 | born=D-1 start=D-10 end=D+20")
    assert isinstance(cover, Cover)
    void = replace(cover, births=tuple(replace(birth, void=True) for birth in cover.births))

    assert lift(void) == merge(lift(cover), lift(void)) == merge(lift(void), lift(cover))
