"""The declaration of the topics that this deployment goes by."""

from pathlib import Path

from broker.adapters.topic_declarations import Topics, load_topics
from broker.core.errors import ConfigurationError, TopicsRefused
from broker.runtime.resources import topics_file


def declared_topics(file: Path | None) -> Topics:
    """
    Return the declaration in `file`, or else the one shipped with the program.

    Raises `TopicsRefused` for what is wrong in it, `ConfigurationError` where it cannot be read.
    """
    path = file or topics_file()
    try:
        text = path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise ConfigurationError(f"the topics file {path.name} cannot be read: {reason}") from error
    try:
        return load_topics(text)
    except TopicsRefused as error:
        raise TopicsRefused(f"{path}: {error}") from None
