"""
What is held of many people, folded here and now: who is kept and who moves, by the matcher's rules.

For replays, and for specifications to be compared with. Nobody is ever forgotten.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime

from broker.core.effects import Advance, advance, decided_anew
from broker.core.holding import with_doubt
from broker.core.identifiers import NhsNumber
from broker.core.invalidation import (
    Inactive,
    forgotten_alerts,
    invalidation,
    reopened,
    stays_out_of_use,
    take_out_of_use,
    word_of_use,
)
from broker.core.keyed import IdentityKey
from broker.core.newborn_links import Words, answered, exchanged, left, parted
from broker.core.partition import Forwarding
from broker.core.person import Person
from broker.core.policy import AnyPolicy
from broker.core.succession import (
    Came,
    Merged,
    Passage,
    back_in_use,
    evidence_of_use,
    fold,
    forwarding_after,
    forwarding_by,
    goes_on,
    handed_over,
    kept,
    leaving,
    onward,
    returned,
    translated,
)


class Everybody:
    """
    People by number, and where those went whose number was superseded.

    `salt` blinds the audit of everybody. What a matcher sets aside is raised.
    """

    def __init__(self, policy: AnyPolicy, key: IdentityKey, *, salt: bytes) -> None:
        """Begin with nobody."""
        self._policy = policy
        self._key = key
        self._salt = salt
        self._people: dict[NhsNumber, Person] = {}
        self._waiting: dict[NhsNumber, Person] = {}
        self._forwarding: dict[NhsNumber, Forwarding] = {}
        self._inactive: dict[NhsNumber, tuple[Inactive, Person, list[Came]]] = {}
        self._now = datetime.min.replace(tzinfo=UTC)

    @property
    def people(self) -> Mapping[NhsNumber, Person]:
        """Everybody who has a record so far."""
        return self._people

    @property
    def waiting(self) -> Mapping[NhsNumber, Person]:
        """Everybody else of whom something is known, without a plan or a notice."""
        return self._waiting

    @property
    def successors(self) -> Mapping[NhsNumber, NhsNumber]:
        """The numbers that have been superseded, each with the one that took over (ruling 22)."""
        return {number: forwarding.to for number, forwarding in self._forwarding.items()}

    @property
    def inactive(self) -> Collection[NhsNumber]:
        """The numbers that are not in use (ruling 23)."""
        return self._inactive.keys()

    def take(self, number: NhsNumber, came: Sequence[Came]) -> list[Advance]:
        """
        Fold what came for a number, all at once, and follow what it moves; return what must be said.

        Raises `NumbersInCircle` and `SuccessionContradicted`.
        """
        forwarding = self._forwarding.get(number)
        if forwarding is not None:
            back = back_in_use(number, forwarding, came)
            if not back:
                return self._send_on(number, forwarding, came)
            self._waiting[number] = returned(number, self._forwarding.pop(number), self._salt)
            came = [*came, *back]
        opened: Person | None = None  # whose mothers and babies have forgotten them
        if number in self._inactive:
            inactive, person, kept_since = self._inactive.pop(number)
            word = word_of_use(inactive, came)
            if word is None:
                inactive, advanced = stays_out_of_use(inactive, came, self._policy, self._key)
                self._inactive[number] = (inactive, person, [*kept_since, *came])
                return [advanced, *self._tell(answered(number, came, self._clock(came), self._policy))]
            opened = reopened(person, inactive)
            came = [*kept_since, *came, Came(word)]
        held = self._people.get(number)
        person = opened or held or self._waiting.pop(number, None) or Person(number=number, salt=self._salt)
        for one in came:
            person = self._fold(person, one, is_kept=bool(opened or held))
        for one in evidence_of_use(person, came):
            person = fold(person, one.fact)
        was = held or Person(number=number, salt=self._salt)
        return self._settle(with_doubt(person), came, was, anew=opened is not None)

    def decide_anew(self, policy: AnyPolicy, clock: datetime) -> list[Advance]:
        """Go on by another policy; return what it alone changes at `clock`, the partition's (ADR 0016)."""
        self._policy = policy
        advances = [decided_anew(one, policy, self._key, clock) for one in self._people.values()]
        self._people = {advanced.person.number: advanced.person for advanced in advances}
        return advances

    @staticmethod
    def _fold(person: Person, one: Came, *, is_kept: bool) -> Person:
        """Return the person with a fact; of somebody who is not kept no succession is remembered."""
        if isinstance(one.fact, Merged) and not is_kept and not kept(one.fact):
            return person.learn(one.fact.known)
        return fold(person, one.fact)

    def _settle(
        self, person: Person, came: Sequence[Came], held: Person, *, anew: bool = False
    ) -> list[Advance]:
        """Send a person on, let them wait, or decide about them; `anew`: the number was out of use."""
        number, before = person.number, held.known
        answer = leaving(person)
        if answer is not None:
            forwarding = forwarding_by(person, answer, max(one.fact.received_at for one in came))
            self._people.pop(number, None)
            self._forwarding[number] = forwarding
            merged = handed_over(
                person, forwarding, forwarding.last_used, forgotten=anew or bool(forgotten_alerts(came))
            )
            moved = self._pass(Came(merged), number, forwarding)
            return [*moved, *self._tell(left(held, came, self._clock(came), self._policy))]
        invalid = invalidation(person)
        if invalid is not None:
            inactive, advanced = take_out_of_use(person, invalid, self._policy, self._key, salt=self._salt)
            if number not in self._people:  # what waited is read again, as a matcher does
                births = [birth for said in person.known.births.values() for birth in said.values()]
                came = [*map(Came, births), *came]
            self._people.pop(number, None)
            self._inactive[number] = (inactive, person, [])
            return [advanced, *self._tell(parted(number, before, came, self._clock(came), self._policy))]
        kept_by = person.known.plans or person.known.notices or person.known.covers
        if number not in self._people and not kept_by:
            self._waiting[number] = person
            return []
        again = person.told if anew else forgotten_alerts(came)
        advanced = advance(person, self._policy, self._key, forgotten=again)
        self._people[number] = advanced.person
        words = exchanged(
            number,
            before,
            person.known,
            came,
            policy=self._policy,
            key=self._key,
            at=self._clock(came),
            doubts=(held.doubt, person.doubt),
            anew=anew,
        )
        return [advanced, *self._tell(words)]

    def _clock(self, came: Sequence[Came]) -> datetime:
        """Return the highest receipt seen: a matcher's clock."""
        self._now = max([self._now, *(one.fact.received_at for one in came)])
        return self._now

    def _tell(self, words: Words) -> list[Advance]:
        """Let mothers and babies hear what is said to them."""
        return [advanced for number, fact in words for advanced in self.take(number, [Came(fact)])]

    def _send_on(self, number: NhsNumber, before: Forwarding, came: Sequence[Came]) -> list[Advance]:
        """Send everything on to the successor that the number has now."""
        now = forwarding_after(before, came, before.last_used)
        self._forwarding[number] = now
        advances = []
        if now.stamp > before.stamp:
            settled = Merged(stamp=now.stamp, received_at=max(one.fact.received_at for one in came))
            advances += self._pass(Came(settled), number, now)
        for one in came:
            if goes_on(one, before=before, now=now):
                advances += self._pass(one, number, now)
        return advances

    def _pass(self, one: Came, number: NhsNumber, forwarding: Forwarding) -> list[Advance]:
        """Let one fact come to the successor."""
        passage: Passage = onward(one.passage, number, forwarding)
        fact = translated(one.fact, self._key, former=number, number=forwarding.to)
        if isinstance(fact, Merged):
            fact = replace(fact, stamp=passage.stamp)
        return self.take(forwarding.to, [Came(fact, passage)])
