"""Who may have people traced over the message exchange, as the settings have it."""

from collections.abc import Callable

from broker.core.errors import ConfigurationError
from broker.ports import Clock
from broker.runtime.asking import Source
from broker.runtime.settings import Settings
from broker.services.mesh_inbox import Handler
from broker.services.mesh_post import MeshPost
from broker.services.mesh_traces import MeshTraces


def check_who_traces(settings: Settings, source: Source | None) -> None:
    """Refuse that people may be traced where nobody can be asked; raise `ConfigurationError`."""
    if settings.trace_mailboxes and source is None:
        raise ConfigurationError("CPIS_MESH_TRACE_MAILBOXES needs a demographic source: set CPIS_PDS_URL")


def mesh_traces(
    settings: Settings,
    source: Source | None,
    post: MeshPost,
    *,
    clock: Clock,
    told: Callable[[str, int], None],
    refused: Callable[[str, str], None],
) -> dict[str, Handler]:
    """Return what handles files of people, by workflow id; nothing where no mailbox may ask."""
    mailboxes = settings.trace_mailboxes
    if source is None or not mailboxes:
        return {}
    traces = MeshTraces(
        source.demographics,
        post,
        mailboxes=mailboxes,
        workflow=settings.mesh_trace_answer_workflow,
        at_once=source.at_once,
        clock=clock,
        told=told,
        refused=refused,
    )
    return {settings.mesh_trace_workflow: traces}
