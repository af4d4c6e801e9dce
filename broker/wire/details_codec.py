"""
The values of `cpis.in.details`, and the two states in `cpis.people` that they lead to (ruling 21).

What the log holds is sealed whole: a child who is adopted may keep name and date of birth, and then a digest
of them (ruling 23). The states lie where they can be erased, and are not.
"""

from collections.abc import Iterable, Mapping
from typing import Any, assert_never

from broker.core.errors import MalformedMessage
from broker.core.possible import Clue, Found, Leads, Numbered, OnFile, Placed, Search, Shelf, Sought
from broker.core.possible_keys import Window
from broker.wire.avro import Row, Schemas, frame
from broker.wire.avro_values import millis, ods, refusing
from broker.wire.envelope import Sealer, bound_to, open_row, seal_row

_CLUES = "clues"
_SHELF = "details_shelf"
_SEARCH = "details_search"
_NOTHING: Row = dict.fromkeys(("reference", "window", "sought", "under", "met", "visit", "heard_at"))


class DetailsCodec:
    """Clues, shelves and searches ↔ bytes. What cannot be read raises `MalformedMessage`."""

    def __init__(self, schemas: Schemas, sealer: Sealer) -> None:
        """Take the schemas, and what seals the clues."""
        self._schemas = schemas
        self._sealer = sealer
        self._heads = tuple(frame(schemas.id_of(name), b"") for name in (_SHELF, _SEARCH))

    def holds(self, data: bytes) -> bool:
        """Return whether a value of `cpis.people` is a shelf or a search; asked of everybody at a start."""
        return data.startswith(self._heads)

    def encode_clues(self, key: bytes, placed: Iterable[Placed]) -> bytes:
        """Return a value of `cpis.in.details`, sealed for a record's key; times are cut to milliseconds."""
        rows = [_NOTHING | _clue_row(one.clue) | {"place": one.place} for one in placed]
        clues = self._schemas.encode(_CLUES, {"clues": rows})
        return self._schemas.encode(
            "details", {"sealed": seal_row(self._sealer, clues, bound_to(_CLUES, key))}
        )

    def decode_clues(self, key: bytes, data: bytes) -> list[Placed]:
        """Return what a value of `cpis.in.details` says; raises as `FactCodec.decode` does."""
        sealed = self._schemas.decode("details", data)["sealed"]
        row = self._schemas.decode(_CLUES, open_row(self._sealer, sealed, bound_to(_CLUES, key)))
        with refusing(_CLUES):
            return [Placed(place=clue["place"], clue=_clue(clue)) for clue in row["clues"]]

    def encode_shelf(self, shelf: Shelf) -> bytes:
        """Return what lies under one key of details."""
        on_file = {reference: _window_row(window) for reference, window in shelf.on_file.items()}
        row: Row = {"on_file": on_file, "sought": [_sought_row(one) for one in shelf.sought.values()]}
        row["leads"] = shelf.leads
        return self._schemas.encode(_SHELF, row)

    def encode_search(self, search: Search) -> bytes:
        """Return what was found out about one visit."""
        row: Row = {
            "sought": None if search.sought is None else _sought_row(search.sought),
            "under": sorted(search.under),
            "numbered": search.numbered,
            "heard_at": millis(search.heard_at),
        }
        return self._schemas.encode(_SEARCH, row)

    def decode_state(self, data: bytes) -> Shelf | Search:
        """Return the shelf or the search in a value of `cpis.people`."""
        if self._schemas.subject_of(data) == _SHELF:
            row = self._schemas.decode(_SHELF, data)
            with refusing(_SHELF):
                return Shelf(
                    on_file={reference: Window(**window) for reference, window in row["on_file"].items()},
                    sought={one["visit"]: _sought(one) for one in row["sought"]},
                    leads=row["leads"],
                )
        row = self._schemas.decode(_SEARCH, data)
        with refusing(_SEARCH):
            return Search(
                sought=None if row["sought"] is None else _sought(row["sought"]),
                under=frozenset(row["under"]),
                numbered=row["numbered"],
                heard_at=row["heard_at"],
            )


def _clue(row: Row) -> Clue:
    """Return the clue of a row; raise `MalformedMessage` for one that only a newer release knows."""
    match row["kind"]:
        case "ON_FILE":
            window = row["window"]
            return OnFile(reference=row["reference"], window=None if window is None else Window(**window))
        case "SOUGHT":
            return _sought(row["sought"])
        case "FOUND":
            return Found(sought=_sought(row["sought"]), under=row["under"], met=row["met"])
        case "NUMBERED":
            return Numbered(visit=row["visit"], heard_at=row["heard_at"])
        case "LEADS":
            return Leads(to=row["under"])
        case _:
            raise MalformedMessage("avro symbol unknown", detail="ClueKind")


def _clue_row(clue: Clue) -> Row:
    """Return the fields that a clue of its kind has."""
    match clue:
        case OnFile():
            window = None if clue.window is None else _window_row(clue.window)
            return {"kind": "ON_FILE", "reference": clue.reference, "window": window}
        case Sought():
            return {"kind": "SOUGHT", "sought": _sought_row(clue)}
        case Found():
            sought = _sought_row(clue.sought)
            return {"kind": "FOUND", "sought": sought, "under": clue.under, "met": clue.met}
        case Numbered():
            return {"kind": "NUMBERED", "visit": clue.visit, "heard_at": millis(clue.heard_at)}
        case Leads():
            return {"kind": "LEADS", "under": clue.to}
        case _:
            assert_never(clue)


def _window_row(window: Window) -> Row:
    """Return the days of a window."""
    return {"first": window.first, "last": window.last, "after_birth": window.after_birth}


def _sought_row(sought: Sought) -> Row:
    """Return a visit without a number."""
    return {
        "visit": sought.visit,
        "provider": sought.provider.code,
        "control_id": sought.control_id,
        "arrived_at": millis(sought.arrived_at),
        "there_until": millis(sought.there_until),
        "heard_at": millis(sought.heard_at),
        "births": list(sought.births),
        "passed": sought.passed,
    }


def _sought(row: Mapping[str, Any]) -> Sought:
    """Return the visit of a row; raise `InvalidOdsCode`."""
    return Sought(**{**row, "provider": ods(row["provider"]), "births": tuple(row["births"])})
