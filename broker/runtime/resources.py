"""
Where the data lie that are shipped with the program: in a checkout's root, or inside the installed package.

Nothing is looked up at import; each function looks when it is called.
"""

from pathlib import Path

from broker.core.errors import ConfigurationError

_PACKAGE = Path(__file__).resolve().parent.parent


def schemas_directory() -> Path:
    """Return the directory of the Avro schemas; raise `ConfigurationError` when it was not shipped."""
    return _find("schemas", "schemas")


def topics_file() -> Path:
    """Return the file that declares the topics; raise `ConfigurationError` when it was not shipped."""
    return _find("topics.toml", "deploy/topics.toml")


def access_file() -> Path:
    """Return the file that declares who may do what; raise `ConfigurationError` when it was not shipped."""
    return _find("access.toml", "deploy/access.toml")


def kafka_lock_file() -> Path:
    """Return the list of Kafka's jars with their sums; raise `ConfigurationError` when it was not shipped."""
    return _find("kafka.lock", "deploy/kafka.lock")


def demo_policy_file() -> Path:
    """Return the policy of the demonstration; raise `ConfigurationError` when it was not shipped."""
    return _find("demo/policy.toml", "deploy/demo/policy.toml")


def streams_directory() -> Path:
    """Return the recorded streams; raise `ConfigurationError` when they were not shipped."""
    return _find("streams", "tests/fixtures/streams")


def _find(installed: str, in_checkout: str) -> Path:
    """Return the first that exists: `installed` in the package's data, `in_checkout` in the repository."""
    candidates = (_PACKAGE / "_data" / installed, _PACKAGE.parent / in_checkout)
    for candidate in candidates:
        if candidate.exists():
            return candidate
    raise ConfigurationError(f"{installed} is not part of this installation: install cpis-broker again")
