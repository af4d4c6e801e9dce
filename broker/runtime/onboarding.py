"""
Puts a new provider into the files that name it, and looks at what is missing before it goes live.

Plans first and changes nothing; what is planned twice is done once. A file that was shipped with the program
is never changed: the site needs one of its own.
"""

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from broker.adapters.cluster import Cluster
from broker.adapters.kafka_topics import existing_topics
from broker.adapters.storage import unusable
from broker.adapters.topic_declarations import Topics as Declared
from broker.adapters.topic_declarations import load_topics
from broker.core.errors import ConfigurationError
from broker.core.identifiers import OdsCode
from broker.core.onboarding import NewSender, Topics, at_odds, missing, with_provider, with_sender
from broker.core.senders import Senders
from broker.ports import Topic
from broker.runtime.parts import assemble
from broker.runtime.senders_file import parse_senders
from broker.runtime.settings import Settings
from broker.runtime.topics import declared_topics


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One file as it is to be; `added` are the lines that were not there."""

    path: Path
    text: str
    added: tuple[str, ...]

    def write(self) -> None:
        """Replace the file in one step, as readable as it was; raise `StorageUnusable`."""
        path = self.path.resolve()  # a link goes on leading there
        draft = path.with_name(f".{path.name}.tmp")
        try:
            draft.write_text(self.text, "utf-8")
            if path.exists():
                shutil.copymode(path, draft)
            draft.replace(path)
        except OSError as error:
            draft.unlink(missing_ok=True)
            raise unusable("the file", self.path, error) from error


def plan(settings: Settings, new: NewSender, *, writes: bool) -> Iterator[Change]:
    """
    Yield the files that have to change; `writes`: it gets a topic to write to as well.

    Raises `ConfigurationError` where the site has no file of its own, the sender stands there otherwise, or
    what would be written is refused.
    """
    yield from _senders(settings, new)
    yield from _topics(settings, new.provider, writes=writes)


def beside(settings: Settings) -> Path:
    """Return the directory of certificate requests where nobody names one; raise `ConfigurationError`."""
    return _senders_file(settings).parent / "requests"


def _senders_file(settings: Settings) -> Path:
    """Return where the file of senders is to be; raise `ConfigurationError`."""
    if settings.senders_file is None:
        raise ConfigurationError(
            "CPIS_SENDERS_FILE is not set: the file that the sender is to be written into"
        )
    return settings.senders_file


def _senders(settings: Settings, new: NewSender) -> Iterator[Change]:
    """Yield the file of senders with the new one; one that stands there otherwise is left to a person."""
    path = _senders_file(settings)
    text = _read(path) if path.exists() else ""
    known = parse_senders(text, str(path))
    asked = parse_senders(with_sender("", Senders(), new), str(path))
    if keys := at_odds(known, asked, new):
        raise ConfigurationError(
            f"{path}: {new.provider}/{new.system} stands there already, with other {' and '.join(keys)} than "
            "are asked for now; change it there by hand, or ask for what stands there"
        )
    after = with_sender(text, known, new)
    parse_senders(after, str(path))  # refuses what could not be read at the next start
    yield from _changed(path, text, after)


def _topics(settings: Settings, provider: OdsCode, *, writes: bool) -> Iterator[Change]:
    """Yield the topics file with the provider's topics."""
    path = settings.topics_file
    if path is None:
        raise ConfigurationError(
            "CPIS_TOPICS_FILE is not set: the topics file that is shipped is not yours to change; make a "
            "copy, and name it"
        )
    text = after = _read(path)
    for table in ("recipients", "senders") if writes else ("recipients",):
        changed = with_provider(after, table, provider)
        if changed is None:
            raise ConfigurationError(
                f"{path}: [{table}] has no line `providers = [...]` to write {provider} into"
            )
        after = changed
    load_topics(after)  # refuses what could not be applied
    yield from _changed(path, text, after)


def _read(path: Path) -> str:
    """Return a file's text; raise `ConfigurationError`."""
    try:
        return path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"{path} cannot be read: {type(error).__name__}") from error


def _changed(path: Path, before: str, after: str) -> Iterator[Change]:
    """Yield a change, none where there is none."""
    if after != before:
        known = set(before.splitlines())
        added = tuple(line for line in after.splitlines() if line and line not in known)
        yield Change(path=path, text=after, added=added)


async def gaps(settings: Settings, provider: OdsCode, cluster: Cluster | None) -> list[str]:
    """Return what a provider lacks; without a cluster nobody looks there. Raises `KafkaUnavailable`."""
    parts = assemble(settings)
    declared = declared_topics(settings.topics_file)
    present = None if cluster is None else await existing_topics(cluster)
    return [*missing(provider, parts.senders, _topics_of(provider, declared, present), parts.policy)]


def _topics_of(provider: OdsCode, declared: Declared, present: frozenset[str] | None) -> Topics:
    """Return which topics of a provider are declared."""
    told = f"{Topic.ALERTS}.provider.{provider}"
    written = next((name for name, owner in declared.written.items() if owner == provider), None)
    return Topics(told if told in declared.names else None, written, present)
