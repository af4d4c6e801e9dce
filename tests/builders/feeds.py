"""What became of authorities' files, as their feeds are judged by."""

from collections.abc import Mapping
from datetime import UTC, datetime

from broker.core.feeds import FileTaken
from broker.core.identifiers import OdsCode

OURS = OdsCode("211")
NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)


def taken(
    codes: Mapping[str, int] | None = None,
    *,
    at: datetime = NOON,
    authority: OdsCode = OURS,
    code: str = "CPF02",
    key: str | None = None,
) -> FileTaken:
    """Return what became of a file of these records."""
    codes = {"CPR06": 1} if codes is None else codes
    return FileTaken(
        authority=authority,
        file_key=key or at.isoformat(),
        code=code,
        created_at=at,
        received_at=at,
        found=sum(codes.values()) or 3,
        plans=codes.get("CPR06", 0),
        codes=codes,
    )
