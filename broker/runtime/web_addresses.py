"""Addresses of the web in settings: taken apart, or refused without repeating what may stand in them."""

from urllib.parse import SplitResult, urlsplit

from broker.core.errors import ConfigurationError


def address_parts(url: str, setting: str, *, instead: str) -> SplitResult:
    """
    Return the parts of an http or https URL without user, query or fragment.

    `instead` says where a user's name and password go. Raises `ConfigurationError`.
    """
    try:
        parts = urlsplit(url)
        usable = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:
        usable = False
    if not usable:
        raise ConfigurationError(f"{setting} is not an http or https URL with a host")
    if parts.username is not None or parts.password is not None:
        raise ConfigurationError(f"{setting} holds a user or password: {instead}")
    if parts.query or parts.fragment:
        raise ConfigurationError(f"{setting} ends with its path: nothing behind a ? or #")
    return parts
