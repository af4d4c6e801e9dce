"""What an answer means over HL7 v2 and over HTTP."""

import asyncio
import json
from datetime import timedelta

import pytest

from broker.core.delivery import Fault, Outcome, delivered, failed
from broker.delivery_ports import Posted
from broker.services.couriers import FhirCourier, MllpCourier, judged
from broker.services.delivering import Courier
from broker.wire.acknowledgement import answer
from broker.wire.fhir_alert import request_id
from broker.wire.oru import control_id
from tests.builders.delivering import ADDRESS, NOON, READER
from tests.unit.core.test_clinician import event
from tests.unit.core.test_pushing import NONE, first
from tests.unit.wire.test_oru import published

TOLD = first(NONE)


class Wire:
    """A line that answers as it is told, and notes whether it was dropped."""

    def __init__(self, answered: bytes | Fault | None = None) -> None:
        self._answered = answered
        self.dropped = False

    async def exchange(self, message: bytes) -> bytes | Fault:
        """Answer; without anything told as our own door would."""
        return answer(message) if self._answered is None else self._answered

    async def drop(self) -> None:
        """Note it."""
        self.dropped = True


class Endpoint:
    """An endpoint that answers as it is told."""

    def __init__(self, answered: Posted | Fault) -> None:
        self._answered = answered
        self.bodies: list[bytes] = []
        self.request_ids: list[str] = []
        self.is_closed = False

    async def close(self) -> None:
        """Be closed."""
        self.is_closed = True

    async def post(self, body: bytes, *, request_id: str) -> Posted | Fault:
        """Keep what came and answer."""
        self.bodies.append(body)
        self.request_ids.append(request_id)
        return self._answered


def sent(courier: Courier) -> Outcome:
    """Return what became of one letter; the courier is closed."""

    async def send() -> Outcome:
        """Write, send, close."""
        letter = courier.write(published(event()), at=NOON, told=())
        assert letter is not None
        outcome = await courier.send(letter)
        await courier.close()
        return outcome

    return asyncio.run(send())


def test_a_message_that_is_accepted_is_delivered() -> None:
    """`AA` with our control id; the connection stays until it is closed."""
    wire = Wire()

    assert delivered() == sent(MllpCourier(wire, READER, ADDRESS))
    assert wire.dropped


def test_a_line_that_fails_says_why() -> None:
    """The fault is the line's."""
    assert failed(Fault.AWAY) == sent(MllpCourier(Wire(Fault.AWAY), READER, ADDRESS))


@pytest.mark.parametrize(
    ("said", "fault", "dropped"),
    [
        (b"MSH|^~\\&|EPR\rMSA|AA|another\r", Fault.ANSWER_OF_ANOTHER, True),
        (b"no answer", Fault.ANSWER_UNREADABLE, True),
        (b"MSH|^~\\&|EPR\rMSA|AE|e1\r", Fault.IN_ERROR, False),
    ],
)
def test_a_connection_is_dropped_where_nobody_knows_what_comes_next(
    said: bytes, fault: Fault, *, dropped: bool
) -> None:
    """An answer to another message, or none at all (peers.md 3.2, complaint 1)."""
    wire = Wire(said)
    courier = MllpCourier(wire, READER, ADDRESS)
    letter = courier.write(published(event()), at=NOON, told=())

    assert (failed(fault), dropped) == (asyncio.run(courier.send(letter)), wire.dropped)


def test_a_transaction_is_posted_with_an_id_of_its_own() -> None:
    """The same for the same event, so that the receiver sees that it is sent again."""
    endpoint = Endpoint(Posted(status=200))
    courier = FhirCourier(endpoint, READER)

    assert [delivered(), delivered()] == [sent(courier), sent(courier)]
    assert "transaction" == json.loads(endpoint.bodies[0])["type"]
    assert 1 == len(set(endpoint.request_ids))
    assert endpoint.is_closed


def test_a_transaction_says_what_it_leaves_at_the_receiver() -> None:
    """So that the end of an alert can empty it there; an answer takes the place of the one before."""
    courier = FhirCourier(Endpoint(Posted(status=200)), READER)
    alert, answered = (courier.write(one, at=NOON, told=("e0",)) for one in (published(event()), TOLD))

    assert (("e0", event().event_id), ()) == (alert.told, answered.told)


def test_an_endpoint_that_fails_says_why() -> None:
    """The fault is the endpoint's."""
    assert failed(Fault.NO_ANSWER) == sent(FhirCourier(Endpoint(Fault.NO_ANSWER), READER))


@pytest.mark.parametrize(
    ("status", "outcome"),
    [
        (200, delivered()),
        (201, delivered()),
        (204, delivered()),
        (302, failed(Fault.NOT_THERE)),
        (400, failed(Fault.REFUSED_CONTENT)),
        (401, failed(Fault.NOT_ADMITTED)),
        (404, failed(Fault.NOT_THERE)),
        (409, failed(Fault.REFUSED)),
        (422, failed(Fault.REFUSED_CONTENT)),
        (429, failed(Fault.BUSY)),
        (500, failed(Fault.BUSY)),
        (503, failed(Fault.BUSY)),
    ],
)
def test_a_status_says_whose_fault_it_is(status: int, outcome: Outcome) -> None:
    """Only what is wrong with the content is put aside at once: a wrong address or right can be mended."""
    assert outcome == judged(Posted(status=status))


@pytest.mark.parametrize(
    ("body", "outcome"),
    [
        (b"<html>Please log in</html>", failed(Fault.NOT_THERE)),
        (b'{"resourceType":"OperationOutcome","issue":[{"severity":"error"}]}', failed(Fault.IN_ERROR)),
        (b'{"resourceType":"Bundle"}', delivered()),
    ],
)
def test_a_yes_that_says_no_is_none(body: bytes, outcome: Outcome) -> None:
    """A gateway's page, or an error under 200: nobody would have been told, and nobody have known."""
    assert outcome == judged(Posted(status=200, body=body))


@pytest.mark.parametrize("status", [429, 503])
def test_a_receiver_may_ask_to_be_left_alone(status: int) -> None:
    """`Retry-After` in seconds (peers.md 8.1)."""
    asked = judged(Posted(status=status, retry_after_s=7))

    assert failed(Fault.BUSY, wait=timedelta(seconds=7)) == asked


@pytest.mark.parametrize(
    ("courier", "letter_id", "said"),
    [
        (MllpCourier(Wire(), READER, ADDRESS), control_id(TOLD.event_id), b"|CPIS-ANSWER^"),
        (
            FhirCourier(Endpoint(Posted(status=200)), READER),
            request_id(TOLD.event_id),
            b'"Answer: no plan on file"',
        ),
    ],
)
def test_an_answer_is_written_as_such_in_either_format(courier: Courier, letter_id: str, said: bytes) -> None:
    """Under the id of its word, so that it is the same when it is sent again (ruling 41)."""
    letter = courier.write(TOLD, at=NOON, told=())

    assert letter is not None
    assert letter_id == letter.letter_id
    assert said in letter.body


def test_a_provider_is_never_asked_for_what_it_was_sent() -> None:
    """Its receiver can undo what it was told by what comes behind, so that nothing is looked for there."""
    wire, endpoint = Wire(), Endpoint(Posted(status=200))
    for courier in (MllpCourier(wire, READER, ADDRESS), FhirCourier(endpoint, READER)):
        assert asyncio.run(courier.looked_for("e1")) is None

    assert (False, []) == (wire.dropped, endpoint.bodies)
