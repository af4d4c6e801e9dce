"""
What a new provider needs in the two files that name it, and what is still missing before it goes live.

Texts in, texts out: a file's own words, order and comments stay. Doing it twice is doing it once.
"""

import re
import tomllib
from collections.abc import Iterator
from typing import NamedTuple

from broker.core.identifiers import OdsCode
from broker.core.policy import AnyPolicy, Policies, Policy
from broker.core.policy_keys import Place
from broker.core.senders import Senders

_PLAIN_KEY = re.compile(r"[A-Za-z0-9_-]+")
_PROVIDERS = re.compile(r"^providers *= *\[(?P<codes>[^\]]*)\]", re.MULTILINE)


class NewSender(NamedTuple):
    """A sending system to be let in: MSH-4, MSH-3, what people call the provider, and how it is known."""

    provider: OdsCode
    system: str
    name: str | None
    certificate: str | None
    addresses: tuple[str, ...] = ()


def with_sender(text: str, senders: Senders, new: NewSender) -> str:
    """Return a file of senders (TOML) with one more sender; as it was where that sender is there."""
    known = (senders.providers or {}).get(new.provider)
    if known is not None and new.system in known.sender:
        return text
    lines: list[str] = []
    if known is None:
        lines += [f"[provider.{new.provider}]"]
        lines += [] if new.name is None else [f"name = {_quoted(new.name)}"]
        lines += [""]
    lines += [f"[provider.{new.provider}.sender.{_key(new.system)}]"]
    if new.certificate is not None:
        lines += [f"certificates = [{_quoted(f'name:{new.certificate}')}]"]
    if new.addresses:
        lines += [f"addresses = [{', '.join(map(_quoted, new.addresses))}]"]
    before = f"{text.rstrip()}\n\n" if text.strip() else ""
    return before + "\n".join(lines) + "\n"


def at_odds(known: Senders, asked: Senders, new: NewSender) -> tuple[str, ...]:
    """
    Return the keys in which a sender that stands in the file is not as somebody asks for it.

    `asked` is a file with that sender alone. What stands there beside it, a second certificate say, is no
    difference; that it must show one where none is asked for, is. Empty for a sender that is not there.
    """
    stands, wanted = ((one.providers or {}).get(new.provider) for one in (known, asked))
    if stands is None or wanted is None:
        return ()
    keys = ["name"] if new.name is not None and stands.name != wanted.name else []
    sender, other = stands.sender.get(new.system), wanted.sender[new.system]
    if sender is not None:
        shown = other.certificates <= sender.certificates
        if not shown or (sender.certificates and not other.certificates):
            keys.append("certificates")
        if not {*other.addresses} <= {*sender.addresses}:
            keys.append("addresses")
    return tuple(keys)


def with_provider(text: str, table: str, provider: OdsCode) -> str | None:
    """
    Return a topics file with one more provider in a table (`recipients`, `senders`), the same if it is there.

    None where the table has no list of providers, or one that cannot be read. It is put before the others, so
    that these stay as a person wrote them, with their comments.
    """
    start = re.search(rf"^\[{table}\]", text, re.MULTILINE)
    if start is None:
        return None
    end = re.search(r"^\[", text[start.end() :], re.MULTILINE)
    until = len(text) if end is None else start.end() + end.start()
    found = _PROVIDERS.search(text, start.end(), until)
    if found is None:
        return None
    try:
        codes = tomllib.loads(found[0])["providers"]
    except tomllib.TOMLDecodeError:
        return None
    if provider.code in codes:
        return text
    first = _quoted(provider.code) + (", " if codes else "")
    return f"{text[: found.start('codes')]}{first}{text[found.start('codes') :]}"


class Topics(NamedTuple):
    """Which topics of a provider are declared, and which of these the cluster has; None: nobody looked."""

    told: str | None
    written: str | None
    present: frozenset[str] | None


def missing(provider: OdsCode, senders: Senders, topics: Topics, policy: AnyPolicy) -> Iterator[str]:
    """Yield what a provider lacks before it goes live, each a sentence that says where to mend it."""
    known = (senders.providers or {}).get(provider)
    if known is None:
        yield f"the file of senders does not name {provider}: nobody may send for it"
    elif not known.sender and topics.written is None:
        yield f"the file of senders names no sending system of {provider}"
    if topics.told is None and (known is None or known.deliver is None):
        yield f"nothing takes alerts to {provider}: give it a topic, or `deliver` in the file of senders"
    for name in (topics.told, topics.written):
        if name is not None and topics.present is not None and name not in topics.present:
            yield f"the cluster has no topic {name}: cpis topics apply makes it"
    yield from _unsettled(provider, policy, settled=known is not None and known.places_settled)


def _unsettled(provider: OdsCode, policy: AnyPolicy, *, settled: bool) -> Iterator[str]:
    """Yield what the policy in force last lacks of a provider (rulings 4, 29, 47)."""
    newest = policy.every[-1] if isinstance(policy, Policies) else policy
    places = listed_places(newest, provider)
    if not settled:
        if Place.SENSITIVE not in places:
            yield (
                "the policy lists no sensitive place (ruling 47): list them, or say places_settled = true in "
                "the file of senders where the site has none"
            )
        if Place.SCHEDULED not in places:
            yield (
                "the policy lists no scheduled clinic (ruling 4): every outpatient place is taken to be "
                "unscheduled; list them, or say places_settled = true where that is right"
            )
    said = [values for one, values in newest.overrides.items() if one.provider == provider]
    if not any("call_back" in values for values in said):
        yield f"the policy has no call_back number of {provider} (ruling 29): an authority cannot ring back"


def listed_places(policy: Policy, provider: OdsCode) -> dict[Place, int]:
    """Return how many places of a provider a policy lists, by what they are listed as."""
    counts: dict[Place, int] = {}
    for one, values in policy.overrides.items():
        listed = values.get("listed")
        if one.provider == provider and isinstance(listed, Place):
            counts[listed] = counts.get(listed, 0) + 1
    return counts


def _key(name: str) -> str:
    """Return a key of TOML."""
    return name if _PLAIN_KEY.fullmatch(name) else _quoted(name)


def _quoted(text: str) -> str:
    """Return a text of TOML."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
