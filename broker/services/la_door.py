"""
The authorities' door over HTTP: an upload is sent, its status asked, its acknowledgement fetched (R15, R16).

An upload is answered `202` once it is durable, sealed; what becomes of it the status says. Who asks is known
by certificate or token (`[authority.ODS]` in the file of senders), and learns of its own uploads alone.
"""

import asyncio
import json
import secrets
from collections.abc import AsyncIterator, Mapping
from contextlib import suppress
from typing import Any, Final

from broker.core.door_errors import RequestRefused
from broker.core.errors import BrokerError, StorageUnusable, UnsealingFailed
from broker.core.identifiers import OdsCode, aware
from broker.core.kept_uploads import KeptUpload, MediaType, Part, UploadDoor
from broker.core.keyed import IdentityKey
from broker.core.senders import Senders
from broker.core.upload_errors import (
    AuthorityUnknown,
    CompleteNotAgreed,
    NoSuchUpload,
    NotItsUpload,
    RequestIdReused,
    TooManyWaiting,
    UploadLost,
    UploadUnanswered,
)
from broker.ports import Clock
from broker.services.upload_queue import UploadQueue
from broker.services.upload_reception import Copied, digest
from broker.upload_ports import UploadDraft, UploadStore
from broker.wire.http import JSON, HttpAnswer, HttpRequest, Operation, Parameter
from broker.wire.problem import PROBLEM, problem
from broker.wire.upload_csv import authority_in
from broker.wire.upload_heading import authority_of

BASE: Final = "/la/v1/uploads"
BODY_BYTES_MAX: Final = 67_108_864
"""64 MB: the largest authority's file is some 4 MB, and one of 20,000 records some 50 MB."""
RETRY_AFTER_SECONDS: Final = 5
"""After how long to ask again: a file of 20,000 records takes longer, most are done by then."""

AT_ONCE_MAX: Final = 24
AT_ONCE_OF_ONE_MAX: Final = 8
"""How many may come in at once, of all and of one: slow ones leave room for hospitals at the same door."""

_PIECE_BYTES = 1_048_576
_XML_TYPES = (MediaType.XML.value, "text/xml")
_UNDER_WAY = 429
_BAD_REQUEST = 400
_STATUSES: Mapping[type[BrokerError], int] = {
    AuthorityUnknown: 401,
    NotItsUpload: 403,
    CompleteNotAgreed: 403,
    NoSuchUpload: 404,
    UploadUnanswered: 409,
    UploadLost: 410,
    UnsealingFailed: 410,
    RequestIdReused: 422,
    TooManyWaiting: 503,
    StorageUnusable: 503,
}
_TOLD: Mapping[int, str] = {
    401: "Neither certificate nor token of a local authority was shown. Nothing is kept.",
    403: "The file is another authority's, or may not be said to be complete. No byte of it is kept.",
    404: "There is no such upload of this authority, or it is destroyed after 35 days.",
    406: "The answer is not to be had in that form.",
    408: "The file came too slowly.",
    410: "What was kept of it cannot be read any more. Where the status says `lost`, send the file again.",
    413: "Larger than 64 MB, before decompression or after it.",
    415: "Neither XML nor CSV, or compressed otherwise than with gzip.",
    422: "The same `X-Request-ID` came with another file, or with another `complete`.",
    429: "Too much at once, or the same request is under way: send it again after `Retry-After`.",
    503: "It cannot be kept now: send it again, unchanged, after the time in `Retry-After`.",
}
_REQUEST_ID = Parameter(
    name="X-Request-ID",
    place="header",
    meaning="The sender's id of the file, or `Idempotency-Key`: the same file sent again with it is one "
    "upload. Without it every request is one.",
)
_COMPLETE = Parameter(
    name="complete",
    place="query",
    meaning="`true` says that the file has every plan of the authority: what it lacks is put before a "
    "person, and nothing is ended by that alone. It has to be agreed (`complete` under `[authority.ODS]`).",
)
_ID = Parameter(name="id", place="path", meaning="The id in `Location`.", required=True)


class LaDoor:
    """The operations of the door; files are kept in `store`, and taken by `queue`."""

    def __init__(
        self, senders: Senders, store: UploadStore, queue: UploadQueue, *, key: IdentityKey, clock: Clock
    ) -> None:
        """Take what is needed; ids of uploads are derived under `key`."""
        self._senders = senders
        self._store = store
        self._queue = queue
        self._key = key
        self._clock = clock
        self._under_way: dict[str, frozenset[OdsCode]] = {}

    def operations(self) -> tuple[Operation, ...]:
        """Return everything that can be asked."""
        return (
            Operation(
                method="POST",
                path=BASE,
                name="upload",
                summary="Send an upload file",
                meaning="The message REPC_MT000002GB01, or a table in CSV, with changes alone or of all "
                "children. It is kept before it is answered, and taken in its turn.",
                handle=self._upload,
                refuse=_refuse,
                statuses={
                    202: "Durable: it will be taken. `Location` is where its status is asked.",
                    400: "Broken off, no gzip, or `complete` is neither true nor false.",
                    **{status: words for status, words in _TOLD.items() if status not in {404, 409, 410}},
                },
                takes=(*_XML_TYPES, MediaType.CSV.value),
                gives=(JSON, PROBLEM),
                parameters=(_REQUEST_ID, _COMPLETE),
                streamed=BODY_BYTES_MAX,
            ),
            Operation(
                method="GET",
                path=f"{BASE}/{{id}}",
                name="uploadStatus",
                summary="Ask what became of an upload",
                meaning="`waiting`, or `done` with the code of the file and the numbers of records, or "
                "`lost`: it cannot be read any more and is to be sent again.",
                handle=self._status,
                refuse=_refuse,
                statuses={200: "What became of it so far.", **_told(401, 404, 406, 410, 429, 503)},
                gives=(JSON, PROBLEM),
                parameters=(_ID,),
            ),
            Operation(
                method="GET",
                path=f"{BASE}/{{id}}/acknowledgement",
                name="acknowledgement",
                summary="Fetch the acknowledgement of an upload",
                meaning="The message REPC_MT000003GB01, which repeats what was sent of each child; or, "
                "where JSON is asked for, codes and places alone.",
                handle=self._acknowledgement,
                refuse=_refuse,
                statuses={
                    200: "The acknowledgement.",
                    409: "It is not taken yet: ask again after the time in `Retry-After`.",
                    **_told(401, 404, 406, 410, 429, 503),
                },
                gives=(*_XML_TYPES, JSON, PROBLEM),
                parameters=(_ID,),
            ),
        )

    async def _upload(self, request: HttpRequest) -> HttpAnswer:
        """Keep a file, and let it wait its turn."""
        authorities = self._senders.authorities_of(request.peer)
        if not authorities:
            return _problem(AuthorityUnknown())
        if self._queue.full_for(authorities):
            return _problem(TooManyWaiting())
        upload_id = self._id_of(request, authorities)
        if upload_id in self._under_way:
            return await _refuse(request, RequestRefused(_UNDER_WAY, "the same request is under way"))
        of_these = sum(1 for one in self._under_way.values() if one == authorities)
        if len(self._under_way) >= AT_ONCE_MAX or of_these >= AT_ONCE_OF_ONE_MAX:
            return await _refuse(request, RequestRefused(_UNDER_WAY, "too many uploads at once"))
        try:
            complete = _says_complete(request)
        except RequestRefused as fault:
            return await _refuse(request, fault)
        self._under_way[upload_id] = authorities
        try:
            return await self._keep(request, upload_id, authorities, complete=complete)
        except (NotItsUpload, CompleteNotAgreed, RequestIdReused, StorageUnusable) as error:
            return _problem(error)
        finally:
            del self._under_way[upload_id]

    def _id_of(self, request: HttpRequest, authorities: frozenset[OdsCode]) -> str:
        """Return the id of an upload: by the sender's own of the request, where it gives one."""
        own = request.headers.get("x-request-id") or request.headers.get("idempotency-key")
        if not own:
            return secrets.token_hex(16)
        return self._key.derive("upload", *sorted(one.code for one in authorities), own)

    async def _keep(
        self, request: HttpRequest, upload_id: str, authorities: frozenset[OdsCode], *, complete: bool
    ) -> HttpAnswer:
        """Keep what comes of a request, unless it is kept already."""
        draft = await asyncio.to_thread(self._store.begin, upload_id)
        try:
            copied = Copied(draft)
            async for piece in _large(request.pieces):
                await asyncio.to_thread(copied.write, piece)
            kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
            media_type = MediaType.CSV if kind == MediaType.CSV else MediaType.XML
            named = authority_in(copied.head) if media_type is MediaType.CSV else authority_of(copied.head)
            if named is not None and named not in authorities:
                raise NotItsUpload
            if complete and named is not None and not self._may_be_complete(named):
                raise CompleteNotAgreed
            upload = KeptUpload(
                upload_id=upload_id,
                door=UploadDoor.HTTP,
                media_type=media_type,
                senders=authorities if named is None else frozenset({named}),
                received_at=aware(self._clock()),
                digest=digest(copied.content, self._key),
                complete=complete and named is not None,
            )
            return _accepted(await self._settled(draft, upload))
        finally:
            await asyncio.to_thread(draft.discard)

    def _may_be_complete(self, authority: OdsCode) -> bool:
        """Tell whether it is agreed with an authority that its files may be complete."""
        settled = self._senders.authorities.get(authority)
        return settled is not None and settled.complete

    async def _settled(self, draft: UploadDraft, upload: KeptUpload) -> KeptUpload:
        """Return what is known of a file: kept now, or what came of the same before."""
        earlier = None
        with suppress(UploadLost):  # what is known of it is damaged: this takes its place
            earlier = await asyncio.to_thread(self._store.find, upload.upload_id)
        if earlier is not None:
            if (earlier.digest, earlier.complete) != (upload.digest, upload.complete):
                raise RequestIdReused
            if not earlier.may_be_sent_again:
                return earlier
        await asyncio.to_thread(draft.place)
        await asyncio.to_thread(self._store.settle, upload, {})
        self._queue.add(upload.upload_id, upload.senders)
        return upload

    async def _status(self, request: HttpRequest) -> HttpAnswer:
        """Say what became of an upload."""
        try:
            return HttpAnswer(status=200, body=_said(await self._own(request)))
        except BrokerError as error:
            return _problem(error)

    async def _acknowledgement(self, request: HttpRequest) -> HttpAnswer:
        """Hand over the answer to an upload."""
        try:
            upload = await self._own(request)
            if upload.lost:
                raise UploadLost
            if upload.result is None:
                raise UploadUnanswered
            as_json = request.prefers(JSON, to=MediaType.XML)
            part = Part.JSON if as_json else Part.XML
            body = await asyncio.to_thread(lambda: b"".join(self._store.read(upload.upload_id, part)))
            if not body:
                raise UploadLost
            return HttpAnswer(status=200, body=body, content_type=JSON if as_json else MediaType.XML)
        except BrokerError as error:
            return _problem(error)

    async def _own(self, request: HttpRequest) -> KeptUpload:
        """Return the upload that is asked about; raise `NoSuchUpload` where it is not of whoever asks."""
        authorities = self._senders.authorities_of(request.peer)
        if not authorities:
            raise AuthorityUnknown
        upload = await asyncio.to_thread(self._store.find, request.named["id"])
        if upload is None or not upload.is_for(authorities):
            raise NoSuchUpload
        return upload


def _says_complete(request: HttpRequest) -> bool:
    """Tell whether a request says that its file is complete; raise `RequestRefused` for another word."""
    said = request.query.get("complete", ("false",))
    if said not in {("true",), ("false",)}:
        raise RequestRefused(_BAD_REQUEST, "complete is neither true nor false")
    return said == ("true",)


async def _large(pieces: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """Yield what comes in pieces that are worth a thread each; an empty body is one empty piece."""
    waiting = bytearray()
    async for piece in pieces:
        waiting += piece
        if len(waiting) >= _PIECE_BYTES:
            yield bytes(waiting)
            waiting.clear()
    yield bytes(waiting)


async def _refuse(_request: HttpRequest, fault: RequestRefused) -> HttpAnswer:
    """Answer a request that is none that is taken; nothing of it is kept."""
    return _problem(fault, fault.status)


def _problem(error: BrokerError, status: int | None = None) -> HttpAnswer:
    """Return the answer that says what is wrong; trouble of our own says no more than when to come again."""
    status = status or _STATUSES.get(type(error), 503)
    later = status in {409, _UNDER_WAY, 503}
    return problem(error, status, retry_after=RETRY_AFTER_SECONDS if later else None)


def _accepted(upload: KeptUpload) -> HttpAnswer:
    """Return the answer to an upload that is durable."""
    return HttpAnswer(
        status=202,
        body=_said(upload),
        headers={"Location": f"{BASE}/{upload.upload_id}", "Retry-After": str(RETRY_AFTER_SECONDS)},
    )


def _said(upload: KeptUpload) -> bytes:
    """Return the status of an upload as JSON."""
    said: dict[str, Any] = {
        "id": upload.upload_id,
        "state": "waiting" if upload.waits else "lost" if upload.lost else "done",
        "received_at": upload.received_at.isoformat(timespec="seconds"),
        "acknowledgement": f"{BASE}/{upload.upload_id}/acknowledgement",
        "complete": upload.complete,
    }
    if upload.result is not None:
        result = upload.result
        said |= {"code": result.code, "loaded": result.loaded, "failed": result.failed, "plans": result.plans}
    elif upload.postponed:
        said["postponed"] = upload.postponed
    if not upload.waits:
        said["send_again"] = upload.may_be_sent_again
    return json.dumps(said).encode()


def _told(*statuses: int) -> dict[int, str]:
    """Return what some statuses mean."""
    return {status: _TOLD[status] for status in statuses}
