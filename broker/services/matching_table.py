"""
A partition's people and the folding of facts into them, without a single await.

Everything may be raised by a record: its bytes may be no fact, the fact may break a rule's assumptions, what
follows may not fit into a record. Whatever it is, it stays with that record.
"""

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial

from broker.core.closed_visits import too_late, used_again
from broker.core.effects import advance, decided_anew
from broker.core.errors import PersonTooLarge, StorageUnusable, SuccessionContradicted
from broker.core.facts import IdentityNotice
from broker.core.holding import with_doubt
from broker.core.identifiers import NhsNumber
from broker.core.invalidation import forgotten_alerts, invalidation
from broker.core.partition import Forwarding, PartitionState
from broker.core.person import NOTHING, Known, Person
from broker.core.possible_newborns import Leading
from broker.core.retention import settle, unused
from broker.core.succession import back_in_use, evidence_of_use, fold, leaving, returned
from broker.ports import Record, Topic, Write
from broker.services.matching_batch import Batch, Folded
from broker.services.matching_details import DetailsTable
from broker.services.matching_holds import Holds, Sorted, makes_note, makes_record
from broker.services.matching_inactive import Shut, Vault
from broker.services.matching_kin import Relatives
from broker.services.matching_leads import leading, led_by
from broker.services.matching_moves import Arrived, Mover
from broker.services.matching_output import PERSON_BYTES_MAX, Chain, Poison, Said, Scribe, cause_of
from broker.services.matching_rules import Rules
from broker.services.matching_sorting import INDEXED, sort
from broker.services.recent_people import RecentPeople
from broker.services.sifting import Sifting
from broker.services.visit_index import VisitIndex
from broker.wire.facts_codec import FactCodec
from broker.wire.state_codec import StateCodec

Holding = Person | Forwarding | Shut
"""What may be held under a number."""

Outcome = tuple[Holding, Said]
"""What is held of a person from now on, and what that comes to."""

_DECODED_MAX = 2_000  # people kept decoded: those whose visit is going on
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class PartitionTable:
    """
    Everybody of one partition: people with a record as bytes, all others as places in the log.

    `clock` is the partition's: the highest receipt time seen (aware UTC). `new_salt` makes the salt of a
    new person's record. After a doubtful commit the whole table is thrown away.
    """

    def __init__(
        self,
        people: dict[bytes, bytes],
        *,
        facts: FactCodec,
        states: StateCodec,
        scribe: Scribe,
        details: DetailsTable,
        rules: Rules,
        new_salt: Callable[[], bytes],
        state: PartitionState,
    ) -> None:
        """Take over what was loaded; `state` is `#p`."""
        self.people = people
        self.indexes = {topic: VisitIndex() for topic in INDEXED}
        self.end = Chain(state.audit_hash, state.audit_sequence)
        self.clock = state.clock
        self.details = details
        self._relatives = Relatives(facts, rules.policy, rules.key)
        self._mover = Mover(facts, states, rules.key, scribe.partition)
        self._holds = Holds(facts, rules.key)
        self._vault = Vault(
            facts, states, scribe, self._mover, policy=rules.policy, key=rules.key, new_salt=new_salt
        )
        self._states = states
        self._scribe = scribe
        self._rules = rules
        self._new_salt = new_salt
        self._recent = RecentPeople(_DECODED_MAX)
        self._outdated = set() if rules.decided(state) else set(people)

    def index(self, topic: Topic, records: Sequence[Record]) -> None:
        """Note where records of people without a record lie."""
        people, index = self.people, self.indexes[topic]
        for record in records:
            key = record.key
            if key is not None and (key not in people or self._states.is_inactive(people[key])):
                index.add(key, record.offset)

    def sort(self, polled: Mapping[Topic, Sequence[Record]]) -> Batch:
        """Sort records into those to fold, those to note, and a rest when many people are touched."""
        batch = sort(polled, self.people, self.indexes)
        self.clock = max([self.clock, *batch.received])
        return batch

    def waiting(self, batch: Batch) -> dict[Topic, list[int]]:
        """Return where lies what waits for the people of this batch, without a record or maybe let go now."""
        waiting = {
            topic: [offset for key in batch.touched for offset in index.get(key)]
            for topic, index in self.indexes.items()
        }
        for topic, offset in self._holds.places(batch, self.people, self._before):
            waiting.setdefault(topic, []).append(offset)
        return {topic: offsets for topic, offsets in waiting.items() if offsets}

    def fold(self, key: bytes, records: Sequence[Record], waited: Sequence[Record]) -> Folded:
        """
        Fold one person's records, and what waited for them, decide, compare with what was told.

        What comes under a superseded number is sent on. A record that raises is returned as poison; the
        person keeps the state without that fact. Raises `StorageUnusable` where nothing can be sealed.
        """
        folded = Folded()
        held = self.people.get(key)
        try:
            before = self._before(key)
        except Exception as error:  # noqa: BLE001 – whatever it is, the partition goes on
            folded.poison = [Poison(record=record, cause=cause_of(error)) for record in records]
            return folded
        found = before.known if isinstance(before, Person) else NOTHING
        arrived, folded.poison = self._mover.read_all(key, (*waited, *records))
        if isinstance(before, Forwarding):
            person = self._forward(key, before, arrived, folded)
            if person is None:
                return folded
            before = person
        if isinstance(before, Shut):
            word = self._vault.word_of_use(before, arrived)
            opened = self._vault.reopen(before, self.clock) if word else None
            if opened is None:
                folded.poison += self._vault.unopened(arrived) if word else ()
                self._stay_shut(key, before, records, arrived, folded)
                return folded
            before, kept_since = opened
            arrived = [*kept_since, *arrived, *word]
        for_record = any(map(makes_record, arrived)) or any(map(makes_note, folded.poison))
        if held is None and not for_record:
            self._leave_waiting(key, records, folded)
            return folded
        came = self._holds.sort(before, arrived)
        facts = [one.fact for one in came.arrived]
        person = used_again(came.person, facts, self.clock, self._rules.policy)
        folded.late = [one.record for one in came.arrived if too_late(one.fact, person)]
        outcome = self._advance(before, found, came._replace(person=person), folded)
        if outcome is not None:
            self._keep(key, *outcome)
            over = self._holds.ended(outcome[0], self.clock) if isinstance(outcome[0], Person) else ()
            folded.writes, folded.told = (*outcome[1].writes, *over), outcome[1].told
        elif held is None:
            self._leave_waiting(key, records, folded)
        return folded

    def _forward(
        self, key: bytes, forwarding: Forwarding, arrived: list[Arrived], folded: Folded
    ) -> Person | None:
        """Send everything on; or return who is to be folded, with `arrived` added to, now back in use."""
        number = NhsNumber(key.decode("ascii"))
        back = back_in_use(number, forwarding, arrived)
        if back:
            folded.poison += [
                Poison(record=one.record, cause=SuccessionContradicted.code)
                for one in back
                if one.passage is None  # its source takes the succession back
            ]
            arrived += back
            return returned(number, forwarding, self._new_salt())
        set_aside = self._holds.notes(folded.poison, self.clock)
        if arrived or set_aside:
            sent = self._mover.send_on(number, forwarding, arrived, set_aside)
            led = self.details.number_led(key, self.clock, leading(forwarding), leading(sent.forwarding))
            self.people[key], write = self._mover.forwarding(key, sent.forwarding)
            folded.writes = (write, *sent.writes, *led)
            folded.poison += sent.poison
        return None

    def _stay_shut(
        self, key: bytes, shut: Shut, records: Sequence[Record], arrived: Sequence[Arrived], folded: Folded
    ) -> None:
        """Keep what came for a number not in use: sealed, or where it lies in the log (ruling 23)."""
        new = {id(record) for record in records}
        came = [one for one in arrived if id(one.record) in new]
        try:
            self._stay(key, shut, came, folded)
        except StorageUnusable:
            raise
        except Exception as error:  # noqa: BLE001 – whatever it is, the partition goes on
            folded.poison += [Poison(record=one.record, cause=cause_of(error)) for one in came]
            with suppress(PersonTooLarge):  # then the items stand for it
                self._stay(key, shut, (), folded)
        self._leave_waiting(key, records, folded)

    def _stay(self, key: bytes, shut: Shut, came: Sequence[Arrived], folded: Folded) -> None:
        """Keep what came, and that something was set aside; raises whatever the core or a codec raises."""
        set_aside = self._holds.notes(folded.poison, self.clock)
        held, said = self._vault.stay(shut, came, set_aside, self.clock, self.end)
        answers = self._relatives.answered(shut.inactive.ledger.number, came, self.clock)
        self._keep(key, held, said)
        folded.writes, folded.told = (*said.writes, *answers), said.told

    def caught_up(self, key: bytes) -> Folded:
        """
        Return what newer rules make of somebody of whom more has come, apart from that (ADR 0016).

        Who cannot be decided anew is left as they are, for the sweep to count.
        """
        try:
            return self.redecide(key)
        except Exception:  # noqa: BLE001 – one person's record must not stop the partition
            return Folded()

    def redecide(self, key: bytes) -> Folded:
        """Decide anew, once, whom older rules or policies decided; raises what the core or a codec raises."""
        if key not in self._outdated:
            return Folded()
        folded = self._redecided(key, self._before(key))
        self._outdated.discard(key)
        return folded

    def _redecided(self, key: bytes, before: Holding) -> Folded:
        """Return what the present rules make of what is held under a key, with no new fact."""
        if isinstance(before, Shut):
            return self._destroy(key, before)
        if isinstance(before, Forwarding):
            return Folded()
        held, said = self._say(before, before, (), None)
        found = NOTHING if isinstance(held, Person) else before.known  # all copies, by the present rules
        more = self._elsewhere(before, found, held, (), self.clock)
        self._keep(key, held, said)
        return Folded(writes=(*said.writes, *more), told=said.told)

    def settle(self, key: bytes) -> Folded:
        """Let go of what is past revising; raises whatever the core or a codec raises."""
        before = self._before(key)
        if isinstance(before, Forwarding):
            if not unused(before, self.clock):
                return Folded()
            led = self.details.number_led(key, self.clock, leading(before), Leading())
            del self.people[key]
            return Folded(writes=(self._scribe.forget(key), *led))
        if isinstance(before, Shut):
            return self._destroy(key, before)
        over = self._holds.ended(before, self.clock)
        settled = settle(before, self.clock, self._rules.policy)
        if settled is None:
            gone = self._elsewhere(before, before.known, replace(before, known=NOTHING), (), self.clock)
            del self.people[key]
            self._recent.forget(key)
            return Folded(writes=(self._scribe.forget(key), *gone))
        if settled == before:
            return Folded(writes=over)
        state, write = self._scribe.person(settled)
        more = self._elsewhere(before, before.known, settled, (), self.clock)
        self.people[key] = state
        self._recent.remember(key, settled)
        return Folded(writes=(write, *more, *over))

    def _destroy(self, key: bytes, shut: Shut) -> Folded:
        """Destroy what is sealed under a number not in use, when its time has come (ruling 23)."""
        destroyed = self._vault.destroy(shut, self.clock)
        if destroyed is None:
            return Folded()
        self.people[key] = destroyed[0]
        return Folded(writes=(destroyed[1],))

    def _before(self, key: bytes) -> Holding:
        """Return what is held under a key, a new person where nothing is; raises for other bytes."""
        known = self._recent.get(key)
        if known is not None:
            return known
        number = NhsNumber(key.decode("ascii"))
        state = self.people.get(key)
        if state is None:
            return Person(number=number, salt=self._new_salt())
        if self._states.is_forwarding(state):
            return self._states.decode_forwarding(state)
        if self._states.is_inactive(state):
            return self._vault.read(number, state)
        return self._states.decode_person(number, state)

    def _leave_waiting(self, key: bytes, records: Sequence[Record], folded: Folded) -> None:
        """Let the records of a person who got no record after all wait in the log, read or unreadable."""
        for record in records:
            if record.topic in self.indexes:
                self.indexes[Topic(record.topic)].add(key, record.offset)
        folded.poison = [poison for poison in folded.poison if poison.record.topic not in self.indexes]

    def _advance(self, before: Person, found: Known, came: Sorted, folded: Folded) -> Outcome | None:
        """
        Fold what can be onto who is `before` but for what waits; None when nothing is left.

        Where it cannot be noted that something waits, that is poison, as whatever cannot be folded.
        """
        room = PERSON_BYTES_MAX - len(self.people.get(before.number.key, b""))
        say = partial(self._say_and_copy, before, found)
        sifting = Sifting(came.person, say, room=room)
        if came.arrived:
            sifting.take(came.arrived)
        folded.poison += sifting.poison
        person = self._holds.noted(sifting.person, folded.poison, sifting.taken, self.clock)
        if person == sifting.person and (sifting.outcome is not None or came.person == before):
            return sifting.outcome
        try:
            return say(person, sifting.taken, sifting.received_at or self.clock)
        except StorageUnusable:  # nothing can be sealed: all of it comes again
            raise
        except Exception as error:  # noqa: BLE001 – whatever it is, the partition goes on
            unnoted = came.waiting if sifting.outcome is None else []
            folded.poison += [Poison(record=one.record, cause=cause_of(error)) for one in unnoted]
            return sifting.outcome

    def _say_and_copy(
        self,
        before: Person,
        found: Known,
        person: Person,
        arrived: Sequence[Arrived],
        caused_at: datetime | None,
    ) -> Outcome:
        """Decide about `person`, who is `found` by this so far, and say by what from now on (ruling 21)."""
        held, said = self._say(before, person, arrived, caused_at)
        more = self._elsewhere(before, found, held, arrived, caused_at or self.clock)
        return held, replace(said, writes=(*said.writes, *more))

    def _elsewhere(
        self, before: Person, found: Known, held: Holding, arrived: Sequence[Arrived], at: datetime
    ) -> list[Write]:
        """Return what other partitions hear; who went or is shut away is found no more."""
        known = held.known if isinstance(held, Person) else NOTHING
        copies = self.details.copies(before, found, known, at)
        was = led_by(self._states, self.people.get(before.number.key))
        copies += self.details.number_led(before.number.key, at, was, leading(held))
        return copies + self._relatives.told(before, found, held, arrived, self.clock, anew=not was.in_use)

    def _say(
        self, before: Person, person: Person, arrived: Sequence[Arrived], caused_at: datetime | None
    ) -> Outcome:
        """
        Decide about `person` and write down what differs from `before`; or send on who has left.

        `caused_at` is None where no fact led here, but newer rules.
        """
        for one in evidence_of_use(person, arrived):
            person = fold(person, one.fact)
        was = led_by(self._states, self.people.get(before.number.key))
        again = forgotten_alerts(arrived) if was.in_use else person.told
        answer = leaving(person)
        if answer is not None:
            return self._leave(person, answer, arrived, caused_at or self.clock, again=bool(again))
        invalid = invalidation(person)
        if invalid is not None:
            return self._vault.shut(person, invalid, caused_at or self.clock, self.end)
        person = with_doubt(person)
        policy, identity = self._rules.policy, self._rules.key
        advanced = (
            decided_anew(person, policy, identity, self.clock)
            if caused_at is None
            else advance(person, policy, identity, forgotten=again)
        )
        said = self._scribe.say(
            advanced,
            unchanged=advanced.person == before and before.number.key in self.people,
            caused_at=caused_at,
            at=caused_at or self.clock,
            end=self.end,
        )
        return advanced.person, said

    def _leave(
        self, person: Person, answer: IdentityNotice, arrived: Sequence[Arrived], at: datetime, *, again: bool
    ) -> Outcome:
        """Send a person on to their successor; `again`: whoever was told has been made to forget it (23)."""
        forwarding, moved = self._mover.leave(person, answer, arrived, at, forgotten=again)
        state, write = self._mover.forwarding(person.number.key, forwarding)
        return forwarding, Said(writes=(write, *moved), told=(), state=state, chain=self.end)

    def _keep(self, key: bytes, held: Holding, said: Said) -> None:
        """Take over what is held under a key, as said; for a number not in use visits wait in the log."""
        self.end = said.chain
        if said.state is not None:
            self.people[key] = said.state
            if not isinstance(held, Shut):
                for index in self.indexes.values():
                    index.drop(key)
        if isinstance(held, Person):
            self._recent.remember(key, held)
        else:
            self._recent.forget(key)
