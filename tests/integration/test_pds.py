"""The PDS FHIR API over a socket, and how it is asked: access, ids, what is sent again, being left alone."""

import asyncio
import json
import traceback
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from datetime import date, timedelta
from time import monotonic
from types import MappingProxyType

import pytest
from aiohttp import ClientSession, web
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key

from broker.adapters.pds_fhir import PdsFhir, PdsWatch
from broker.adapters.pds_simulator.people import Synthetic, population
from broker.adapters.pds_simulator.server import Fault
from broker.adapters.pds_token import ASSERTION_TYPE
from broker.adapters.signed_jwt import sign_jwt
from broker.core.delivery import PAUSE_MAX
from broker.core.demographics import Current, NumberAnswer, SupersededBy
from broker.core.errors import DemographicsUnavailable
from broker.core.facts import Details
from broker.core.identifiers import NhsNumber
from broker.core.source_errors import DemographicsUnreadable
from broker.core.source_pace import FAILURES_MAX, Trouble
from tests.builders.pds import APPLICATION, AT, KEY_ID, NOBODY, SimulatorThread, signing_key, simulating

ROBIN = NhsNumber("9990000018")
DETAILS = Details(family="Sample", given="Robin", birth_date=date(2014, 4, 12))
IN_USE = Current(details=DETAILS, recorded_at=AT)
PATIENCE = 20.0
"""Seconds: a machine that is busy must not fail a question that is answered."""


class Heard:
    """A watch that keeps what it is told."""

    def __init__(self) -> None:
        self.troubles: list[Trouble | None] = []
        self.away: list[Trouble | None] = []

    def watch(self) -> PdsWatch:
        """Return the watch."""
        return PdsWatch(
            answered=lambda trouble, _seconds: self.troubles.append(trouble), away=self.away.append
        )


class PassingTime:
    """A steady clock that moves when somebody sleeps by it, at once."""

    def __init__(self) -> None:
        self.now = 0.0

    def steady(self) -> float:
        """Return how late it is, in seconds."""
        return self.now

    async def sleep(self, seconds: float) -> None:
        """Let so many seconds pass, and everybody else have a turn."""
        self.now += seconds
        await asyncio.sleep(0)


def asking(
    service: SimulatorThread,
    scenario: Callable[[PdsFhir], Awaitable[None]],
    *,
    heard: Heard | None = None,
    seconds: float = PATIENCE,
    time: PassingTime | None = None,
    more: Mapping[str, object] = MappingProxyType({}),
) -> None:
    """Play a scenario with one source for all its questions."""

    async def played() -> None:
        """Play it."""
        address = service.address(deadline_seconds=seconds, **more)
        source = PdsFhir(
            address,
            clock=lambda: AT,
            watch=(heard or Heard()).watch(),
            chance=lambda: 1.0,
            steady=monotonic if time is None else time.steady,
            sleep=asyncio.sleep if time is None else time.sleep,
        )
        try:
            await scenario(source)
        finally:
            await source.close()

    asyncio.run(played())


def test_one_token_serves_many_questions_and_each_has_an_id_of_its_own() -> None:
    """Also many at once wait for one and the same token."""

    async def scenario(source: PdsFhir) -> None:
        """Ask ten times, some at once."""
        await asyncio.gather(*(source.get(ROBIN) for _ in range(5)))
        for _ in range(5):
            await source.search(DETAILS)

    with simulating() as service:
        service.put(ROBIN, IN_USE)
        asking(service, scenario)

        assert 1 == service.simulator.tokens
        assert 10 == len(set(service.simulator.asked))


@pytest.mark.parametrize("fault", [Fault.BUSY, Fault.FAILS, Fault.CUT_OFF, Fault.EXPIRED])
def test_a_question_that_fails_is_sent_again_under_its_id(fault: Fault) -> None:
    """The source knows by it that it is the same question (peers.md 8.4)."""
    heard, answers = Heard(), []

    async def scenario(source: PdsFhir) -> None:
        """Ask once."""
        answers.append(await source.get(ROBIN))

    with simulating(retry_after=0) as service:
        service.put(ROBIN, IN_USE)
        service.simulator.fail(fault)
        asking(service, scenario, heard=heard)

        assert [IN_USE] == answers
        assert (2, 1) == (len(service.simulator.asked), len(set(service.simulator.asked)))
        assert (2 if fault is Fault.EXPIRED else 1) == service.simulator.tokens
    assert [None] == heard.troubles


def test_a_source_that_asks_to_wait_is_waited_for_by_all_who_ask() -> None:
    """One question goes ahead and the others wait for what becomes of it: no file fails for one `429`."""
    answers = []

    async def scenario(source: PdsFhir) -> None:
        """Ask many at once, of which one is told to wait."""
        answers.extend(await asyncio.gather(*(source.get(ROBIN) for _ in range(8))))
        service.simulator.fail(Fault.BUSY)
        asked = [source.get(ROBIN) for _ in range(16)]
        answers.extend(await asyncio.gather(*asked))

    with simulating(retry_after=1) as service:
        service.put(ROBIN, IN_USE)
        asking(service, scenario, more={"per_second": 40})

    assert [IN_USE] * 24 == answers


def test_an_answer_that_does_not_come_is_not_waited_for_until_the_end() -> None:
    """So that there is time to ask once more within the deadline."""
    answers = []

    async def scenario(source: PdsFhir) -> None:
        """Ask once."""
        answers.append(await source.get(ROBIN))

    with simulating() as service:
        service.put(ROBIN, IN_USE)
        service.simulator.fail(Fault.SLOW)
        asking(service, scenario, seconds=5.0)

        assert ([IN_USE], 2) == (answers, len(service.simulator.asked))


@pytest.mark.parametrize(
    ("fault", "trouble"),
    [
        (Fault.BUSY, Trouble.BUSY),
        (Fault.FAILS, Trouble.FAILS),
        (Fault.SLOW, Trouble.NO_ANSWER),
        (Fault.CUT_OFF, Trouble.CUT_OFF),
        (Fault.EXPIRED, Trouble.NOT_ADMITTED),
    ],
)
def test_a_source_that_goes_on_failing_is_unavailable(fault: Fault, trouble: Trouble) -> None:
    """Each failure is one error, with a reason of ours; none is an answer (rulings 38, 41)."""
    heard = Heard()

    async def scenario(source: PdsFhir) -> None:
        """Ask once, and look at everything that the error shows."""
        with pytest.raises(DemographicsUnavailable) as failure:
            await source.get(ROBIN)
        shown = "".join(traceback.format_exception(failure.value))
        assert trouble.value in shown
        assert ROBIN.digits not in shown

    with simulating(retry_after=60) as service:
        service.put(ROBIN, IN_USE)
        service.simulator.fail(lasting=fault)
        if fault is Fault.SLOW:
            asking(service, scenario, heard=heard, seconds=1.0)
        else:  # each answer comes however busy the machine is, and nobody waits between two
            asking(service, scenario, heard=heard, time=PassingTime())

    assert [trouble] == heard.troubles


@pytest.mark.parametrize(
    ("fault", "trouble"), [(Fault.FAILS, Trouble.FAILS), (Fault.GATEWAY, Trouble.ANOTHER)]
)
def test_a_source_that_fails_is_left_alone_then_asked_once(fault: Fault, trouble: Trouble) -> None:
    """
    It hears nothing more of us until a moment has passed; being away, and back, is told once each.

    So it is where something in between answers in its place: its page is no word about anybody.
    """
    heard, time = Heard(), PassingTime()

    async def scenario(source: PdsFhir) -> None:
        """Ask until nothing is sent any more, then while it is left alone, then a moment later."""
        sent = -1
        while sent < len(service.simulator.asked):
            sent = len(service.simulator.asked)
            with pytest.raises(DemographicsUnavailable) as failure:
                await source.get(ROBIN)
            assert not isinstance(failure.value, DemographicsUnreadable)
        service.simulator.fail()
        with pytest.raises(DemographicsUnavailable):
            await source.get(ROBIN)
        assert sent == len(service.simulator.asked)
        await time.sleep(PAUSE_MAX.total_seconds())
        assert IN_USE == await source.get(ROBIN)
        assert sent + 1 == len(service.simulator.asked)

    with simulating() as service:
        service.put(ROBIN, IN_USE)
        service.simulator.fail(lasting=fault)
        asking(service, scenario, heard=heard, seconds=1.0, time=time)

        assert FAILURES_MAX + 1 <= len(service.simulator.asked)
    assert [trouble, None] == heard.away
    assert Trouble.LEFT_ALONE in heard.troubles


def test_more_than_was_agreed_is_not_asked() -> None:
    """What cannot be asked in time at the rate that was agreed fails at once, and is not sent."""
    heard = Heard()

    async def scenario(source: PdsFhir) -> None:
        """Ask more often than a burst."""
        for _ in range(5):
            await source.get(ROBIN)
        with pytest.raises(DemographicsUnavailable):
            await source.get(ROBIN)

    with simulating() as service:
        service.put(ROBIN, IN_USE)
        asking(service, scenario, heard=heard, more={"per_second": 0.01})

        assert 5 == len(service.simulator.asked)
    assert [None] * 5 + [Trouble.OVER_RATE] == heard.troubles


def test_an_answer_that_cannot_be_read_costs_one_question() -> None:
    """What the source itself says of one person is no `not known`; others are asked about as ever."""
    heard = Heard()

    async def scenario(source: PdsFhir) -> None:
        """Ask three times."""
        for _ in range(FAILURES_MAX):
            with pytest.raises(DemographicsUnreadable, match="usable number"):
                await source.get(ROBIN)
        assert IN_USE == await source.get(ROBIN)

    with simulating() as service:
        service.put(ROBIN, IN_USE)
        service.simulator.fail(*[Fault.PUZZLING] * FAILURES_MAX)
        asking(service, scenario, heard=heard)

    assert ([Trouble.UNREADABLE] * FAILURES_MAX + [None], []) == (heard.troubles, heard.away)


def test_nobody_listening_is_no_connection() -> None:
    """The port is closed: the error names no address."""
    heard = Heard()

    async def scenario(source: PdsFhir) -> None:
        """Ask once."""
        with pytest.raises(DemographicsUnavailable, match="no connection"):
            await source.get(ROBIN)

    with simulating() as service:
        pass
    asking(service, scenario, heard=heard, time=PassingTime())

    assert [Trouble.AWAY] == heard.troubles


def test_who_waits_no_longer_leaves_no_probe_behind() -> None:
    """A question that is given up is a failure: the next probe is let through in its time."""

    async def scenario(source: PdsFhir) -> None:
        """Give up as often as shuts the gate, then be answered."""
        for _ in range(FAILURES_MAX):
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.05):
                    await source.get(ROBIN)
        service.simulator.fail()
        assert IN_USE == await source.get(ROBIN)

    with simulating() as service:
        service.put(ROBIN, IN_USE)
        asking(service, warmed(scenario, service))


def warmed(
    scenario: Callable[[PdsFhir], Awaitable[None]], service: SimulatorThread
) -> Callable[[PdsFhir], Awaitable[None]]:
    """Return a scenario whose source has a token already, and is slow from then on."""

    async def played(source: PdsFhir) -> None:
        """Get the token, then play."""
        await source.get(ROBIN)
        service.simulator.fail(lasting=Fault.SLOW)
        await scenario(source)

    return played


@pytest.mark.parametrize(
    "changes",
    [
        {"application_id": "somebody-else"},
        {"key_id": "another"},
        {"key": generate_private_key(public_exponent=65_537, key_size=2_048)},
    ],
    ids=["application", "key id", "key"],
)
def test_whoever_is_not_known_is_not_let_in(changes: dict[str, object]) -> None:
    """The statement must be the application's own, signed with its key."""
    heard = Heard()

    async def scenario(source: PdsFhir) -> None:
        """Ask once."""
        with pytest.raises(DemographicsUnavailable):
            await source.get(ROBIN)

    with simulating() as service:
        asking(service, scenario, heard=heard, more=changes)

        assert [] == service.simulator.asked
    assert [Trouble.NOT_ADMITTED] == heard.troubles


def claims(service: SimulatorThread, **more: object) -> dict[str, object]:
    """Return what a good statement says, with changes."""
    good: dict[str, object] = {
        "iss": APPLICATION,
        "sub": APPLICATION,
        "aud": service.simulator.token_url,
        "jti": "once",
        "exp": int((AT + timedelta(minutes=4)).timestamp()),
    }
    return {**good, **more}


def tokens_for(service: SimulatorThread, *statements: str) -> list[int]:
    """Return the status of each request for a token."""

    async def posted() -> list[int]:
        """Post them one after the other."""
        found = []
        async with ClientSession() as session:
            for statement in statements:
                form = {
                    "grant_type": "client_credentials",
                    "client_assertion_type": ASSERTION_TYPE,
                    "client_assertion": statement,
                }
                async with session.post(service.simulator.token_url, data=form) as answer:
                    found.append(answer.status)
        return found

    return asyncio.run(posted())


@pytest.mark.parametrize(
    "changes",
    [
        {"sub": "other"},
        {"aud": "http://elsewhere/"},
        {"exp": int((AT + timedelta(minutes=6)).timestamp())},
        {"exp": int((AT - timedelta(minutes=1)).timestamp())},
        {"exp": "soon"},
        {"jti": None},
    ],
    ids=["subject", "audience", "too far ahead", "over", "no time", "no id"],
)
def test_the_simulator_takes_no_statement_that_a_service_would_not(changes: dict[str, object]) -> None:
    """Five minutes at most, for this service, by the one who asks (peers.md 8.4)."""
    with simulating() as service:
        statement = sign_jwt(claims(service, **changes), key=signing_key(), key_id=KEY_ID)

        assert [400] == tokens_for(service, statement)


def test_a_statement_is_good_once_and_no_other_than_was_signed() -> None:
    """A replay is refused, and so is anything altered."""
    with simulating() as service:
        good = sign_jwt(claims(service), key=signing_key(), key_id=KEY_ID)
        head, _, signature = good.split(".")
        _, other, _ = sign_jwt(claims(service, jti="x"), key=signing_key(), key_id=KEY_ID).split(".")

        statements = (good, good, f"{head}.{other}.{signature}", "a.b", "!.!.!", f"{good}x")
        assert [200, 400, 400, 400, 400, 400] == tokens_for(service, *statements)


def test_everybody_in_the_simulator_is_found_as_what_they_are() -> None:
    """By number, a superseded one by its survivor, an invalid one as such: the same people for a seed."""
    people = population(seed=7, count=60)
    assert people == population(seed=7, count=60)
    assert people != population(seed=8, count=60)
    found: list[NumberAnswer] = []

    async def scenario(source: PdsFhir) -> None:
        """Ask about some of each."""
        for number in [*list(people.people)[:20], *people.superseded, *people.invalidated]:
            answer = await source.get(number)
            found.append(answer)

    with simulating(people) as service:
        asking(service, scenario)

    assert 20 == sum(isinstance(answer, Current) for answer in found)
    assert [*people.superseded.values()] == [
        answer.successor for answer in found if isinstance(answer, SupersededBy)
    ]
    assert len(people.invalidated) == len(found) - 20 - len(people.superseded)


@pytest.mark.parametrize("endless", [True, False], ids=["a body without end", "a redirect"])
def test_a_server_that_is_something_else_is_no_answer(endless: bool) -> None:  # noqa: FBT001
    """Its body is not read to the end, and where it sends us we do not go."""

    async def token(_request: web.Request) -> web.Response:
        """Give out a token."""
        return web.json_response({"access_token": "t", "expires_in": 60})

    async def patient(_request: web.Request) -> web.Response:
        """Answer something else."""
        if endless:
            return web.Response(body=b" " * 2_000_000, content_type="application/fhir+json")
        raise web.HTTPFound("/elsewhere")

    async def scenario() -> None:
        """Serve and ask."""
        app = web.Application()
        app.router.add_post("/token", token)
        app.router.add_get("/Patient/{number}", patient)
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        base = f"http://127.0.0.1:{runner.addresses[0][1]}"
        address = replace(spare.address(), url=base, token_url=f"{base}/token", deadline_seconds=1.0)
        source = PdsFhir(address, clock=lambda: AT)
        try:
            with pytest.raises(DemographicsUnavailable):
                await source.get(ROBIN)
        finally:
            await source.close()
            await runner.cleanup()

    with simulating(NOBODY) as spare:
        asyncio.run(scenario())


def test_a_patient_of_the_simulator_looks_like_one_of_the_service() -> None:
    """UK Core's shape: number with its status, label of confidentiality, version; no address if protected."""
    shown = []

    async def scenario(service: SimulatorThread) -> None:
        """Ask as a browser would, with a token."""
        async with ClientSession() as session:
            form = {
                "grant_type": "client_credentials",
                "client_assertion_type": ASSERTION_TYPE,
                "client_assertion": sign_jwt(claims(service), key=signing_key(), key_id=KEY_ID),
            }
            async with session.post(service.simulator.token_url, data=form) as answer:
                token = json.loads(await answer.read())["access_token"]
            for number in (ROBIN, NhsNumber("9990000026")):
                headers = {
                    "Authorization": f"Bearer {token}",
                    "X-Request-ID": "60e0b220-8136-4ca5-ae46-1d97ef59d068",
                    "X-Correlation-ID": "together",
                }
                async with session.get(
                    f"{service.simulator.url}/Patient/{number.digits}", headers=headers
                ) as answer:
                    shown.append((answer.headers, json.loads(await answer.read())))

    with simulating() as service:
        service.put(ROBIN, IN_USE)
        service.simulator.put(
            Synthetic(
                number=NhsNumber("9990000026"),
                family="Other",
                given=("Alex",),
                born=date(2011, 1, 2),
                label="R",
                died=date(2020, 1, 1),
                former=("Maiden",),
            )
        )
        asyncio.run(scenario(service))

    (head, open_to_all), (_, protected) = shown
    assert ("60e0b220-8136-4ca5-ae46-1d97ef59d068", "together", 'W/"2"') == (
        head["X-Request-ID"],
        head["X-Correlation-ID"],
        head["ETag"],
    )
    assert ("Patient", ROBIN.digits, "U") == (
        open_to_all["resourceType"],
        open_to_all["id"],
        open_to_all["meta"]["security"][0]["code"],
    )
    assert ("address" in open_to_all, "address" in protected) == (True, False)
    assert ["usual", "old"] == [name["use"] for name in protected["name"]]
    assert protected["deceasedDateTime"].startswith("2020-01-01")
