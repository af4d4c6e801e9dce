"""
Who may send for which provider, and how its messages are read: the file of senders.

Knows the tables of the file, each a class whose fields are its keys, and whose connection a message may come
in on. A key more is a field more, a table more a field declared with `inner`: the reader, the refusals and
the reference page go by them. What a visit means stays in the policy.
"""

import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo

from broker.core.destinations import Authority, Deliver, National
from broker.core.errors import NotItsSender
from broker.core.facts import VisitEvent
from broker.core.identifiers import OdsCode
from broker.core.office_hours import OfficeHours
from broker.core.policy_keys import Unit, choice, codes, flag, names, span, text
from broker.core.sender_keys import (
    Codes,
    CompanionPlaces,
    Network,
    NumberPlaces,
    certificates,
    companion_places,
    count,
    inner,
    networks,
    number_places,
    one_of,
    tokens,
    translation,
    zone,
)

CHARACTER_SETS = frozenset(
    {"ASCII", "UNICODE UTF-8", *(f"8859/{part}" for part in (1, 2, 3, 4, 5, 6, 7, 8, 9, 15)), "WINDOWS-1252"}
)
"""What messages are written in: table 0211, and what systems on Windows write without saying so."""
MERGES = frozenset({"A40", "A34"})
"""The trigger events of a merge; A34 is not in the UK specification, and taken as a merge too."""
PERSONS = frozenset({"A28", "A31"})
"""The trigger events about a person and no visit."""
VISITS = frozenset(VisitEvent)
"""The trigger events about a visit."""
TAKEN = VISITS | MERGES | PERSONS
"""Every trigger event that is taken."""
MESSAGE_PLACES = ("MSH-4", "MSH-3")
"""Where a message of HL7 v2 names the provider and the sending system."""
_TO_STRANGERS = 2  # on which it is told, message by message, that it may not send


class Unknown(StrEnum):
    """What becomes of a message whose event is not taken."""

    ACCEPT = "accept"
    REFUSE = "refuse"


@dataclass(frozen=True, slots=True)
class Peer:
    """
    Who is at the other end of a connection.

    `address` is an IP address; `certificates` are what `Sender.certificates` may call the certificate that
    was shown, none where none was; `tokens` likewise, of a token that came with a request over HTTP.
    """

    address: str
    certificates: frozenset[str] = frozenset()
    tokens: frozenset[str] = field(default=frozenset(), repr=False)

    @property
    def key(self) -> object:
        """Whose connections are counted together: those with one certificate, else from one address."""
        return self.certificates or self.address

    def comes_from(self, among: tuple[Network, ...]) -> bool:
        """Tell whether its address is in one of some networks; one of IPv4 within IPv6 counts as itself."""
        try:
            address = ipaddress.ip_address(self.address.partition("%")[0])
        except ValueError:
            return False
        mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
        return any((mapped or address) in network for network in among)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sender:
    """`[provider.ODS.sender.MSH-3]`: one sending system of a provider."""

    certificates: frozenset[str] = certificates(
        rule="dossier 6.5",
        meaning="Who may send in its name, by the certificate that is shown in the TLS handshake",
    )
    addresses: tuple[Network, ...] = networks(
        rule="dossier 6.5",
        meaning="Who may send in its name, by the address of the connection; beside `certificates` both fit",
    )

    max_connections: int = count(
        20,
        least=1,
        most=1_000,
        rule="dossier 6.5",
        meaning="How many connections it may have at once; several with one certificate have theirs together",
    )
    versions: frozenset[str] = codes(
        *("2.3", "2.3.1", "2.4", "2.5", "2.5.1"),
        rule="dossier 6.4",
        meaning="What MSH-12 may be. In the defaults what is read means the same; compare messages before "
        "you add one",
    )
    profile: str | None = text(
        rule="dossier 6.4",
        meaning="The conformance profile of MSH-21; a message that names another is taken and counted",
    )
    time_zone: ZoneInfo = zone(
        "Europe/London",
        rule="rulings, Time",
        meaning="The wall clock of times that are written without an offset",
    )
    character_set: str | None = one_of(
        CHARACTER_SETS,
        rule="dossier 6.4",
        meaning="What the messages are written in when MSH-18 says nothing; else UTF-8, failing that 8859/1",
    )
    number_in: NumberPlaces = number_places(
        rule="ruling 36", meaning="Where in PID the NHS number stands, instead of the usual places"
    )
    accompanied_in: CompanionPlaces = companion_places(
        rule="ruling 29",
        meaning="Where it stands who came with the patient, and nothing else: only then is it told, to the "
        "authority alone; a next of kin is no companion",
    )
    events: frozenset[str] = names(
        TAKEN,
        default=TAKEN,
        rule="dossier 6.4",
        meaning="The trigger events that are taken; any other is an unknown one",
    )
    read_as: Codes = translation(
        VISITS,
        rule="dossier 6.4",
        meaning="Trigger events that this system sends instead of one that is taken, such as A06 for A01",
    )
    unknown_events: Unknown = choice(
        Unknown,
        Unknown.REFUSE,
        rule="dossier 6.5",
        meaning="What becomes of a message of another event: `accept` answers `AA`, counts it and reads no "
        "more of it; `refuse` answers `AR` with code 201 and keeps it",
    )
    patient_classes: Codes = translation(
        rule="ruling 4", meaning="The site's own codes in PV1-2, each with the national one"
    )
    admission_types: Codes = translation(
        rule="ruling 4", meaning="The site's own codes in PV1-4, each with the national one"
    )
    dispositions: Codes = translation(
        rule="R46", meaning="The site's own codes in PV1-36, each with the national one"
    )
    quiet_after: timedelta = span(
        30,
        Unit.MINUTES,
        least=1,
        most=7 * 24 * 60,
        rule="dossier 8.5",
        meaning="How long it may say nothing at an hour when messages usually come, before that is an alarm",
    )
    tokens: frozenset[str] = tokens(
        rule="dossier 6.7",
        meaning="Who may post in its name over HTTP, by the token that comes with the request; beside "
        "`certificates` either of them fits",
    )
    visit_system: str | None = text(
        rule="ruling 6",
        meaning="System (URI) of the identifiers by which its visits are numbered in FHIR: they are the "
        "visits of its HL7 v2 messages (PV1-19)",
    )

    def may_come_from(self, peer: Peer) -> bool:
        """Tell whether a connection is one of this sender's."""
        shown = self.certificates & peer.certificates or self.tokens & peer.tokens
        if (self.certificates or self.tokens) and not shown:
            return False
        if self.addresses and not peer.comes_from(self.addresses):
            return False
        return bool(self.certificates or self.tokens or self.addresses)


UNSETTLED = Sender()
"""What holds of a sender of which nothing is settled."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Provider:
    """`[provider.ODS]`: one provider, by the code that its messages carry in MSH-4."""

    name: str | None = text(rule="dossier 7.2", meaning="What people call the provider")
    places_settled: bool = flag(
        default=False,
        rule="rulings 4, 47",
        meaning="Whether the site has said that the policy lists all its clinics and sensitive places, or "
        "that it has none; `cpis onboard check` asks for it",
    )
    sender: Mapping[str, Sender] = inner(
        Sender,
        name="MSH-3",
        meaning="One sending system, by the text that its messages carry in MSH-3",
    )
    deliver: Deliver | None = inner(
        Deliver, meaning="Where this provider's alerts are sent, beside its Kafka topic"
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Senders:
    """
    The whole file: every provider by its ODS code; None without a file, and then anybody may send.

    A provider and a sending system that it does not name may not send. `authorities` are those of which it
    says something, `national` the services whose events are taken.
    """

    providers: Mapping[OdsCode, Provider] | None = None
    authorities: Mapping[OdsCode, Authority] = field(default_factory=dict)
    national: Mapping[str, National] = field(default_factory=dict)

    @property
    def hours(self) -> Mapping[OdsCode, OfficeHours]:
        """The office hours that are known, by authority."""
        known = ((code, authority.hours) for code, authority in self.authorities.items())
        return {code: hours for code, hours in known if hours is not None}

    @property
    def go_by_certificates(self) -> bool:
        """Tell whether any sender is known by its certificate."""
        every = (self.providers or {}).values()
        return any(sender.certificates for provider in every for sender in provider.sender.values())

    @property
    def others_go_by_certificates(self) -> bool:
        """Tell whether any authority or national service is known by its certificate."""
        return any(one.certificates for one in self._others)

    @property
    def go_by_tokens(self) -> bool:
        """Tell whether any sender, authority or national service is known by a token."""
        every = (self.providers or {}).values()
        return any(sender.tokens for provider in every for sender in provider.sender.values()) or any(
            one.tokens for one in self._others
        )

    @property
    def national_mailboxes(self) -> Mapping[str, frozenset[str]]:
        """The workflow ids of national events over MESH, each with the mailboxes they may come from."""
        return {
            workflow: frozenset().union(
                *(one.mailboxes for one in self.national.values() if workflow in one.workflows)
            )
            for service in self.national.values()
            for workflow in service.workflows
        }

    @property
    def _others(self) -> tuple[Authority | National, ...]:
        """Whoever else may post over HTTP."""
        return (*self.authorities.values(), *self.national.values())

    def knows_national(self, peer: Peer) -> bool:
        """Tell whether a connection is one of a national service's; without a file it is none."""
        return any(one.may_come_from(peer.certificates, peer.tokens) for one in self.national.values())

    def authorities_of(self, peer: Peer) -> frozenset[OdsCode]:
        """Return the authorities that whoever is at the other end may act for; none without a file."""
        return frozenset(
            code
            for code, authority in self.authorities.items()
            if authority.may_come_from(peer.certificates, peer.tokens)
        )

    def most_connections(self, peer: Peer) -> int | None:
        """Return how many connections a peer may have, None for any number; a stranger has few."""
        if self.providers is None:
            return None
        senders = (sender for provider in self.providers.values() for sender in provider.sender.values())
        return sum(one.max_connections for one in senders if one.may_come_from(peer)) or _TO_STRANGERS

    def settled(self, provider: OdsCode, system: str) -> Sender:
        """Return what is settled of a system (MSH-3) of a provider (MSH-4), the defaults if nothing."""
        known = (self.providers or {}).get(provider)
        return UNSETTLED if known is None else known.sender.get(system, UNSETTLED)

    def system_named(self, provider: OdsCode, uri: str) -> str | None:
        """Return the system (MSH-3) of a provider whose visits have identifiers of a system in FHIR."""
        known = (self.providers or {}).get(provider)
        named = known.sender.items() if known is not None and uri else ()
        return next((system for system, sender in named if sender.visit_system == uri), None)

    def knows(self, peer: Peer) -> bool:
        """Tell whether a connection is one of any sender's; without a file it is."""
        if self.providers is None:
            return True
        every = (sender for provider in self.providers.values() for sender in provider.sender.values())
        return any(sender.may_come_from(peer) for sender in every)

    def named(self, provider: OdsCode, system: str, *, places: tuple[str, str] = MESSAGE_PLACES) -> Sender:
        """
        Return what is settled of a system of a provider; `places` are where a message says the two.

        Raises `NotItsSender` where there is a file and it does not name them.
        """
        if self.providers is None:
            return UNSETTLED
        provider_at, system_at = places
        if provider not in self.providers:
            raise NotItsSender("sending facility not registered", location=provider_at)
        if system not in self.providers[provider].sender:
            raise NotItsSender("sending application not registered", location=system_at)
        return self.settled(provider, system)

    def admitted(self, provider: OdsCode, system: str, *, peer: Peer) -> Sender:
        """
        Return the same of a message that came in from `peer`.

        Raises `NotItsSender` where the file does not name the two, or the connection is not that sender's.
        """
        sender = self.named(provider, system)
        if self.providers is not None and not sender.may_come_from(peer):
            raise NotItsSender("connection not bound to this sending facility", location=MESSAGE_PLACES[0])
        return sender
