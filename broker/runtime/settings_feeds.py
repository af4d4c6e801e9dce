"""The settings about local authorities and the health of their feeds."""

from pathlib import Path

from pydantic import BaseModel, Field


class FeedSettings(BaseModel):
    """What is settled of authorities' feeds; `Settings` inherits it."""

    authorities_file: Path | None = Field(
        default=None,
        description="file (CSV) of the local authorities: names, successors, office hours, telephones, "
        "mailboxes; without it those are known that have sent a plan or have a topic",
    )
    feed_stale_hours: int = Field(
        default=48,
        ge=1,
        le=840,
        description="hours after which an authority's plans are called stale, counted from when the newest "
        "of its files of which something was taken says that it was made",
    )
    feed_gate_percent: int = Field(
        default=95,
        ge=1,
        le=100,
        description="per cent of an authority's records that must match a person before its feed goes live; "
        "below it there is a warning (R20)",
    )
    feed_reconciliation: bool = Field(
        default=False,
        description="whether an authority may fetch its own plans over HTTP, to be laid beside its list: "
        "intake then reads people's records, and writes that it did into the audit trail",
    )
