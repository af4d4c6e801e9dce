"""
Watches for senders that have fallen silent: those of the file of senders, by what the log says they sent.

Fed from `cpis.in.attendances` from its beginning, it knows after a restart what was usual before; whatever
intake took a message, it is heard here.
"""

from collections.abc import Iterator
from datetime import datetime
from typing import NamedTuple

from broker.core.identifiers import OdsCode
from broker.core.sender_quality import sender_name
from broker.core.senders import Senders
from broker.core.silence import Heard


class Quiet(NamedTuple):
    """How it stands with one sender: last heard when, None for never; whether its silence is alarming."""

    sender: str
    since: datetime | None
    silent: bool


class SenderWatch:
    """
    The senders of a file; without one nobody is watched, since anybody may be one.

    `names` are what the watched ones are called.
    """

    def __init__(self, senders: Senders) -> None:
        """Begin with nothing heard."""
        self._watched = {
            sender_name(provider, system): (Heard(), sender.quiet_after)
            for provider, said in (senders.providers or {}).items()
            for system, sender in said.sender.items()
        }
        self.names = frozenset(self._watched)

    def count(self, provider: OdsCode, system: str, at: datetime) -> None:
        """Take in a message that the log holds: what is usual is taken from these."""
        found = self._watched.get(sender_name(provider, system))
        if found is not None:
            found[0].at(at)

    def heard(self, provider: OdsCode, system: str, at: datetime) -> None:
        """Take in that a sender was heard, whatever became of its message."""
        found = self._watched.get(sender_name(provider, system))
        if found is not None:
            found[0].heard(at)

    def look(self, now: datetime) -> Iterator[Quiet]:
        """Yield how it stands with each sender at `now` (aware)."""
        for name, (heard, quiet_after) in sorted(self._watched.items()):
            yield Quiet(name, heard.last, heard.silent(now, quiet_after=quiet_after))
