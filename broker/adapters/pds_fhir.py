"""
A demographic source that speaks the PDS FHIR R4 API, over HTTP with application-restricted access.

Knows how it is asked: with a token, with one `X-Request-ID` for a question however often it is sent, not
faster than agreed, not while it fails, and within a deadline. What its answers mean `broker.wire.pds` knows.
An NHS number stands in the address by the nature of this API: no error and no log repeats an address.
"""

import asyncio
import random
import time
import uuid
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from http import HTTPStatus
from typing import TypeVar

from broker.adapters.pds_address import PdsAddress
from broker.adapters.pds_http import Answered, PdsHttp, Unanswered
from broker.adapters.pds_token import PdsTokens
from broker.core.demographics import NoMatch, NumberAnswer, SearchAnswer
from broker.core.errors import DemographicsUnavailable, MalformedMessage
from broker.core.facts import Details
from broker.core.identifiers import NhsNumber, aware
from broker.core.source_errors import DemographicsUnreadable
from broker.core.source_pace import FAILURES_MAX, Gate, Trouble, asked, failed, may_ask, resend_after, reserve
from broker.ports import Clock
from broker.wire.http_times import made_at
from broker.wire.pds import Reply, is_of_the_service, read_found, read_number, search_terms

T = TypeVar("T")

_ACCEPT = "application/fhir+json"
_BURST = 5  # a file or a busy minute begins with some at once
_ATTEMPT_SHARE = 0.6  # of what is left: a lost answer leaves time to ask once more
_BUSY = frozenset({HTTPStatus.TOO_EARLY, HTTPStatus.TOO_MANY_REQUESTS})
_FAILS = frozenset({HTTPStatus.REQUEST_TIMEOUT, *(status for status in HTTPStatus if status >= 500)})  # noqa: PLR2004


@dataclass(frozen=True, slots=True, kw_only=True)
class PdsWatch:
    """
    Who is told what.

    `answered` of each question, what kept it from an answer, None for nothing, and how many seconds it took;
    `away` when the source is left alone for its failures, with the last of them, and of None when it
    answers again.
    """

    answered: Callable[[Trouble | None, float], None] = lambda _trouble, _seconds: None
    away: Callable[[Trouble | None], None] = lambda _trouble: None


class PdsFhir:
    """
    A `Demographics` over the PDS FHIR R4 API. The stamp of an answer is its `Date`, when it was made.

    It never says that a protection was lifted: that a person is unrestricted there says nothing of what
    others marked (ruling 24). Give it back by `close`.
    """

    def __init__(
        self,
        address: PdsAddress,
        *,
        clock: Clock,
        watch: PdsWatch | None = None,
        steady: Callable[[], float] = time.monotonic,
        chance: Callable[[], float] = random.random,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        """Connect to nothing yet; `clock` tells when, `steady` how long, `sleep` lets seconds of it pass."""
        self._address = address
        self._http = PdsHttp(address.tls)
        self._tokens = PdsTokens(address, self._http, clock=clock, steady=steady)
        self._clock = clock
        self._watch = watch or PdsWatch()
        self._steady = steady
        self._chance = chance
        self._sleep = sleep
        self._gate = Gate()
        self._news = asyncio.Event()
        self._due = 0.0
        self._away = False

    async def get(self, number: NhsNumber) -> NumberAnswer:
        """Return what the source says of a number; raise `DemographicsUnavailable`."""
        return await self._ask(
            f"Patient/{number.digits}", (), lambda reply, at: read_number(reply, number, at)
        )

    async def search(self, details: Details) -> SearchAnswer:
        """Return whether exactly one person has these details; raise `DemographicsUnavailable`."""
        terms = search_terms(details)
        if terms is None:
            return NoMatch()
        return await self._ask("Patient", terms, lambda reply, at: read_found(reply, details, at))

    async def close(self) -> None:
        """Give the connections back; safe to call twice."""
        await self._http.close()

    async def _ask(
        self, path: str, params: Sequence[tuple[str, str]], read: Callable[[Reply, datetime], T]
    ) -> T:
        """Ask one question until it is answered or its time is over; tell how it went."""
        begun = self._steady()
        trouble: Trouble | None = Trouble.NO_ANSWER  # where who asked waits no longer
        try:
            answered = await self._answer(path, params, begun + self._address.deadline_seconds)
            said = read(answered.reply, made_at(answered.date, aware(self._clock())))
            trouble = None
        except Unanswered as error:
            trouble = error.trouble
            raise DemographicsUnavailable(f"The demographic source does not answer: {trouble}.") from None
        except MalformedMessage as error:
            trouble = Trouble.UNREADABLE
            raise DemographicsUnreadable(f"An answer of the demographic source: {error.reason}.") from None
        else:
            return said
        finally:
            self._watch.answered(trouble, self._steady() - begun)

    async def _answer(self, path: str, params: Sequence[tuple[str, str]], ends: float) -> Answered:
        """Send a question, more than once where that may help, with one id; raise `Unanswered`."""
        headers = {
            "Accept": _ACCEPT,
            "X-Request-ID": str(uuid.uuid4()),
            "X-Correlation-ID": str(uuid.uuid4()),
        }
        if self._address.organisation is not None:
            headers["NHSD-End-User-Organisation-ODS"] = self._address.organisation
        resends = 0
        while True:
            await self._turn(ends)
            try:
                answered = await self._attempt(path, params, headers, ends)
            except Unanswered as error:
                self._failed(error.trouble, error.wait)
                left_alone = max((self._gate.shut_until or 0) - self._steady(), error.wait, 0)
                left = ends - self._steady()
                pause = resend_after(resends, chance=self._chance(), wait=left_alone, left=left)
                if pause is None or error.trouble in {Trouble.NOT_ADMITTED, Trouble.UNREADABLE}:
                    raise
                await self._sleep(pause)
                resends += 1
            except BaseException:  # who asked waits no longer: the source has not answered
                self._failed(Trouble.NO_ANSWER)
                raise
            else:
                self._went(Gate())
                self._tell_away(None)
                return answered

    async def _turn(self, ends: float) -> None:
        """Wait until a question may be asked, and count it as asked; raise `Unanswered` if that is late."""
        now = self._steady()
        due, wait = reserve(self._due, now, per_second=self._address.per_second, burst=_BURST)
        begins = max(now + wait, self._gate.shut_until or now)
        if begins >= ends:
            raise Unanswered(Trouble.LEFT_ALONE if now + wait < ends else Trouble.OVER_RATE)
        self._due = due
        await self._sleep(begins - now)
        while not may_ask(self._gate, max(begins, self._steady())):  # a sleep may end a trifle early
            begins = await self._decided(ends)
        self._gate = asked(self._gate)

    async def _decided(self, ends: float) -> float:
        """Wait for what becomes of the probe; return from when on to go by it, raise `Unanswered` if late."""
        now = self._steady()
        until = self._gate.shut_until or now
        if until >= ends:
            raise Unanswered(Trouble.LEFT_ALONE)
        if until > now:
            await self._sleep(until - now)
            return until
        try:
            async with asyncio.timeout(ends - now):
                await self._news.wait()
        except TimeoutError:
            raise Unanswered(Trouble.LEFT_ALONE) from None
        return self._steady()

    async def _attempt(
        self, path: str, params: Sequence[tuple[str, str]], headers: dict[str, str], ends: float
    ) -> Answered:
        """Send a question once, or twice where the first token is not taken any more."""
        for is_last in (False, True):
            token = await self._tokens.token(ends - self._steady())
            answered = await self._http.request(
                "GET",
                f"{self._address.url}/{path}",
                params=params,
                headers={**headers, "Authorization": f"Bearer {token}"},
                seconds=max((ends - self._steady()) * _ATTEMPT_SHARE, 0.001),
            )
            status = answered.reply.status
            if status != HTTPStatus.UNAUTHORIZED or is_last:
                break
            self._tokens.refused(token)
        if status in {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}:
            raise Unanswered(Trouble.NOT_ADMITTED)
        if status in _BUSY:
            raise Unanswered(Trouble.BUSY, answered.wait)
        if status in _FAILS:
            raise Unanswered(Trouble.FAILS, answered.wait)
        if not is_of_the_service(answered.reply):
            raise Unanswered(Trouble.ANOTHER, answered.wait)
        return answered

    def _failed(self, trouble: Trouble, wait: float = 0) -> None:
        """Note a failure."""
        self._went(failed(self._gate, self._steady(), chance=self._chance(), wait=wait))
        if self._gate.failures >= FAILURES_MAX:
            self._tell_away(trouble)

    def _went(self, gate: Gate) -> None:
        """Go by what became of a question, and let those know who wait for it."""
        self._gate = gate
        self._news.set()
        self._news = asyncio.Event()

    def _tell_away(self, trouble: Trouble | None) -> None:
        """Tell that the source is away, or back, once each."""
        away = trouble is not None
        if away != self._away:
            self._away = away
            self._watch.away(trouble)
