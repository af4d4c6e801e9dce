"""
The formats in which alerts and answers are delivered: HL7 v2 over a connection, FHIR R4 to an endpoint.

Knows what an answer over each of them means; connections and endpoints are ports.
"""

from datetime import datetime, timedelta

from broker.core.clinician import Reader
from broker.core.delivery import Fault, Outcome, delivered, failed
from broker.core.overtaking import overtakes
from broker.core.pushing import PushedAnswer
from broker.delivery_ports import Line, Posted, Poster
from broker.services.delivering import Letter
from broker.wire.alerts_codec import Published
from broker.wire.answer_codec import Sendable
from broker.wire.fhir_alert import bundle, request_id
from broker.wire.fhir_pushed import answer_bundle
from broker.wire.fhir_response import not_done
from broker.wire.oru import Address, answer_observation, control_id, judge, observation

_NOT_THIS_CONNECTION = frozenset({Fault.ANSWER_OF_ANOTHER, Fault.ANSWER_UNREADABLE})
"""After these nobody knows what comes next on the connection."""
_TAKEN = range(200, 300)
_BUSY = range(500, 600)
_REFUSED = range(400, 500)
_MEANINGS = {
    400: Fault.REFUSED_CONTENT,
    412: Fault.REFUSED_CONTENT,
    413: Fault.REFUSED_CONTENT,
    422: Fault.REFUSED_CONTENT,
    401: Fault.NOT_ADMITTED,
    403: Fault.NOT_ADMITTED,
    404: Fault.NOT_THERE,
    405: Fault.NOT_THERE,
    410: Fault.NOT_THERE,
    408: Fault.BUSY,
    425: Fault.BUSY,
    429: Fault.BUSY,
}
"""What a refusal means: only the first four are the event's fault, and a wrong address is not."""


def taken_back(later: Sendable) -> bool:
    """
    Whether what was to be told of an alert before a later event may not be told any more.

    An authority's messages cannot take an access back, and a clinician must not read of a plan first that is
    known to be another child's: the later event alone goes, with all that may be there deleted.
    """
    return isinstance(later, Published) and overtakes(later.event)


class MllpCourier:
    """Sends `ORU^R01` over MLLP; `MSA` says what became of it."""

    def __init__(self, line: Line, reader: Reader, address: Address) -> None:
        self._line = line
        self._reader = reader
        self._address = address

    def write(self, sendable: Sendable, *, at: datetime, told: tuple[str, ...]) -> Letter:
        """Return the letter of what is sent at an aware time to who may have the lines `told`."""
        if isinstance(sendable, PushedAnswer):
            body, keys = answer_observation(sendable, self._address, at=at, told=told)
        else:
            body, keys = observation(sendable, self._reader, self._address, at=at, told=told)
        return Letter(body=body, letter_id=control_id(sendable.event_id), told=keys)

    async def send(self, letter: Letter) -> Outcome:
        """Return what became of a letter; a connection on which another's answer came is dropped."""
        answer = await self._line.exchange(letter.body)
        if isinstance(answer, Fault):
            return failed(answer)
        outcome = judge(answer, letter.letter_id)
        if outcome.fault in _NOT_THIS_CONNECTION:
            await self._line.drop()
        return outcome

    async def looked_for(self, letter_id: str) -> Outcome | None:  # noqa: ARG002
        """Return nothing: a receiver over MLLP cannot be asked for what it was sent."""
        return None

    async def close(self) -> None:
        """Give the connection back."""
        await self._line.drop()


class FhirCourier:
    """Posts a transaction; the status says what became of it, and what comes with it that it was not done."""

    def __init__(self, poster: Poster, reader: Reader) -> None:
        self._poster = poster
        self._reader = reader

    def write(self, sendable: Sendable, *, at: datetime, told: tuple[str, ...]) -> Letter:
        """Return the letter of what is sent at an aware time; an answer is put whole, whatever was told."""
        keys: tuple[str, ...] = ()
        if isinstance(sendable, PushedAnswer):
            body = answer_bundle(sendable, at=at)
        else:
            body, keys = bundle(sendable, self._reader, at=at, told=told)
        return Letter(body=body, letter_id=request_id(sendable.event_id), told=keys)

    async def send(self, letter: Letter) -> Outcome:
        """Return what became of a letter."""
        answer = await self._poster.post(letter.body, request_id=letter.letter_id)
        return failed(answer) if isinstance(answer, Fault) else judged(answer)

    async def looked_for(self, letter_id: str) -> Outcome | None:  # noqa: ARG002
        """Return nothing: what may have arrived is replaced by what is put after it."""
        return None

    async def close(self) -> None:
        """Give the connection back."""
        await self._poster.close()


def judged(answer: Posted) -> Outcome:
    """Return what an answer over HTTP says; a redirect, which is not followed, takes no alert."""
    if answer.status in _TAKEN:
        fault = not_done(answer.body)
        return delivered() if fault is None else failed(fault)
    wait = None if answer.retry_after_s is None else timedelta(seconds=answer.retry_after_s)
    if answer.status in _BUSY:
        return failed(Fault.BUSY, wait=wait)
    if answer.status in _REFUSED:
        return failed(_MEANINGS.get(answer.status, Fault.REFUSED), wait=wait)
    return failed(Fault.NOT_THERE)
