"""
The door of the national event services over HTTP: an event is posted, and answered once it is durable.

Who posts is known by certificate or token (`[national.NAME]` in the file of senders); of a stranger no byte
is kept [S60].
"""

from collections.abc import Mapping
from typing import Final

from broker.core.door_errors import CallerUnknown, RequestRefused
from broker.core.errors import BrokerError, DemographicsUnavailable, KafkaUnavailable
from broker.core.senders import Senders
from broker.services.national_events import NationalEvents
from broker.wire.http import JSON, HttpAnswer, HttpRequest, Operation
from broker.wire.national_events import CLOUD_EVENTS
from broker.wire.problem import PROBLEM, problem

PATH: Final = "/national/v1/events"
RETRY_AFTER_SECONDS: Final = 5
"""After how long an event may be sent again: as long as the broker takes to find Kafka again."""

_TAKEN, _NO_EVENT, _UNKNOWN, _TOO_MANY, _AWAY = 204, 400, 401, 429, 503
_LATER = frozenset({_TOO_MANY, _AWAY})
_STATUSES: Mapping[int, str] = {
    204: "Durable, or of no use here. The same event sent again changes nothing.",
    400: "No event, or one without subject or time. It is kept, and is of no use sent again.",
    401: "Neither certificate nor token of a national service was shown. Nothing is kept.",
    406: "The answer is not to be had in that form.",
    408: "The event came too slowly.",
    413: "Too large, before decompression or after it.",
    415: "Neither a CloudEvent nor FHIR.",
    429: "Too much at once: send it again after the time in `Retry-After`.",
    503: "Not taken, since Kafka or the demographic source is away: send it again after `Retry-After`.",
}


class NationalDoor:
    """The operation of the door; `senders` knows who may post."""

    def __init__(self, events: NationalEvents, senders: Senders) -> None:
        """Take what is needed."""
        self._events = events
        self._senders = senders

    def operations(self) -> tuple[Operation, ...]:
        """Return everything that can be asked."""
        return (
            Operation(
                method="POST",
                path=PATH,
                name="nationalEvent",
                summary="Tell that something changed about a number, or of a birth",
                meaning="A CloudEvent or history Bundle of the multicast service (number, record, death), or "
                "a message Bundle of the event management service (these, and births).",
                handle=self._take,
                refuse=_refuse,
                statuses=_STATUSES,
                takes=(
                    CLOUD_EVENTS,
                    "application/fhir+json",
                    JSON,
                    "application/fhir+xml",
                    "application/xml",
                ),
                gives=(PROBLEM,),
            ),
        )

    async def _take(self, request: HttpRequest) -> HttpAnswer:
        """Take an event."""
        if not self._senders.knows_national(request.peer):
            return _answer(CallerUnknown(), _UNKNOWN)
        try:
            fault = await self._events.take(request.body)
        except (DemographicsUnavailable, KafkaUnavailable) as error:
            return _answer(error, _AWAY)
        return HttpAnswer(status=_TAKEN) if fault is None else _answer(fault, _NO_EVENT)


async def _refuse(_request: HttpRequest, fault: RequestRefused) -> HttpAnswer:
    """Answer a request that is none that is taken; its service signals again."""
    return _answer(fault, fault.status)


def _answer(error: BrokerError, status: int) -> HttpAnswer:
    """Return what is wrong."""
    return problem(error, status, retry_after=RETRY_AFTER_SECONDS if status in _LATER else None)
