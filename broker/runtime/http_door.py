"""
The HTTP door as the settings have it: it is there where it has a port.

Knows which operations it has, who is told what of it, and what its TLS needs.
"""

from collections import Counter
from collections.abc import Callable, Iterable

from broker.adapters.http_server import HttpServer, HttpWatch
from broker.core.senders import Senders
from broker.runtime import log_events as events
from broker.runtime.door_tls import door_tls, handshake_teller
from broker.runtime.logs import Log
from broker.runtime.metrics import HTTP_ANSWERS, HTTP_CONNECTIONS, Metrics
from broker.runtime.settings import Settings
from broker.services.described import described
from broker.services.dialects import FhirR4
from broker.services.fhir_door import Admitted, FhirDoor, refused_in_fhir
from broker.services.intake import Intake
from broker.wire.fhir_capabilities import capabilities
from broker.wire.http import Operation

_OPENED = "opened"


def http_door(
    settings: Settings,
    senders: Senders,
    intake: Intake,
    metrics: Metrics,
    *,
    admitted: Admitted,
    connected: Callable[[], None],
    more: Iterable[Operation] = (),
) -> HttpServer | None:
    """
    Return the door, None where no port is set; `admitted` says who may send for whom.

    `more` are operations beside those of hospitals. `connected` is told of each new connection: another
    intake may have had its sender until now (44).

    Raises `ConfigurationError` where its TLS is not set up rightly.
    """
    if settings.http_port is None:
        return None
    FhirR4(senders).load()

    def count(event: str) -> None:
        """Count what becomes of connections, and tell of a new one."""
        metrics.add(HTTP_CONNECTIONS, event=event)
        if event == _OPENED:
            connected()

    door = FhirDoor(intake, senders, admitted=admitted, capabilities=capabilities())
    return HttpServer(
        described((*door.operations(), *more)),
        otherwise=refused_in_fhir,
        host=settings.http_host,
        port=settings.http_port,
        watch=HttpWatch(
            count=count,
            answered=lambda operation, status: metrics.add(
                HTTP_ANSWERS, operation=operation or "none", status=str(status)
            ),
            failed_handshake=handshake_teller(Log("intake"), metrics, HTTP_CONNECTIONS, Counter()),
        ),
        tls=door_tls(settings, senders, "HTTP"),
    )


async def open_http(door: HttpServer | None, settings: Settings) -> None:
    """Open a door, if there is one; raise `ConfigurationError` where its address cannot be had."""
    if door is None:
        return
    try:
        await door.start()
    except OSError as error:
        raise settings.cannot_listen("http", error) from error
    Log("intake").write(events.HttpDoorReady(address=settings.http_host, port=door.port))
