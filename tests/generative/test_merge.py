"""What is known of a person is a join-semilattice (architecture, section 2)."""

from broker.core.facts import Fact
from broker.core.person import NOTHING, Known, lift, merge
from tests.generative.examples import examples
from tests.generative.lives import told_again
from tests.generative.picking import Picking
from tests.generative.stories import known_of, story


def _known(pick: Picking) -> Known:
    """Return what is known of somebody."""
    return known_of(story(pick))


@examples(lambda pick: (_known(pick), _known(pick)))
def test_merge_is_commutative(left: Known, right: Known) -> None:
    """The order of two does not matter."""
    assert merge(left, right) == merge(right, left)


@examples(lambda pick: (_known(pick), _known(pick), _known(pick)))
def test_merge_is_associative(one: Known, two: Known, three: Known) -> None:
    """The order of three does not matter."""
    assert merge(merge(one, two), three) == merge(one, merge(two, three))


@examples(lambda pick: (_known(pick),))
def test_merge_is_idempotent(one: Known) -> None:
    """Merging twice is merging once."""
    assert one == merge(one, one)


@examples(lambda pick: (_known(pick),))
def test_nothing_is_the_bottom(one: Known) -> None:
    """Merging with nothing changes nothing."""
    assert (one, one) == (merge(one, NOTHING), merge(NOTHING, one))


@examples(lambda pick: (told_again(story(pick), pick.chance()), told_again(story(pick), pick.chance())))
def test_what_collides_is_settled_in_any_order(one: list[Fact], other: list[Fact]) -> None:
    """Facts of one id with different content or receipts meet in one of them, whichever comes first."""
    forwards, backwards = NOTHING, NOTHING
    for fact in (*one, *other):
        forwards = merge(forwards, lift(fact))
    for fact in (*reversed(other), *reversed(one)):
        backwards = merge(lift(fact), backwards)

    assert forwards == backwards
