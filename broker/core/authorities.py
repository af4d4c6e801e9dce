"""
The list of local authorities: who they are, who took over from whom, and how each is reached.

Knows what a row may say together with the others. How the file reads:
`broker.runtime.authorities_file`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from functools import cached_property

from broker.core.destinations import Authority as Settled
from broker.core.identifiers import OdsCode
from broker.core.office_hours import OfficeHours
from broker.core.policy import AnyPolicy, Policy
from broker.core.policy_keys import Successor
from broker.core.senders import Senders


@dataclass(frozen=True, slots=True, kw_only=True)
class Authority:
    """
    One row: an authority that answers, or one that another has taken over from (dossier 7.2).

    `successors` took over on the day `opens_on`; several where the area was divided. The telephone numbers
    are for whoever asks about a feed: in an alert stand those that came with the plan (R17).
    """

    code: OdsCode
    name: str
    successors: tuple[OdsCode, ...] = ()
    opens_on: date | None = None
    office_hours: OfficeHours | None = None
    office_telephone: str = ""
    emergency_telephone: str = ""
    mailbox: str = ""

    def is_closed(self, day: date) -> bool:
        """Tell whether another has taken over by a day."""
        return self.opens_on is not None and self.opens_on <= day

    @property
    def divided(self) -> bool:
        """Whether several took over: to which of them a child went does not follow from the code."""
        return len(self.successors) > 1


@dataclass(frozen=True, kw_only=True)
class Authorities:
    """Every row by its code; empty where no list is given, and then nothing follows from it."""

    rows: Mapping[OdsCode, Authority] = field(default_factory=dict)

    def of(self, code: OdsCode) -> Authority | None:
        """Return the row of a code, None for one that is not listed."""
        return self.rows.get(code)

    def of_mailbox(self, mailbox: str) -> Authority | None:
        """Return whose a MESH mailbox is, None for nobody's."""
        return self._mailboxes.get(mailbox)

    @property
    def with_mailboxes(self) -> bool:
        """Whether any authority has a mailbox."""
        return any(self._mailboxes)

    def name(self, code: OdsCode) -> str:
        """Return what people call an authority, its code where it is not listed."""
        row = self.rows.get(code)
        return code.code if row is None else row.name

    def open_on(self, day: date) -> frozenset[OdsCode]:
        """Return those that are to send plans on a day: neither taken over by then, nor yet to open."""
        early = {code for row in self.rows.values() if not row.is_closed(day) for code in row.successors}
        return frozenset(code for code, row in self.rows.items() if not row.is_closed(day)) - early

    @cached_property
    def successors(self) -> Mapping[OdsCode, Successor]:
        """
        Who takes over an authority's alerts (ruling 19).

        Nobody where the area was divided: an alert might go to the wrong one. It stays with the old code
        until the plan has been uploaded under a new one.
        """
        return {
            code: Successor(code=row.successors[0], opens_on=row.opens_on)
            for code, row in self.rows.items()
            if row.opens_on is not None and not row.divided
        }

    @cached_property
    def _mailboxes(self) -> Mapping[str, Authority]:
        """The rows by their mailboxes."""
        return {row.mailbox: row for row in self.rows.values() if row.mailbox}


def with_successors(policy: AnyPolicy, authorities: Authorities) -> AnyPolicy:
    """
    Return a policy by which alerts go to the successors of the list as well as to its own (ruling 19).

    Whoever reads both files has seen to it that no authority stands in both.
    """
    if not authorities.successors:
        return policy

    def joined(one: Policy) -> Policy:
        """Return one of several policies with the successors of both."""
        return replace(one, successors={**authorities.successors, **one.successors})

    if isinstance(policy, Policy):
        return joined(policy)
    later = tuple((start, joined(one)) for start, one in policy.later)
    return replace(policy, first=joined(policy.first), later=later)


def with_hours(senders: Senders, authorities: Authorities) -> Senders:
    """Return what is settled of senders, with the office hours of the list where the file gives none (45)."""
    settled = dict(senders.authorities)
    for code, row in authorities.rows.items():
        own = settled.get(code, Settled())
        if row.office_hours is not None and own.office_hours is None:
            settled[code] = replace(own, office_hours=row.office_hours)
    return replace(senders, authorities=settled)
