"""Facts by hand: validated, audited first, durable before the answer, one fact however often put in."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any

import pytest

from broker.adapters.memory import MemoryFactLog, MemoryKafka
from broker.core.birthdays import born_on
from broker.core.demographics import Current, Invalidated
from broker.core.errors import InvalidFact, KafkaUnavailable, NaiveTime
from broker.core.excluded import may_see
from broker.core.facts import (
    ABOUT_A_USER,
    ABOUT_A_VISIT,
    Access,
    Birth,
    Details,
    Fact,
    IdentityKind,
    IdentityNotice,
)
from broker.core.holding import HOLDS
from broker.core.identifiers import NhsNumber, OdsCode
from broker.core.keyed import user_reference, visit_reference
from broker.core.newborn import Corrected, has_ended
from broker.core.newborn_links import named_by_notice
from broker.core.number_answers import answered
from broker.core.number_ranges import Takes, takes_any, takes_for_tests
from broker.core.operators import YET_UNWRITTEN, ActionKind, Grounds, OperatorAction, Place
from broker.core.person import Known
from broker.ports import INPUTS, Topic, Write
from broker.services.desk_log import DeskLog
from broker.services.fact_desk import BY_HAND, WORDS_CHARACTERS_MAX, Added, FactDesk, User
from broker.services.finding import VisitAsked
from broker.wire.cloudevents import read_headers
from tests.builders.matcher import KEY, make_codecs
from tests.spec.numbers import numbers_beginning

NOW = datetime(2026, 3, 2, 12, 0, 0, 123_456, tzinfo=UTC)
SAID = datetime(2026, 3, 2, 10, tzinfo=UTC)
BORN = SAID.date()
ROBIN, ALEX, OTHER = map(NhsNumber, ("9990000018", "9990000026", "9990000034"))
GROUNDS = Grounds(by="ops-7", reason="ticket 4711")
VIEW: dict[str, Any] = {
    "organisation": OdsCode("RXH"),
    "organisation_name": "Exton Hospital",
    "role": "nurse",
    "user_name": "Nurse Sample",
    "unscheduled": True,
    "accessed_at": SAID,
}


class StoppingLog(MemoryFactLog):
    """Takes so many appends and then none."""

    def __init__(self, kafka: MemoryKafka, appends: int) -> None:
        """Write to this cluster."""
        super().__init__(kafka)
        self.appends = appends

    async def append(self, writes: Sequence[Write]) -> Sequence[Place]:
        """Append, or raise `KafkaUnavailable`."""
        if self.appends == 0:
            raise KafkaUnavailable
        self.appends -= 1
        return await super().append(writes)


@dataclass
class Bench:
    """A desk over an in-memory cluster; `now` is its present."""

    now: datetime = NOW
    appends: int = -1
    takes: Takes = takes_any
    organisation: OdsCode | None = None
    kafka: MemoryKafka = field(default_factory=MemoryKafka)

    def __post_init__(self) -> None:
        """Put the desk together."""
        self.codecs = make_codecs()
        facts = StoppingLog(self.kafka, self.appends)
        log = DeskLog(facts, self.codecs.records, key=KEY, clock=lambda: self.now)
        self.desk = FactDesk(
            facts,
            self.codecs.facts,
            log,
            key=KEY,
            clock=lambda: self.now,
            takes=self.takes,
            organisation=self.organisation,
        )

    def notice(
        self,
        kind: IdentityKind,
        *,
        at: datetime = SAID,
        successor: NhsNumber | None = None,
        born: date | None = None,
    ) -> Added:
        """Put in a notice about Robin."""
        return asyncio.run(
            self.desk.add_notice(ROBIN, kind, recorded_at=at, successor=successor, born=born, grounds=GROUNDS)
        )

    def view(self, **other: Any) -> Added:
        """Put in a view of Robin."""
        said = VIEW | other
        user = User(name=said.pop("user_name"), own_id=said.pop("user_id", None))
        return asyncio.run(self.desk.add_view(ROBIN, **said, user=user, grounds=GROUNDS))

    def exclusion(
        self, user_id: str, *, organisation: str = "RXH", named_by: str = "RXH", ended: bool = False
    ) -> Added:
        """Put in that a user must not see Robin."""
        adding = self.desk.add_exclusion(
            ROBIN,
            organisation=OdsCode(organisation),
            user_id=user_id,
            named_by=OdsCode(named_by),
            ended=ended,
            grounds=GROUNDS,
        )
        return asyncio.run(adding)

    def facts(self) -> list[tuple[bytes | None, Fact]]:
        """Return the facts of every input, with their keys."""
        return [
            (record.key, self.codecs.facts.decode(topic, record.key or b"", record.value or b""))
            for topic in INPUTS
            for record in self.kafka.read(topic)
        ]

    def actions(self) -> list[OperatorAction]:
        """Return what the audit trail says."""
        return [
            self.codecs.records.decode_action(record.value or b"") for record in self.kafka.read(Topic.AUDIT)
        ]


@pytest.mark.parametrize(
    ("kind", "successor", "born"),
    [
        (IdentityKind.RESTRICTED, None, None),
        (IdentityKind.SUPERSEDED, ALEX, None),
        (IdentityKind.NUMBER_CHANGE, None, None),
        (IdentityKind.IN_USE, None, None),
        (IdentityKind.BIRTH_DATE, None, date(2014, 4, 12)),
        (IdentityKind.PREGNANCY_ENDED, None, None),
        (IdentityKind.STILLBIRTH_TAKEN_BACK, None, None),
    ],
)
def test_a_notice_lies_in_its_input_and_in_the_audit_trail(
    kind: IdentityKind, successor: NhsNumber | None, born: date | None
) -> None:
    """As the source recorded it, received now; the trail says who, why and what kind, and no number."""
    bench = Bench()
    added = bench.notice(kind, successor=successor, born=born)
    received = NOW.replace(microsecond=123_000)

    assert [
        (
            ROBIN.key,
            IdentityNotice(
                notice_id=added.fact_id,
                kind=kind,
                successor=successor,
                birth_date=born,
                recorded_at=SAID,
                received_at=received,
            ),
        )
    ] == bench.facts()
    assert [
        OperatorAction(
            kind=ActionKind.ADDED,
            item_id=added.fact_id,
            place=Place(topic="cpis.in.identity", partition=YET_UNWRITTEN, offset=YET_UNWRITTEN),
            grounds=GROUNDS,
            at=received,
            outcome=kind.value,
        )
    ] == bench.actions()
    (record,) = bench.kafka.read(Topic.IDENTITY)
    head = read_headers(record.headers)
    assert (added.fact_id, "urn:cpis:desk", "identity", received) == (
        head.event_id,
        head.source,
        head.data_schema,
        head.time,
    )
    (audit,) = bench.kafka.read(Topic.AUDIT)
    assert not any(number.key in (audit.value or b"") for number in (ROBIN, ALEX))


@pytest.mark.parametrize(("unscheduled", "what"), [(True, "view"), (False, "silent view")])
def test_a_view_lies_in_its_input(unscheduled: bool, what: str) -> None:  # noqa: FBT001
    """Recorded when it happened; the words without surrounding blanks."""
    bench = Bench()
    added = bench.view(unscheduled=unscheduled, role="  nurse ")
    (one,) = bench.facts()

    assert one == (
        ROBIN.key,
        Access(
            access_id=added.fact_id,
            recorded_at=SAID,
            received_at=NOW.replace(microsecond=123_000),
            **(VIEW | {"unscheduled": unscheduled}),
        ),
    )
    assert [what] == [action.outcome for action in bench.actions()]


def test_the_same_fact_twice_is_one_fact() -> None:
    """Who is not sure whether it was taken puts it in again; another fact is another one."""
    bench = Bench()
    first, second = bench.view(), bench.view()
    bench.now += timedelta(hours=1)
    third, other = bench.view(), bench.view(user_name="Doctor Sample")
    notices = [bench.notice(IdentityKind.SUPERSEDED, successor=ALEX) for _ in range(2)]

    assert 1 == len({first.fact_id, second.fact_id, third.fact_id})
    assert other.fact_id != first.fact_id
    assert 1 == len({notice.fact_id for notice in notices})


def test_what_cannot_be_audited_is_not_added() -> None:
    """The trail comes first."""
    bench = Bench(appends=0)
    with pytest.raises(KafkaUnavailable):
        bench.notice(IdentityKind.IN_USE)

    assert ([], []) == (bench.facts(), bench.actions())


def test_it_is_not_answered_before_kafka_has_the_fact() -> None:
    """An entry without its fact may be left; doing it again completes it."""
    bench = Bench(appends=1)
    with pytest.raises(KafkaUnavailable):
        bench.notice(IdentityKind.IN_USE)

    assert ([], 1) == (bench.facts(), len(bench.actions()))


@pytest.mark.parametrize(
    "kind", sorted(set(IdentityKind) - {*BY_HAND, *ABOUT_A_VISIT, *HOLDS, *ABOUT_A_USER})
)
def test_what_the_source_alone_may_say_comes_from_its_answer(kind: IdentityKind) -> None:
    """An invalidation and a lifted restriction are never put in by hand (rulings 23, 24); each has a door."""
    answers = (
        Invalidated(recorded_at=SAID),
        Current(details=Details(), lifted_at=SAID, recorded_at=SAID),
    )
    bench = Bench()
    with pytest.raises(InvalidFact, match="never by hand"):
        bench.notice(kind)

    assert ([], []) == (bench.facts(), bench.actions())
    said = {one.kind for answer in answers for one in answered(ROBIN, answer, NOW, KEY)}
    assert kind in said | {IdentityKind.BORN_TO, IdentityKind.STILLBIRTH}  # what birth notices say


def test_a_date_of_birth_put_in_twice_says_the_same() -> None:
    """The later of two at one stamp counts; neither is named in an id or in the trail (rulings 13, 23)."""
    bench = Bench()
    day = date(2014, 4, 12)
    first = bench.notice(IdentityKind.BIRTH_DATE, born=day)
    bench.now += timedelta(seconds=1)
    again = bench.notice(IdentityKind.BIRTH_DATE, born=day)

    said = [fact for _, fact in bench.facts() if isinstance(fact, IdentityNotice)]
    assert first.fact_id != again.fact_id
    assert [day, day] == [notice.birth_date for notice in said]
    assert day == born_on(said, SAID)


@pytest.mark.parametrize(
    ("born", "says"),
    [
        (None, "date of birth goes with"),
        (date(1899, 12, 31), "before 1900"),
        (NOW.date() + timedelta(days=1), "to come"),
    ],
)
def test_a_date_of_birth_that_cannot_be_is_refused(born: date | None, says: str) -> None:
    """Without repeating it, and nothing is written (ruling 13)."""
    bench = Bench()
    with pytest.raises(InvalidFact, match=says):
        bench.notice(IdentityKind.BIRTH_DATE, born=born)

    assert ([], []) == (bench.facts(), bench.actions())


@pytest.mark.parametrize("born", [date(1900, 1, 1), NOW.date()])
def test_a_date_of_birth_that_can_be_is_taken(born: date) -> None:
    """From 1900 to today (ruling 13)."""
    bench = Bench()
    bench.notice(IdentityKind.BIRTH_DATE, born=born)

    assert [born] == [fact.birth_date for _, fact in bench.facts() if isinstance(fact, IdentityNotice)]


@pytest.mark.parametrize(
    ("kind", "at", "successor", "says"),
    [
        (IdentityKind.SUPERSEDED, SAID, None, "successor"),
        (IdentityKind.SUPERSEDED, SAID, ROBIN, "its own successor"),
        (IdentityKind.IN_USE, SAID, ALEX, "successor"),
        (IdentityKind.IN_USE, NOW + timedelta(hours=24, seconds=1), None, "24 hours ahead"),
        (IdentityKind.IN_USE, datetime(1899, 12, 31, tzinfo=UTC), None, "before 1900"),
    ],
)
def test_a_notice_that_cannot_be_is_refused(
    kind: IdentityKind, at: datetime, successor: NhsNumber | None, says: str
) -> None:
    """With what is wrong, and nothing is written, the audit trail included."""
    bench = Bench()
    with pytest.raises(InvalidFact, match=says):
        bench.notice(kind, at=at, successor=successor)

    assert ([], []) == (bench.facts(), bench.actions())


@pytest.mark.parametrize(
    ("kind", "successor", "taken"),
    [
        (IdentityKind.IN_USE, None, True),
        (IdentityKind.SUPERSEDED, ALEX, True),
        (IdentityKind.SUPERSEDED, next(numbers_beginning("4000")), False),
    ],
)
def test_a_real_number_has_no_place_among_tests(
    kind: IdentityKind, successor: NhsNumber | None, *, taken: bool
) -> None:
    """Not even as a successor, and nothing of it is written down (ruling 27)."""
    bench = Bench(takes=takes_for_tests)

    if taken:
        assert Topic.IDENTITY == bench.notice(kind, successor=successor).topic
    else:
        with pytest.raises(InvalidFact, match="for tests"):
            bench.notice(kind, successor=successor)
        assert [] == bench.kafka.read(Topic.AUDIT)


def test_a_time_needs_its_zone_and_is_kept_in_utc() -> None:
    """Whichever zone it was given in; up to a day ahead it is taken (rulings, Time)."""
    bench = Bench()
    with pytest.raises(NaiveTime):
        bench.notice(IdentityKind.IN_USE, at=datetime(2026, 3, 2, 10))  # noqa: DTZ001 – the test
    east = timezone(timedelta(hours=1))
    bench.notice(IdentityKind.IN_USE, at=(NOW + timedelta(hours=24)).astimezone(east))

    assert [NOW.replace(microsecond=123_000) + timedelta(hours=24)] == [
        fact.recorded_at for _, fact in bench.facts()
    ]


@pytest.mark.parametrize("name", ["organisation_name", "role", "user_name"])
@pytest.mark.parametrize(
    ("text", "says"),
    [("  ", "missing"), ("x" * (WORDS_CHARACTERS_MAX + 1), "longer than 200"), ("a\nb", "control")],
)
def test_words_that_cannot_be_kept_are_refused(name: str, text: str, says: str) -> None:
    """Without repeating them."""
    bench = Bench()
    with pytest.raises(InvalidFact, match=says):
        bench.view(**{name: text})

    assert ([], []) == (bench.facts(), bench.actions())


def test_an_unwritten_place_is_shown_by_its_topic() -> None:
    """There is no partition and no offset to show."""
    assert "cpis.in.plans" == str(Place(topic="cpis.in.plans", partition=YET_UNWRITTEN, offset=YET_UNWRITTEN))
    assert "cpis.in.plans-0-0" == str(Place(topic="cpis.in.plans", partition=0, offset=0))


def test_that_no_outcome_came_is_said_of_one_visit() -> None:
    """By the reference that the visit has under the number, once however often put in (ruling 7)."""
    bench = Bench()
    asked = VisitAsked(provider=OdsCode("RXH"), number="V-1", system=None)
    added = {
        asyncio.run(
            bench.desk.add_of_visit(
                ROBIN, IdentityKind.NO_OUTCOME, asked, system="EDSYS", at=SAID, grounds=GROUNDS
            )
        ).fact_id
        for _ in range(2)
    }

    facts = [fact for _, fact in bench.facts()]
    visit = visit_reference(KEY, ROBIN, system="EDSYS", provider=OdsCode("RXH"), visit_number="V-1")
    assert {(IdentityKind.NO_OUTCOME, visit, SAID)} == {
        (fact.kind, fact.visit, fact.recorded_at) for fact in facts if isinstance(fact, IdentityNotice)
    }
    assert (1, ["no outcome received"] * 2) == (len(added), [action.outcome for action in bench.actions()])


def test_no_other_word_is_said_of_a_visit_by_its_name() -> None:
    """What a source says of a person is none of what a system told of a visit; nothing is written."""
    bench = Bench()
    asked = VisitAsked(provider=OdsCode("RXH"), number="V-1", system=None)

    with pytest.raises(InvalidFact, match="not said of a visit"):
        asyncio.run(
            bench.desk.add_of_visit(
                ROBIN, IdentityKind.INVALIDATED, asked, system="EDSYS", at=SAID, grounds=GROUNDS
            )
        )

    assert ([], []) == (bench.facts(), bench.actions())


def test_an_excluded_user_is_known_by_the_id_of_their_organisation() -> None:
    """The reference of the exclusion is that of the view, and of no other user's (ruling 48)."""
    bench = Bench()
    bench.exclusion("u-17")
    for organisation, user_id in (("RXH", " u-17 "), ("RXH", "u-18"), ("RXK", "u-17"), ("RXH", None)):
        bench.view(organisation=OdsCode(organisation), user_id=user_id, accessed_at=SAID)

    facts = [fact for _, fact in bench.facts()]
    notices = [fact for fact in facts if isinstance(fact, IdentityNotice)]
    views = [fact for fact in facts if isinstance(fact, Access)]
    assert [IdentityKind.EXCLUDED] == [notice.kind for notice in notices]
    known = Known(notices={one.notice_id: one for one in notices})
    assert [False, True, True, True] == [may_see(known, view.user or "") for view in views]


def test_who_named_a_user_takes_that_back_and_can_say_it_again() -> None:
    """The newest word counts, so each has an id of its own time; the other side's stands (ruling 48)."""
    bench, seen = Bench(), []
    user = user_reference(KEY, OdsCode("RXH"), "u-17")
    for hour, (side, ended) in enumerate([("E09", False), ("RXH", True), ("E09", True), ("E09", False)]):
        bench.now = NOW + timedelta(hours=hour)
        bench.exclusion("u-17", named_by=side, ended=ended)
        notices = [fact for _, fact in bench.facts() if isinstance(fact, IdentityNotice)]
        seen.append(may_see(Known(notices={one.notice_id: one for one in notices}), user))

    assert [False, False, True, False] == seen
    assert 4 == len({notice.notice_id for notice in notices})


def test_a_desk_speaks_for_its_own_organisation_alone() -> None:
    """It lifts no other's exclusion, nor makes one in another's name (ruling 48)."""
    bench = Bench(organisation=OdsCode("RXH"))
    bench.exclusion("u-17", named_by="RXH")
    for ended in (False, True):
        with pytest.raises(InvalidFact, match="another organisation"):
            bench.exclusion("u-17", named_by="E09", ended=ended)

    assert 1 == len(bench.facts())


def test_an_exclusion_put_in_twice_is_one_and_names_nobody() -> None:
    """Its id is derived from whom it is about, under the key; the user's id is nowhere (ruling 48)."""
    bench = Bench()
    first, again = bench.exclusion("u-17"), bench.exclusion("u-17")

    written = [record for topic in (*INPUTS, Topic.AUDIT) for record in bench.kafka.read(topic)]
    assert first == again
    assert [] == [record for record in written if b"u-17" in (record.value or b"")]


@pytest.mark.parametrize("user_id", ["", "  ", "a\x07b", "x" * (WORDS_CHARACTERS_MAX + 1)])
def test_an_exclusion_of_nobody_is_refused(user_id: str) -> None:
    """Nothing is written."""
    bench = Bench()
    with pytest.raises(InvalidFact):
        bench.exclusion(user_id)

    assert [] == bench.facts()


def add_birth(bench: Bench, *, baby: NhsNumber = ALEX, born: date = BORN) -> Added:
    """Put in that a baby is Robin's."""
    adding = bench.desk.add_birth(ROBIN, baby=baby, born=born, recorded_at=SAID, grounds=GROUNDS)
    return asyncio.run(adding)


def test_a_birth_lies_in_the_attendances_under_the_mother() -> None:
    """Said once more it is the same one; the trail says that it is a birth, and whose it does not (26)."""
    bench = Bench()
    added, again = add_birth(bench), add_birth(bench)
    (key, birth), (_, once_more) = bench.facts()

    assert birth == once_more
    assert added.fact_id != again.fact_id  # nothing in the trail is made of the two numbers
    assert ROBIN.key == key
    assert isinstance(birth, Birth)
    assert (ALEX, SAID.date(), None, NOW.replace(microsecond=0)) == (
        birth.baby, birth.born, birth.visit, birth.received_at,
    )  # fmt: skip
    assert ["birth", "birth"] == [action.outcome for action in bench.actions()]
    (record, _) = bench.kafka.read(Topic.ATTENDANCES)
    assert "kin" == read_headers(record.headers).data_schema
    assert ALEX.key not in (record.value or b"")


def test_a_birth_put_in_by_hand_is_ended_by_a_notice_that_corrects_it() -> None:
    """It is a birth notice: whom a later one names is the mother, and nobody before (ruling 26)."""
    bench = Bench()
    add_birth(bench)
    [(_, birth)] = bench.facts()
    assert isinstance(birth, Birth)

    def ended(mother: NhsNumber, after: timedelta) -> bool:
        """Whether a correction that names a mother so long after it ends it."""
        name = named_by_notice(KEY, ALEX, mother)
        return has_ended(birth, {}, (), Corrected(frozenset({name}), SAID + after))

    minute = timedelta(minutes=1)
    assert [True, False, False] == [ended(OTHER, minute), ended(ROBIN, minute), ended(OTHER, -minute)]


@pytest.mark.parametrize(
    ("said", "says"),
    [
        ({"baby": ROBIN}, "child of their own"),
        ({"born": SAID.date() - timedelta(days=366)}, "date of birth"),
        ({"born": NOW.date() + timedelta(days=1)}, "date of birth"),
    ],
)
def test_a_birth_that_cannot_be_is_not_added(said: dict[str, Any], says: str) -> None:
    """Nobody is a child of their own (42), and a notice is of a baby."""
    bench = Bench()
    with pytest.raises(InvalidFact, match=says):
        add_birth(bench, **said)
    assert ([], []) == (bench.facts(), bench.actions())
