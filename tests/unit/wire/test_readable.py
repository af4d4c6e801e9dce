"""Core values as plain JSON."""

import json
from datetime import UTC, date, datetime
from typing import Any

import pytest

from broker.core.alerts import Recipient, RecipientKind, VisitState
from broker.core.identifiers import NhsNumber, OdsCode
from broker.wire.readable import readable

VALUES = [
    (None, None),
    (True, True),
    (3, 3),
    ("text", "text"),
    (VisitState.DIED, "died"),
    (OdsCode("RXX"), "RXX"),
    (NhsNumber("9990000018"), "9990000018"),
    (datetime(2026, 3, 2, 10, tzinfo=UTC), "2026-03-02T10:00:00Z"),
    (date(2026, 3, 2), "2026-03-02"),
    ({"a": (1, [date(2026, 1, 1)])}, {"a": [1, ["2026-01-01"]]}),
    (Recipient(kind=RecipientKind.PROVIDER, code=OdsCode("RXX")), {"kind": "provider", "code": "RXX"}),
]


@pytest.mark.parametrize(("value", "expected"), VALUES)
def test_a_core_value_becomes_json(value: Any, expected: Any) -> None:
    """Codes and digits become text, records become objects, and all of it can be written as JSON."""
    shown = readable(value)

    assert expected == shown
    assert expected == json.loads(json.dumps(shown))


def test_anything_else_is_a_defect() -> None:
    """A value without a readable form is named by its type."""
    with pytest.raises(TypeError, match="complex has no readable form"):
        readable(1j)
