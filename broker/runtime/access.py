"""Who may do what on the cluster of this deployment, and what the roles of one process need of it."""

from collections.abc import Iterable
from pathlib import Path

from broker.adapters.access_declarations import Access, Grant, Operation, load_access
from broker.adapters.topic_declarations import Topics
from broker.core.errors import ConfigurationError
from broker.runtime.resources import access_file
from broker.runtime.settings import Settings
from broker.runtime.topics import declared_topics


def declared_access(settings: Settings, file: Path | None = None, topics: Topics | None = None) -> Access:
    """
    Return the declaration in `file`, or else the one shipped with the program, for the declared topics.

    Raises `AccessRefused` for what is wrong in it, `ConfigurationError` where it cannot be read.
    """
    path = file or access_file()
    try:
        text = path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise ConfigurationError(f"the access file {path.name} cannot be read: {reason}") from error
    return load_access(text, topics or declared_topics(settings.topics_file), settings.application_id)


def needed(settings: Settings, roles: Iterable[str]) -> tuple[Grant, ...]:
    """
    Return the rights without which these roles cannot work, by the shipped declaration.

    To see a topic's settings is none of them: where that is not granted, less is looked at before the start.
    """
    access = declared_access(settings, topics=declared_topics(None))
    grants = (grant for role in roles for grant in access.of(role).grants)
    return tuple(grant for grant in grants if grant.operation is not Operation.DESCRIBE_CONFIGS)
