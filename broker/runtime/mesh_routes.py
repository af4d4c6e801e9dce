"""
The authorities that are told over the message exchange: whose alerts go to which mailbox, and when.

Knows what must be declared for it: a mailbox in the list of authorities, and a topic of the authority's own,
since its own ids of child and upload stand in nothing else that we may read.
"""

from collections.abc import Mapping
from datetime import datetime
from functools import partial

from broker.adapters.sent_messages import SqlSentMessages
from broker.core.alerts import RecipientKind
from broker.core.destinations import Mesh
from broker.core.errors import ConfigurationError
from broker.core.identifiers import OdsCode
from broker.core.windows import Window, window_end
from broker.ports import Topic
from broker.runtime.correspondents import who_tells
from broker.runtime.destinations import Route
from broker.runtime.la_notifications import told_over_http
from broker.runtime.mesh import mailbox
from broker.runtime.parts import Parts, present
from broker.runtime.settings import Settings
from broker.runtime.topics import declared_topics
from broker.services.couriers import taken_back
from broker.services.delivering import Courier, Destination
from broker.services.mesh_courier import MESH, MeshCourier, Office, in_one
from broker.wire.access_notification import Correspondents
from broker.wire.alerts_codec import Published
from broker.wire.answer_codec import Sendable
from broker.wire.inactive_notification import tells_of_inactive_number

_SECONDS = 4.0  # of one exchange of bytes: two of them fit into an attempt


def destination_of(code: OdsCode) -> str:
    """Return what the destination of an authority is called."""
    return f"{RecipientKind.AUTHORITY}.{code}.{MESH}"


def told_over_mesh(parts: Parts) -> Mapping[OdsCode, Mesh]:
    """Return what is settled of each authority that is told over the exchange."""
    return {code: one.mesh for code, one in parts.senders.authorities.items() if one.mesh is not None}


def own_topics(settings: Settings, parts: Parts) -> frozenset[str]:
    """
    Return the own topics of authorities that are told over the exchange, or fetch what they were told.

    Raises `ConfigurationError` for one of the former that has none.
    """
    told = told_over_mesh(parts)
    declared = declared_topics(settings.topics_file).local_authorities if told else frozenset()
    lacking = sorted(code.code for code in told if code not in declared)
    if lacking:
        raise ConfigurationError(
            f"[authority.{lacking[0]}.mesh]: the authority needs a topic of its own: add it to [recipients] "
            "of the topics file"
        )
    followed = told.keys() | told_over_http(settings, parts)
    return frozenset(f"{Topic.ALERTS.value}.{RecipientKind.AUTHORITY}.{code}" for code in followed)


def correspondents(settings: Settings, parts: Parts, code: OdsCode) -> tuple[Correspondents, Office]:
    """Return who tells an authority and where; raise `ConfigurationError` where its mailbox is not listed."""
    listed = parts.authorities.of(code)
    if listed is None or not listed.mailbox:
        raise ConfigurationError(
            f"[authority.{code}.mesh]: CPIS_AUTHORITIES_FILE names no mailbox of this authority"
        )
    workflows = settings.workflows
    return who_tells(settings, parts, code), Office(
        destination=destination_of(code),
        mailbox=listed.mailbox,
        access=workflows.access,
        inactive=workflows.inactive,
    )


def mesh_routes(settings: Settings, parts: Parts) -> Mapping[str, Route]:
    """
    Return the destinations that are told over the exchange, by their names.

    Raises `ConfigurationError` where there is no exchange, or no mailbox of an authority's.
    """
    told = told_over_mesh(parts)
    if told and settings.mesh_url is None:
        raise ConfigurationError(f"[authority.{min(told)}.mesh]: CPIS_MESH_URL names no message exchange")
    return {
        route.destination.name: route for route in (_route(settings, parts, *one) for one in told.items())
    }


def _route(settings: Settings, parts: Parts, code: OdsCode, mesh: Mesh) -> Route:
    """Return the destination of one authority."""
    between, office = correspondents(settings, parts, code)
    recipient = f"{RecipientKind.AUTHORITY}.{code}"

    def due(sendable: Sendable, now: datetime) -> datetime:
        """Return when an event goes out: a number not in use at once, an access at the end of its window."""
        if isinstance(sendable, Published) and tells_of_inactive_number(sendable.event):
            return now
        return window_end(mesh.notifications, now)

    def courier() -> Courier:
        """Return what tells the authority."""
        box = mailbox(settings, seconds=_SECONDS)
        assert box is not None  # noqa: S101 - an exchange is named
        sent = SqlSentMessages(settings.database_url)
        return MeshCourier(box, office, between, sent=sent, clock=present)

    destination = Destination(
        name=office.destination,
        recipient=recipient,
        own=True,
        due=due,
        overtaken=taken_back,
        together=None if mesh.notifications is Window.IMMEDIATE else partial(in_one, office, between),
    )
    return Route(destination, courier)
