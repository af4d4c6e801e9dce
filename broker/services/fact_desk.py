"""
Facts that an operator puts in by hand: what the demographic source said of a number or its person, that a
pregnancy ended, births, views of a person, who must not see one, whose a visit is, and that nobody heard how
it ended.

Audited first, validated before that, and answered only once Kafka has acknowledged. The same fact put in
twice is one fact, its id being derived from what it says; two dates of birth merely say the same. What only
a matcher may write cannot be put in here.
"""

from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta

from broker.core.errors import InvalidFact
from broker.core.facts import Access, Birth, Fact, IdentityKind, IdentityNotice
from broker.core.identifiers import NhsNumber, OdsCode, aware, to_the_minute
from broker.core.keyed import IdentityKey, user_reference
from broker.core.newborn_links import birth_id, named_by_notice
from broker.core.number_answers import notice_of
from broker.core.number_ranges import Takes, Taking, takes_any
from broker.core.operators import YET_UNWRITTEN, ActionKind, Grounds, Place
from broker.ports import Clock, FactLog
from broker.services.births import BABY_AGE_MAX
from broker.services.desk_log import SOURCE, DeskLog
from broker.services.fact_writes import fact_write
from broker.services.finding import VisitAsked
from broker.services.worklist_desk import Work
from broker.wire.facts_codec import FactCodec, topic_of

BY_HAND = (
    IdentityKind.RESTRICTED,
    IdentityKind.SUPERSEDED,
    IdentityKind.NUMBER_CHANGE,
    IdentityKind.IN_USE,
    IdentityKind.BIRTH_DATE,
    IdentityKind.PREGNANCY_ENDED,
    IdentityKind.STILLBIRTH_TAKEN_BACK,
    IdentityKind.TIME_PASSED,
)
"""
What may be said of a number or its person by hand.

That a number is invalidated, or a restriction lifted, is taken from the source alone (rulings 23, 24).
"""

OF_VISITS = (IdentityKind.NO_OUTCOME, IdentityKind.UNOPENED, IdentityKind.OPENED)
"""What may be said by hand of a visit that is named as its hospital names it."""

_ACTIONS = {
    IdentityKind.CONFIRMED: ActionKind.CONFIRMED,
    IdentityKind.REFUSED: ActionKind.REFUSED,
    IdentityKind.UNSETTLED: ActionKind.ADDED,
}
"""What somebody does who says this of a visit."""

WORDS_CHARACTERS_MAX = 200
"""Room for the name of an organisation, a role or a person."""

_AHEAD_MAX = timedelta(hours=24)  # rulings, Time
_FIRST_TIME = datetime(1900, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Added:
    """A fact that is durable: its id, and the input that it lies in."""

    fact_id: str
    topic: str


@dataclass(frozen=True, slots=True, kw_only=True)
class User:
    """
    Somebody who looked: by name, and by the organisation's own id for them, None where it is not known.

    By the id an excluded person is known (ruling 48).
    """

    name: str = field(repr=False)
    own_id: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Word:
    """What is said of one visit (`ABOUT_A_VISIT`), by its reference; `at` is when, aware, None for now."""

    kind: IdentityKind
    visit: str
    at: datetime | None = None


class FactDesk:
    """Adds facts. Every method raises `InvalidFact`, and `KafkaUnavailable`: then doing it again is safe."""

    def __init__(
        self,
        facts: FactLog,
        codec: FactCodec,
        log: DeskLog,
        *,
        key: IdentityKey,
        clock: Clock,
        takes: Takes = takes_any,
        organisation: OdsCode | None = None,
    ) -> None:
        """
        Write to `facts`; `log` takes it down first, ids are derived under `key`.

        `takes` says which numbers have a place here (ruling 27), `organisation` whose desk it is.
        """
        self._facts = facts
        self._codec = codec
        self._log = log
        self._key = key
        self._clock = clock
        self._takes = takes
        self._organisation = organisation

    async def add_notice(
        self,
        number: NhsNumber,
        kind: IdentityKind,
        *,
        recorded_at: datetime,
        successor: NhsNumber | None = None,
        born: date | None = None,
        grounds: Grounds,
    ) -> Added:
        """
        Put in what was said of a number or its person, at its source's own time (ruling 37).

        The demographic source says it; that a pregnancy ended is the authority's word (ruling 43).
        """
        if kind not in BY_HAND:
            raise InvalidFact("this is taken from the demographic source alone, never by hand")
        if successor == number:
            raise InvalidFact("a number is not its own successor")
        now = self._clock()
        recorded_at = _plausible("time at which the source recorded it", recorded_at, now)
        if born is not None and not _FIRST_TIME.date() <= born <= now.date():
            raise InvalidFact("the date of birth is before 1900, or to come")
        notice = notice_of(number, kind, recorded_at, aware(now), self._key, successor=successor, born=born)
        return await self._add(number, notice, notice.notice_id, kind.value, grounds)

    async def add_view(
        self,
        number: NhsNumber,
        *,
        organisation: OdsCode,
        organisation_name: str,
        role: str,
        user: User,
        unscheduled: bool,
        accessed_at: datetime,
        grounds: Grounds,
    ) -> Added:
        """Put in that somebody looked a person up (ruling 1, R54), as recorded when it happened."""
        now = self._clock()
        accessed_at = _plausible("time of the view", accessed_at, now)
        words = [
            line_of_text(what, text)
            for what, text in (
                ("name of the organisation", organisation_name),
                ("role", role),
                ("name of the user", user.name),
            )
        ]
        access_id = self._key.derive(
            "view", number.key, organisation.code, accessed_at.isoformat(), str(unscheduled), *words
        )
        view = Access(
            access_id=access_id,
            organisation=organisation,
            organisation_name=words[0],
            role=words[1],
            user_name=words[2],
            user=None if user.own_id is None else self._user(organisation, user.own_id),
            unscheduled=unscheduled,
            accessed_at=accessed_at,
            recorded_at=accessed_at,
            received_at=aware(now),
        )
        return await self._add(number, view, access_id, "view" if unscheduled else "silent view", grounds)

    async def add_exclusion(
        self,
        number: NhsNumber,
        *,
        organisation: OdsCode,
        user_id: str,
        named_by: OdsCode,
        grounds: Grounds,
        ended: bool = False,
    ) -> Added:
        """
        Put in that a user of an organisation, by its own id, must not see a person; or, `ended`, no longer.

        `named_by` is whose word it is, and takes back its own alone (ruling 48). Raises `InvalidFact` for the
        word of another organisation than the desk's, where that is known.
        """
        if self._organisation not in {None, named_by}:
            raise InvalidFact("this desk speaks for another organisation")
        user = self._user(organisation, user_id)
        now = aware(self._clock())
        kind = IdentityKind.EXCLUSION_ENDED if ended else IdentityKind.EXCLUDED
        notice = IdentityNotice(
            notice_id=self._key.derive("exclusion", number.key, user, named_by.code, kind, now.isoformat()),
            kind=kind,
            user=user,
            named_by=named_by,
            recorded_at=now,
            received_at=now,
        )
        return await self._add(number, notice, notice.notice_id, notice.kind.value, grounds)

    async def add_word(self, number: NhsNumber, word: Word, work: Work, grounds: Grounds) -> Added:
        """Put in what a person or a timer says of the visit that an item is about (ruling 46)."""
        now = aware(self._clock())
        at = _plausible("time of the word", word.at or now, now)
        notice = IdentityNotice(
            notice_id=self._key.derive("word", number.key, word.kind, word.visit, at.isoformat()),
            kind=word.kind,
            visit=word.visit,
            recorded_at=at,
            received_at=now,
        )
        kind = _ACTIONS[word.kind]
        await self._log.audit(kind, work.item.item_id, work.place, grounds, outcome=word.kind.value)
        await self._facts.append([fact_write(self._codec, notice, number, notice.notice_id, SOURCE)])
        return Added(fact_id=notice.notice_id, topic=topic_of(notice))

    async def add_of_visit(
        self,
        number: NhsNumber,
        kind: IdentityKind,
        asked: VisitAsked,
        *,
        system: str,
        at: datetime,
        grounds: Grounds,
    ) -> Added:
        """
        Put in what had become by a time of a visit that a system told, a word of `OF_VISITS`.

        That nothing had been heard of its end (ruling 7), that an authority had not opened what it was told
        of it, or that all had (45).
        """
        if kind not in OF_VISITS:
            raise InvalidFact("this is not said of a visit by its name")
        now, visit = self._clock(), asked.reference(number, system, self._key)
        at = _plausible("time of the word", at, now)
        notice = IdentityNotice(
            notice_id=self._key.derive("word", number.key, kind, visit, at.isoformat()),
            kind=kind,
            visit=visit,
            recorded_at=at,
            received_at=aware(now),
        )
        return await self._add(number, notice, notice.notice_id, kind.value, grounds)

    async def add_birth(
        self, mother: NhsNumber, *, baby: NhsNumber, born: date, recorded_at: datetime, grounds: Grounds
    ) -> Added:
        """
        Put in a birth notice: whose child a baby is, and when it was born; twice is once (ruling 26).

        A notice that corrects it ends it as any other, whichever way that comes.
        """
        if baby == mother:
            raise InvalidFact("nobody is a child of their own")
        now = self._clock()
        recorded_at = _plausible("time at which the source recorded it", recorded_at, now)
        if not recorded_at.date() - BABY_AGE_MAX <= born <= now.date():
            raise InvalidFact("the date of birth is not that of a baby")
        birth = Birth(
            birth_id="",
            baby=baby,
            born=born,
            named=named_by_notice(self._key, baby, mother),
            recorded_at=recorded_at,
            received_at=to_the_minute(aware(now)),
        )
        birth = replace(birth, birth_id=birth_id(self._key, mother, birth))
        # that of its sealed bytes: no id of the trail may be tried against a mother's and a baby's number
        fact_id = self._key.derive("birth", self._codec.encode(birth, mother))
        return await self._add(mother, birth, fact_id, "birth", grounds)

    def _user(self, organisation: OdsCode, user_id: str) -> str:
        """Return the reference of a user."""
        return user_reference(self._key, organisation, line_of_text("id of the user", user_id))

    async def _add(self, number: NhsNumber, fact: Fact, fact_id: str, what: str, grounds: Grounds) -> Added:
        """Take a fact down in the audit trail, then make it durable."""
        successor = fact.successor if isinstance(fact, IdentityNotice) else None
        baby = fact.baby if isinstance(fact, Birth) else None
        for one in (number, successor, baby):
            if one is not None and self._takes(one, None) is Taking.REFUSED:
                raise InvalidFact("this deployment is for tests, and takes numbers kept for tests alone")
        topic = topic_of(fact)
        write = fact_write(self._codec, fact, number, fact_id, SOURCE)
        place = Place(topic=topic, partition=YET_UNWRITTEN, offset=YET_UNWRITTEN)
        await self._log.audit(ActionKind.ADDED, fact_id, place, grounds, outcome=what)
        await self._facts.append([write])
        return Added(fact_id=fact_id, topic=topic)


def _plausible(what: str, at: datetime, now: datetime) -> datetime:
    """Return a time in UTC; raise `InvalidFact` for one before 1900 or more than a day ahead."""
    at = aware(at)
    if at < _FIRST_TIME:
        raise InvalidFact(f"the {what} is before 1900")
    if at > now + _AHEAD_MAX:
        raise InvalidFact(f"the {what} is more than 24 hours ahead")
    return at


def line_of_text(what: str, text: str) -> str:
    """Return a text without surrounding blanks; raise `InvalidFact` without repeating it."""
    text = text.strip()
    if not text:
        raise InvalidFact(f"the {what} is missing")
    if len(text) > WORDS_CHARACTERS_MAX:
        raise InvalidFact(f"the {what} is longer than {WORDS_CHARACTERS_MAX} characters")
    if not text.isprintable():
        raise InvalidFact(f"the {what} holds control characters")
    return text
