"""
The FHIR door: what may be asked of it, and what is answered (peers 2.4, 8.4).

The same use case as behind the MLLP door decides and makes durable; this says in FHIR what came of it.
Whoever is no sender is told so before anything is read, and no byte of theirs is kept.
"""

import re
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Final

from broker.core.door_errors import CallerUnknown, RequestRefused
from broker.core.errors import BrokerError, MalformedMessage, NotItsSender
from broker.core.identifiers import OdsCode
from broker.core.senders import MESSAGE_PLACES, Peer, Sender, Senders
from broker.services.attendances import TOO_LARGE
from broker.services.intake import Intake
from broker.wire.fhir_answer import (
    BASE,
    FHIR_JSON,
    answer_to_message,
    answer_to_transaction,
    outcome_of,
    taken,
    verdict,
    version_tag,
    written,
)
from broker.wire.fhir_bundle import MESSAGE, PUT, TRANSACTION
from broker.wire.fhir_values import text, tokens
from broker.wire.http import JSON, HttpAnswer, HttpRequest, Operation, Parameter
from broker.wire.json_strict import document_of
from broker.wire.records_codec import Door

RETRY_AFTER_SECONDS: Final = 5
"""After how long a sender may try again: as long as the broker takes to find Kafka again."""

_OK, _TOO_LARGE, _TOO_MANY, _AWAY = 200, 413, 429, 503
_MIRRORED = ("x-request-id", "x-correlation-id")
_ID = re.compile(r"[A-Za-z0-9._:\-]{1,100}")
_PRECONDITION, _UNTAKEN = 412, 415
_STATUSES: Mapping[int, str] = {
    200: "Durable: what it says will be matched. The same bytes get the same answer, and change nothing.",
    400: "No JSON, or not the request that it should be.",
    401: "Neither certificate nor token of a sender was shown. Nothing is kept.",
    403: "The sender may not send for this provider or system. No byte is kept.",
    406: "Only FHIR in JSON is given.",
    408: "The request came too slowly.",
    413: "Too large, before decompression or after it.",
    415: "Only FHIR 4.0 in JSON is taken, as it is or in gzip: `Accept` and `Accept-Encoding` say so.",
    422: "Something in it must be mended: the outcome says what and where. It is kept.",
    429: "Too much at once: send it again after the time in `Retry-After`.",
    500: "A defect of the broker's own: what came is kept.",
    503: "Not taken, since Kafka is away: send it again, unchanged, after the time in `Retry-After`.",
}
_HEADERS = (
    Parameter(
        name="X-Request-ID",
        place="header",
        meaning="The sender's id of the request, the same on a resend; it is mirrored.",
    ),
    Parameter(name="X-Correlation-ID", place="header", meaning="Any id of the sender's; it is mirrored."),
)

_NOT_SENT_SO = {
    MESSAGE: ("no Bundle of the type message", "Bundle.type"),
    TRANSACTION: ("no Bundle of the type transaction", "Bundle.type"),
    PUT: ("no Encounter", "Encounter"),
}
_FHIR_VERSION = re.compile(r";\s*fhirversion\s*=\s*\"?([0-9.]*)")
_VERSIONS = frozenset({"4.0", "4.0.1"})
_NAMED_AT = dict(zip(MESSAGE_PLACES, ("Encounter.serviceProvider", "Encounter.identifier"), strict=True))

Admitted = Callable[[Peer, OdsCode, str], Sender]
"""
Returns what is settled of a provider's sending system for whoever asks; raises `NotItsSender` where that is
not for them to send.
"""


class FhirDoor:
    """
    The operations of the door; `senders` knows who may post at all, `admitted` says for whom.

    `capabilities` is what the door says of itself.
    """

    def __init__(
        self, intake: Intake, senders: Senders, *, admitted: Admitted, capabilities: Mapping[str, Any]
    ) -> None:
        self._intake = intake
        self._senders = senders
        self._admitted = admitted
        self._capabilities = dict(capabilities)

    def operations(self) -> tuple[Operation, ...]:
        """Return everything that can be asked."""
        telling = partial(
            Operation,
            parameters=_HEADERS,
            statuses=_STATUSES,
            takes=(FHIR_JSON, JSON),
            gives=(FHIR_JSON,),
            refuse=self._refuse,
        )
        return (
            telling(
                method="POST",
                path=f"{BASE}/$process-message",
                name="processMessage",
                summary="Tell of a visit in a message Bundle",
                meaning="MessageHeader first, with the visit in its focus; Patient, Encounter, and what they "
                "point at. One visit of one patient a message.",
                handle=self._process_message,
            ),
            telling(
                method="POST",
                path=BASE,
                name="transaction",
                summary="Tell of a visit in a transaction",
                meaning="One Encounter, and what it points at. What happened is told by its status.",
                handle=self._transaction,
            ),
            telling(
                method="PUT",
                path=f"{BASE}/Encounter",
                name="putEncounter",
                summary="Tell how a visit stands now",
                meaning="An Encounter with its patient's NHS number in `subject.identifier`, or with the "
                "Patient within it. Versions are ordered by `meta.lastUpdated`, whenever they come.",
                handle=self._put,
                parameters=(
                    Parameter(
                        name="identifier",
                        place="query",
                        meaning="`system|value` of a visit, or its value: one of the identifiers within it.",
                        required=True,
                    ),
                    Parameter(
                        name="If-Match",
                        place="header",
                        meaning='`W/"…"`, the version in the Encounter\'s `meta.versionId`, or `*`.',
                    ),
                    *_HEADERS,
                ),
                statuses={
                    **_STATUSES,
                    _PRECONDITION: "The version in `If-Match` is not that of the Encounter. It is kept.",
                },
            ),
            Operation(
                method="GET",
                path=f"{BASE}/metadata",
                name="capabilities",
                summary="Say what the door can do",
                meaning="The CapabilityStatement.",
                handle=self._metadata,
                refuse=self._refuse_to_all,
                statuses={_OK: "The CapabilityStatement.", 406: _STATUSES[406]},
                gives=(FHIR_JSON,),
                open_to_all=True,
            ),
        )

    async def _process_message(self, request: HttpRequest) -> HttpAnswer:
        """Take a message Bundle."""
        return await self._take(request, MESSAGE, answer_to_message)

    async def _transaction(self, request: HttpRequest) -> HttpAnswer:
        """Take a transaction."""
        return await self._take(request, TRANSACTION, answer_to_transaction)

    async def _put(self, request: HttpRequest) -> HttpAnswer:
        """Take how a visit stands."""
        if not self._senders.knows(request.peer):
            return _refusal(request, CallerUnknown())
        document = document_of(request.body)
        if not document:
            return await self._take(request, PUT, taken)
        named = request.query.get("identifier", ())
        if len(named) != 1 or named[0] not in tokens(document):
            reason = "identifier is not the visit's" if named else "no identifier in the address"
            return await self._refuse(request, RequestRefused(400, reason, location="Encounter.identifier"))
        version, asked = text(document, "meta", "versionId"), request.headers.get("if-match", "*")
        if version and asked not in {"*", f'W/"{version}"'}:
            fault = RequestRefused(
                _PRECONDITION, "version is not the one asked for", location="Encounter.meta.versionId"
            )
            return await self._refuse(request, fault)
        answer = await self._take(request, PUT, taken)
        if answer.status != _OK:
            return answer
        headers = {**answer.headers, "ETag": version_tag(request.body, document)}
        return HttpAnswer(status=_OK, body=answer.body, content_type=FHIR_JSON, headers=headers)

    async def _metadata(self, request: HttpRequest) -> HttpAnswer:
        """Say what the door can do."""
        return _answer(request, _OK, self._capabilities)

    async def _take(
        self, request: HttpRequest, way: str, answer: Callable[[dict[str, Any]], dict[str, Any]]
    ) -> HttpAnswer:
        """Take what came in this way, and say what came of it."""
        if not self._senders.knows(request.peer):
            return _refusal(request, CallerUnknown())
        document = document_of(request.body)
        kind = text(document, "resourceType")
        if document and (text(document, "type") if kind == "Bundle" else kind) != way:
            reason, place = _NOT_SENT_SO[way]
            return await self._refuse(request, RequestRefused(400, reason, location=place))
        version = _FHIR_VERSION.search(request.headers.get("content-type", "").lower())
        if version is not None and version[1] not in _VERSIONS:
            return await self._refuse(request, RequestRefused(_UNTAKEN, "version of FHIR not taken"))
        admitted = partial(self._admit, request.peer)
        error = await self._intake.take(request.body, Door.FHIR, sender=admitted)
        if isinstance(error, MalformedMessage) and error.reason == TOO_LARGE:
            error = RequestRefused(_TOO_LARGE, TOO_LARGE)
        if error is not None:
            return _refusal(request, error)
        return _answer(request, _OK, answer(document))

    def _admit(self, peer: Peer, provider: OdsCode, system: str) -> Sender:
        """Return what is settled of a sender; raise `NotItsSender` with the place where FHIR says it."""
        try:
            return self._admitted(peer, provider, system)
        except NotItsSender as error:
            raise NotItsSender(error.reason, location=_NAMED_AT[error.location]) from None

    async def _refuse(self, request: HttpRequest, fault: RequestRefused) -> HttpAnswer:
        """Answer a request that is none that is taken; keep what came of it, if a sender sent it."""
        if not self._senders.knows(request.peer):
            return _refusal(request, CallerUnknown())
        if fault.status == _TOO_MANY:
            return _refusal(request, fault)  # it is sent again, and would be kept as often
        admitted = partial(self._admit, request.peer)
        return _refusal(request, await self._intake.refuse(request.body, Door.FHIR, fault, sender=admitted))

    async def _refuse_to_all(self, request: HttpRequest, fault: RequestRefused) -> HttpAnswer:
        """Answer a request for what everybody may ask, of which nothing is kept."""
        return _refusal(request, fault)


async def refused_in_fhir(request: HttpRequest, fault: RequestRefused) -> HttpAnswer:
    """Return the outcome of a request for which there is no operation."""
    return _refusal(request, fault)


def _refusal(request: HttpRequest, error: BrokerError) -> HttpAnswer:
    """Return the outcome of a request that is not taken."""
    status, _ = verdict(error)
    headers = {}
    if status in {_AWAY, _TOO_MANY}:
        headers["Retry-After"] = str(RETRY_AFTER_SECONDS)
    if status == _UNTAKEN:
        headers |= {"Accept": f"{FHIR_JSON}, {JSON}", "Accept-Encoding": "gzip"}
    if isinstance(error, CallerUnknown):
        headers["WWW-Authenticate"] = "Bearer"
    return _answer(request, status, outcome_of(error), headers)


def _answer(
    request: HttpRequest, status: int, resource: Mapping[str, Any], headers: Mapping[str, str] | None = None
) -> HttpAnswer:
    """Return a resource as an answer, with the request's own ids."""
    mirrored = {name: request.headers.get(name, "") for name in _MIRRORED}
    return HttpAnswer(
        status=status,
        body=written(dict(resource)),
        content_type=FHIR_JSON,
        headers={
            **{name: value for name, value in mirrored.items() if _ID.fullmatch(value)},
            **(headers or {}),
        },
    )
