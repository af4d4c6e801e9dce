"""A simulator of the demographic service in a thread of its own, and a source that asks it over a socket."""

import asyncio
import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from functools import cache

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key

from broker.adapters.pds_address import PdsAddress
from broker.adapters.pds_fhir import PdsFhir, PdsWatch
from broker.adapters.pds_simulator.people import Population, Synthetic
from broker.adapters.pds_simulator.server import PdsSimulator
from broker.core.demographics import Current, NumberAnswer, SearchAnswer, SupersededBy
from broker.core.facts import Details
from broker.core.identifiers import NhsNumber

APPLICATION, KEY_ID = "cpis-tests", "test-1"
AT = datetime(2026, 3, 2, 10, tzinfo=UTC)
NOBODY = Population(people={}, superseded={}, invalidated=frozenset())


@cache
def signing_key() -> RSAPrivateKey:
    """Return the key of these tests."""
    return generate_private_key(public_exponent=65_537, key_size=2_048)


class SimulatorThread:
    """A simulator that answers from a thread, so that every test may have an event loop of its own."""

    def __init__(
        self, population: Population = NOBODY, *, at: datetime | None = AT, retry_after: int = 1
    ) -> None:
        """Start it; without `at` its clock is the machine's."""
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self.simulator = PdsSimulator(
            population,
            APPLICATION,
            {KEY_ID: signing_key().public_key()},
            clock=lambda: at or datetime.now(tz=UTC),
            retry_after=retry_after,
        )
        self._do(self.simulator.start)

    def stop(self) -> None:
        """Stop it."""
        self._do(self.simulator.stop)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def _do(self, call: Callable[[], Awaitable[None]]) -> None:
        """Have its loop do something, and wait for it."""

        async def done() -> None:
            """Do it."""
            await call()

        asyncio.run_coroutine_threadsafe(done(), self._loop).result()

    def address(self, **more: object) -> PdsAddress:
        """Return how it is asked, by who may, unless `more` says otherwise."""
        address = PdsAddress(
            url=self.simulator.url,
            token_url=self.simulator.token_url,
            application_id=APPLICATION,
            key=signing_key(),
            key_id=KEY_ID,
            organisation="X26",
            per_second=1_000,
        )
        return replace(address, **more)  # type: ignore[arg-type]  # by name

    def put(self, number: NhsNumber, answer: NumberAnswer) -> None:
        """Have it answer this about a number from now on."""
        match answer:
            case Current():
                self.simulator.put(synthetic(number, answer))
            case SupersededBy():
                successor = Synthetic(number=answer.successor, family=None, given=(), born=None)
                self.simulator.people.setdefault(answer.successor, successor)
                self.simulator.supersede(number, answer.successor)
            case _:
                self.simulator.invalidate(number)


def synthetic(number: NhsNumber, answer: Current) -> Synthetic:
    """Return the person of an answer."""
    given = tuple((answer.details.given or "").split())
    return Synthetic(
        number=number,
        family=answer.details.family,
        given=given,
        born=answer.details.birth_date,
        label="R" if answer.restricted else "U",
    )


class AskedAnew:
    """A `Demographics` that connects for each question: its tests have an event loop for each."""

    def __init__(self, address: PdsAddress, *, at: datetime = AT, watch: PdsWatch | None = None) -> None:
        """Connect to nothing yet."""
        self._address = address
        self._at = at
        self._watch = watch

    async def get(self, number: NhsNumber) -> NumberAnswer:
        """Ask about a number."""
        source = self._source()
        try:
            return await source.get(number)
        finally:
            await source.close()

    async def search(self, details: Details) -> SearchAnswer:
        """Ask who has these details."""
        source = self._source()
        try:
            return await source.search(details)
        finally:
            await source.close()

    def _source(self) -> PdsFhir:
        """Return a source."""
        return PdsFhir(self._address, clock=lambda: self._at, watch=self._watch)


@contextmanager
def simulating(
    population: Population = NOBODY, *, at: datetime | None = AT, retry_after: int = 1
) -> Iterator[SimulatorThread]:
    """Lend a simulator; without `at` its clock is the machine's."""
    running = SimulatorThread(population, at=at, retry_after=retry_after)
    try:
        yield running
    finally:
        running.stop()
