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
