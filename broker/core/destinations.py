"""
Where a provider's alerts are delivered beside its Kafka topic; who an authority is over HTTP, and when its
office answers.

Two tables of the file of senders, each a class whose fields are its keys.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path

from broker.core.destination_keys import Server, days, file, office_hours, server, url
from broker.core.feeds import FeedState
from broker.core.office_hours import OfficeHours
from broker.core.policy_keys import choice, codes, flag, text
from broker.core.sender_keys import certificates, count, inner, tokens
from broker.core.windows import Window


@dataclass(frozen=True, slots=True, kw_only=True)
class Deliver:
    """`[provider.ODS.deliver]`: where a provider's alerts are sent, beside its topic."""

    mllp: Server | None = server(
        rule="ruling 30",
        meaning="The integration engine that takes alerts as `ORU^R01` over MLLP",
    )
    mllp_tls: bool = flag(
        default=True,
        rule="dossier 6.5",
        meaning="Whether that engine is spoken to with TLS; a live deployment speaks plainly with its own "
        "machine alone",
    )
    mllp_application: str | None = text(
        rule="dossier 6.5", meaning="What the messages name as the receiving application, MSH-5"
    )
    fhir: str | None = url(
        rule="ruling 30",
        meaning="The base of a FHIR R4 server that takes each alert as a transaction",
    )
    fhir_token_file: Path | None = file(
        rule="peers.md 8.4", meaning="File of the bearer token for it, read anew at each post"
    )
    ca_file: Path | None = file(
        rule="dossier 6.5",
        meaning="File (PEM) of the authorities that may vouch for engine and server; else the system's",
    )
    certificate_file: Path | None = file(
        rule="dossier 6.5", meaning="File (PEM) of the certificate that we show to them, with its chain"
    )
    key_file: Path | None = file(
        rule="dossier 6.5", meaning="File (PEM, not encrypted) of that certificate's private key"
    )
    safeguarding_only: bool = flag(
        default=False,
        rule="ruling 24",
        meaning="Whether the safeguarding role on duty or the nurse in charge alone reads what is "
        "delivered: else what is for that role, a restricted record above all, is told as `could not "
        "check: ring safeguarding`",
    )

    answers: bool = flag(
        default=False,
        rule="ruling 41",
        meaning="Whether the answer for every unscheduled visit is sent as well: plan on file, no plan on "
        "file, could not check",
    )

    def faults(self) -> Iterator[tuple[str, str]]:
        """Yield each key that makes no sense as the others are, with what to do."""
        if self.mllp is None and self.fhir is None:
            yield "mllp", "nothing is delivered: give it `mllp`, `fhir` or both"
        if self.mllp_application is not None and self.mllp is None:
            yield "mllp_application", "mllp_application is of no use without `mllp`"
        if self.fhir_token_file is not None and self.fhir is None:
            yield "fhir_token_file", "fhir_token_file is of no use without `fhir`"
        if (self.certificate_file is None) != (self.key_file is None):
            yield "certificate_file", "certificate_file and key_file go together"


class _Posting:
    """Somebody who is known over HTTP by certificate or token; either of them fits."""

    __slots__ = ()
    certificates: frozenset[str]
    tokens: frozenset[str]

    def may_come_from(self, certificates: frozenset[str], tokens: frozenset[str]) -> bool:
        """Tell whether whoever shows these is this one, or a supplier that acts for it."""
        return bool(self.certificates & certificates or self.tokens & tokens)


@dataclass(frozen=True, slots=True, kw_only=True)
class National(_Posting):
    """`[national.NAME]`: who may post the events of a national service."""

    certificates: frozenset[str] = certificates(
        rule="ruling 38",
        meaning="Who may post the events of this service, by the certificate that is shown in the TLS "
        "handshake",
    )
    tokens: frozenset[str] = tokens(
        rule="ruling 38", meaning="The same by the token that comes with an event; either of them fits"
    )
    mailboxes: frozenset[str] = codes(
        rule="dossier 6.8", meaning="The mailboxes from which its events come over MESH"
    )
    workflows: frozenset[str] = codes(
        rule="dossier 6.8", meaning="The workflow ids of these messages, such as `BIRTHNOTIFICATION_1`"
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Mesh:
    """`[authority.ODS.mesh]`: what an authority is told over MESH, at its mailbox in the list of them."""

    notifications: Window = choice(
        Window,
        Window.IMMEDIATE,
        rule="dossier 3.6",
        meaning="When it is told that somebody came or was looked up; that a number is not in use is told at "
        "once",
    )
    empty: bool = flag(
        default=False,
        rule="dossier 3.6",
        meaning="Whether an empty notification tells it at the end of a window that there was nothing",
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Authority(_Posting):
    """`[authority.ODS]`: who may send an authority's uploads, when to ring its office, how else to tell."""

    certificates: frozenset[str] = certificates(
        rule="R17, dossier 6.5",
        meaning="Who may send this authority's uploads over HTTP and fetch their answers, by the certificate "
        "that is shown in the TLS handshake",
    )
    tokens: frozenset[str] = tokens(
        rule="dossier 6.7",
        meaning="The same by the token that comes with a request; either of them fits",
    )

    office_hours: OfficeHours | None = office_hours(
        rule="ruling 45",
        meaning="When the office answers, Europe/London; at other times, and where this is not known, the "
        "emergency number is the one to ring",
    )
    closed_on: frozenset[date] = days(
        rule="ruling 45", meaning="Days on which it is closed all the same, such as bank holidays"
    )
    feed: FeedState = choice(
        FeedState,
        FeedState.IN_TRIAL,
        rule="R20",
        meaning="How far its feed has come, by a person's word: `live` once 95 in 100 of its records match a "
        "person; a live feed below that is warned of; `closed` once the authority has left and nobody has "
        "taken over: no file is awaited. Plans alert in each until they end",
    )
    complete: bool = flag(
        default=False,
        rule="D17",
        meaning="Whether it may say of a file that it is complete: what the file lacks is then put before a "
        "person, and nothing is ended by that alone",
    )
    stale_hours: int | None = count(
        None,
        least=1,
        most=840,
        rule="R18",
        meaning="Hours after which its plans are called stale, counted from when its newest file says that "
        "it was made; `CPIS_FEED_STALE_HOURS` without it. Whoever sends changes alone has days without any",
    )

    mesh: Mesh | None = inner(Mesh, meaning="What the authority is told over the message exchange, MESH.")

    @property
    def hours(self) -> OfficeHours | None:
        """When the office answers, None where nobody said so."""
        said = self.office_hours
        return None if said is None else replace(said, closed_on=self.closed_on)
