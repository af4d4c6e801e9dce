"""
The simulator's HTTP: a token, a person by number, an exact search, and faults on demand.

Nothing is logged: a number stands in the address. It listens on this machine unless told otherwise.
"""

import asyncio
import uuid
from collections import defaultdict, deque
from collections.abc import Callable, Sequence
from datetime import date, datetime
from email.utils import format_datetime
from enum import StrEnum
from http import HTTPStatus

from aiohttp import web
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from broker.adapters.pds_simulator.access import Access
from broker.adapters.pds_simulator.people import Population, Synthetic
from broker.adapters.pds_simulator.resources import outcome, patient, searchset
from broker.adapters.pds_token import ASSERTION_TYPE
from broker.core.errors import InvalidNhsNumber
from broker.core.identifiers import NhsNumber
from broker.wire.pds import INVALIDATED, NOT_FOUND, TOO_MANY

BASE_PATH = "/personal-demographics/FHIR/R4"
TOKEN_PATH = "/oauth2/token"  # noqa: S105 - an address

_FHIR = "application/fhir+json"
_FOUND_MAX = 50
_SLOW_SECONDS = 3_600.0  # longer than anybody waits
_STOP_SECONDS = 0.1  # who waits for a slow answer waits for nothing


class Fault(StrEnum):
    """What may be wrong with the next answers."""

    BUSY = "busy"
    FAILS = "fails"
    SLOW = "slow"
    EXPIRED = "expired"
    GATEWAY = "gateway"
    """A page of something in between, with the status that an answer about nobody has."""
    PUZZLING = "puzzling"
    """An answer of its own that says nothing of the person."""
    CUT_OFF = "cut off"


class PdsSimulator:
    """
    The people of `population`, asked over HTTP by one application with these keys, by their ids.

    `asked` are the ids of the questions that came, in their order, `tokens` how many tokens were given out.
    """

    def __init__(
        self,
        population: Population,
        application_id: str,
        keys: dict[str, RSAPublicKey],
        *,
        clock: Callable[[], datetime],
        host: str = "127.0.0.1",
        port: int = 0,
        token_seconds: int = 599,
        retry_after: int = 1,
    ) -> None:
        """Listen to nothing yet; port 0 takes a free one."""
        self.people = dict(population.people)
        self.superseded = dict(population.superseded)
        self.invalidated = set(population.invalidated)
        self.asked: list[str] = []
        self.tokens = 0
        self._access = Access(application_id, keys, clock=clock, token_seconds=token_seconds)
        self._token_seconds = token_seconds
        self._retry_after = retry_after
        self._clock = clock
        self._host = host
        self._port = port
        self._faults: deque[Fault] = deque()
        self._lasting: Fault | None = None
        self._index: dict[tuple[str, date], list[Synthetic]] | None = None
        self._runner: web.AppRunner | None = None

    @property
    def url(self) -> str:
        """Where people are asked about."""
        return f"http://{self._host}:{self._port}{BASE_PATH}"

    @property
    def token_url(self) -> str:
        """Where a token is had."""
        return f"http://{self._host}:{self._port}{TOKEN_PATH}"

    async def start(self) -> None:
        """Listen; raise `OSError` where the address cannot be had."""
        app = web.Application()
        app.router.add_post(TOKEN_PATH, self._token)
        app.router.add_get(f"{BASE_PATH}/Patient", self._search)
        app.router.add_get(f"{BASE_PATH}/Patient/{{number}}", self._get)
        app.on_response_prepare.append(self._date)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=_STOP_SECONDS)
        await self._runner.setup()
        site = web.TCPSite(self._runner, self._host, self._port)
        await site.start()
        self._port = self._runner.addresses[0][1]

    async def stop(self) -> None:
        """Listen no more."""
        if self._runner is not None:
            await self._runner.cleanup()

    def put(self, person: Synthetic) -> None:
        """Let somebody be known, and their number be in use, from now on."""
        self.people[person.number] = person
        self.superseded.pop(person.number, None)
        self.invalidated.discard(person.number)
        self._index = None

    def supersede(self, number: NhsNumber, successor: NhsNumber) -> None:
        """Let a number have been replaced by another from now on (R35)."""
        self.superseded[number] = successor
        self._index = None

    def invalidate(self, number: NhsNumber) -> None:
        """Let a number not be in use any more (R36)."""
        self.invalidated.add(number)
        self._index = None

    def fail(self, *faults: Fault, lasting: Fault | None = None) -> None:
        """Have the next answers be at fault, one fault each, and all after them by `lasting`."""
        self._faults.extend(faults)
        self._lasting = lasting

    async def _date(self, _request: web.Request, response: web.StreamResponse) -> None:
        """Say when an answer was made, by our clock."""
        response.headers["Date"] = format_datetime(self._clock(), usegmt=True)

    async def _token(self, request: web.Request) -> web.Response:
        """Give out a token for a signed statement."""
        form = await request.post()
        said = (form.get("grant_type"), form.get("client_assertion_type"))
        statement = form.get("client_assertion")
        token = None
        if said == ("client_credentials", ASSERTION_TYPE) and isinstance(statement, str):
            token = self._access.admit(statement, self.token_url)
        if token is None:
            return web.json_response({"error": "invalid_request"}, status=HTTPStatus.BAD_REQUEST)
        self.tokens += 1
        return web.json_response(
            {"access_token": token, "expires_in": str(self._token_seconds), "token_type": "Bearer"}
        )

    async def _get(self, request: web.Request) -> web.StreamResponse:
        """Answer about a number."""
        at_fault = await self._at_fault(request)
        if at_fault is not None:
            return at_fault
        try:
            number = NhsNumber(request.match_info["number"])
        except InvalidNhsNumber:
            return _refuse(request, HTTPStatus.BAD_REQUEST, "INVALID_RESOURCE_ID", "Resource Id is invalid")
        if number in self.invalidated:
            return _refuse(
                request, HTTPStatus.NOT_FOUND, INVALIDATED, "Resource that has been marked as invalid"
            )
        person = self.people.get(self.superseded.get(number, number))
        if person is None:
            return _refuse(request, HTTPStatus.NOT_FOUND, NOT_FOUND, "Resource not found")
        return _answer(request, patient(person), headers={"ETag": 'W/"2"'})

    async def _search(self, request: web.Request) -> web.StreamResponse:
        """Answer who has exactly these details."""
        at_fault = await self._at_fault(request)
        if at_fault is not None:
            return at_fault
        query = request.query
        family, given = query.get("family", ""), query.getall("given", [])
        try:
            born = date.fromisoformat(query.get("birthdate", "").removeprefix("eq"))
        except ValueError:
            return _refuse(request, HTTPStatus.BAD_REQUEST, "INVALID_SEARCH_DATA", "Search data is invalid")
        if not family or query.get("_exact-match") != "true":
            return _refuse(request, HTTPStatus.BAD_REQUEST, "MISSING_VALUE", "Required value is missing")
        wanted = [name.casefold() for name in given]
        found = [
            person
            for person in self._named(family, born)
            if [name.casefold() for name in person.given[: len(wanted)]] == wanted
            and query.get("gender", person.gender) == person.gender
        ]
        if len(found) > min(int(query.get("_max-results", _FOUND_MAX)), _FOUND_MAX):
            return _answer(request, outcome(TOO_MANY, "Too Many Matches"))
        return _answer(request, searchset(found))

    def _named(self, family: str, born: date) -> Sequence[Synthetic]:
        """Return who has a family name and a day of birth."""
        if self._index is None:
            index: dict[tuple[str, date], list[Synthetic]] = defaultdict(list)
            for number, person in self.people.items():
                in_use = number not in self.invalidated and number not in self.superseded
                if in_use and person.family is not None and person.born is not None:
                    index[person.family.casefold(), person.born].append(person)
            self._index = index
        return self._index.get((family.casefold(), born), [])

    async def _at_fault(self, request: web.Request) -> web.StreamResponse | None:
        """Return the answer to a request that is refused, by its own fault or by ours; None for any other."""
        fault = self._faults.popleft() if self._faults else self._lasting
        question = request.headers.get("X-Request-ID", "")
        self.asked.append(question)
        match fault:
            case Fault.BUSY:
                again = {"Retry-After": str(self._retry_after)}
                status, code = HTTPStatus.TOO_MANY_REQUESTS, "TOO_MANY_REQUESTS"
                return _refuse(request, status, code, "Too many requests", headers=again)
            case Fault.FAILS:
                status = HTTPStatus.SERVICE_UNAVAILABLE
                return _refuse(request, status, "SERVICE_UNAVAILABLE", "Service unavailable")
            case Fault.SLOW:
                await asyncio.sleep(_SLOW_SECONDS)
            case Fault.EXPIRED:
                self._access.forget()
            case Fault.GATEWAY | Fault.PUZZLING:
                return _no_answer(fault)
            case Fault.CUT_OFF:
                if request.transport is not None:
                    request.transport.abort()
        if not self._access.is_in(request.headers.get("Authorization", "").removeprefix("Bearer ")):
            return _refuse(request, HTTPStatus.UNAUTHORIZED, "ACCESS_DENIED", "Access Token has expired")
        try:
            uuid.UUID(question)
        except ValueError:
            return _refuse(request, HTTPStatus.BAD_REQUEST, "INVALID_VALUE", "X-Request-ID is no UUID")
        return None


def _answer(
    request: web.Request,
    document: dict[str, object],
    *,
    status: HTTPStatus = HTTPStatus.OK,
    headers: dict[str, str] | None = None,
) -> web.Response:
    """Return a document as FHIR, with the ids of its request."""
    names = ("X-Request-ID", "X-Correlation-ID")
    mirrored = {name: request.headers[name] for name in names if name in request.headers}
    return web.json_response(
        document, status=status, headers={**mirrored, **(headers or {})}, content_type=_FHIR
    )


def _no_answer(fault: Fault) -> web.Response:
    """Return what is no answer about anybody: a gateway's page, or a Patient without anything."""
    if fault is Fault.GATEWAY:
        return web.Response(text="<html>not found</html>", status=404, content_type="text/html")
    return web.json_response({"resourceType": "Patient"}, content_type=_FHIR)


def _refuse(
    request: web.Request,
    status: HTTPStatus,
    code: str,
    words: str,
    *,
    headers: dict[str, str] | None = None,
) -> web.Response:
    """Return an outcome."""
    return _answer(request, outcome(code, words), status=status, headers=headers)
