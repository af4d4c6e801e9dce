"""
Reads the policy from its TOML file, and where in the file each value stands.

An unknown key, an impossible value, and two overrides of which neither is the more specific are refused, all
at once, each with file, line and what to do: a typo must not pass for a setting. Periods build on each other:
every one says what changes on its day.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time
from itertools import product
from pathlib import Path
from typing import Any

from broker.core.alerts import RecipientKind
from broker.core.errors import InvalidOdsCode
from broker.core.identifiers import LONDON, OdsCode
from broker.core.policy import DECLARATIONS, AnyPolicy, Policies, Policy
from broker.core.policy_keys import Place, Selector, Successor, Where
from broker.core.stops import Stop
from broker.runtime.toml_places import KeyPath
from broker.runtime.toml_reading import TomlReading, load, read_text

_WHAT = "policy file"

KEYS: Mapping[str, str] = {declared.key(name): name for name, declared in DECLARATIONS.items()}
"""The field of each setting by its key in a file."""

_SELECTORS = ("authority", "provider", "system", "site", "location")
_ORGANISATIONS = frozenset({"authority", "provider"})

_CONTROLLERS = {"authority": RecipientKind.AUTHORITY, "provider": RecipientKind.PROVIDER}
_STOP_KEYS = (*_CONTROLLERS, "from", "until", "signed_by", "signed_on")
_STOP_NEEDS = (
    "its controller, `authority` or `provider` with one ODS code; `signed_by`, a name; the days "
    "`signed_on` and `from`, the first not after the second; and, where it is to end, `until`, its last day"
)

Source = tuple[Selector | None, str]
"""What a line of a file sets: for whom (None: everywhere), and the name of the field."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyFile:
    """
    A policy with its origin.

    `name` is the file's, empty without one. `starts` and `sources` go with the policies of `policy.every`:
    when each begins (aware UTC; None: since ever), and the line in which each value that is set stands.
    `successors` holds the line of each authority's successor, `stops` that of each stop of sharing.
    """

    name: str
    policy: AnyPolicy
    starts: tuple[datetime | None, ...]
    sources: tuple[Mapping[Source, int], ...]
    successors: Mapping[OdsCode, int]
    stops: Mapping[Stop, int]


def read_policy(path: Path | None) -> AnyPolicy:
    """Return the policy of a file, or the defaults without one; raise `ConfigurationError`."""
    return read_policy_file(path).policy


def read_policy_file(path: Path | None) -> PolicyFile:
    """Return the policy of a file with its origin, the defaults without one; raise `ConfigurationError`."""
    if path is None:
        return parse_policy("", "")
    return parse_policy(read_text(path, _WHAT), str(path))


def parse_policy(text: str, name: str) -> PolicyFile:
    """Return the policy that a text of TOML describes; `name` is what its file is called in a refusal."""
    content = load(text, name, _WHAT)
    reading = _Reading(text)
    found = reading.read(content, name)
    reading.end(name)
    return found


class _Reading(TomlReading):
    """Reads one file of a policy."""

    def read(self, content: Mapping[str, Any], name: str) -> PolicyFile:
        """Return what the file says, as far as it can be read."""
        self.known(content, ("settings", "override", "successors", "stop", "period"), (), "a policy")
        successors = self._successors(content.get("successors", {}), ("successors",))
        stops = self._stops(content.get("stop", []), ("stop",))
        policy, sources = self._changed(Policy(successors=successors, stops=tuple(stops)), {}, content, ())
        policies, starts, every_source = [policy], list[datetime | None]([None]), [sources]
        for number, period in enumerate(self.tables(content.get("period", []), ("period",))):
            path = ("period", number)
            self.known(period, ("from", "settings", "override"), path, "[[period]]")
            policy, sources = self._changed(policy, sources, period, path)
            policies.append(policy)
            starts.append(self._start(period, starts[-1], path))
            every_source.append(sources)
        dated = [(start, one) for start, one in zip(starts, policies, strict=True) if start is not None]
        return PolicyFile(
            name=name,
            policy=policies[0] if not dated or self.problems else _dated(policies[0], dated),
            starts=tuple(starts),
            sources=tuple(every_source),
            successors={code: self.places.line(("successors", code.code)) for code in successors},
            stops=stops,
        )

    def _start(self, period: Mapping[str, Any], before: datetime | None, path: KeyPath) -> datetime | None:
        """Return when a period begins, in UTC; a day and a time without a zone are Europe/London's."""
        said = period.get("from")
        if not isinstance(said, date):
            self.refuse((*path, "from"), "a period needs a day, such as `from = 2027-04-01` (Europe/London)")
            return before
        moment = said if isinstance(said, datetime) else datetime.combine(said, time())
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=LONDON)
            if moment.utcoffset() != moment.replace(fold=1).utcoffset():
                self.refuse((*path, "from"), "the clocks change then: give the offset too, such as +01:00")
        start = moment.astimezone(UTC)
        if before is not None and start <= before:
            self.refuse(
                (*path, "from"),
                "a period lasts until the next one begins, and this one does not begin after the one above: "
                "put the periods in the order of their days, one for each",
            )
        return start

    def _changed(
        self, policy: Policy, sources: Mapping[Source, int], said: Mapping[str, Any], path: KeyPath
    ) -> tuple[Policy, Mapping[Source, int]]:
        """Return a policy and the origin of its values after what one part of the file changes."""
        here = (*path, "settings")
        own: dict[Source, int] = {}
        values: dict[str, Any] = {}
        for name, value, line in self._values(self.table(said.get("settings", {}), here), here, None):
            values[name], own[None, name] = value, line
        overrides = {selector: dict(held) for selector, held in policy.overrides.items()}
        here = (*path, "override")
        for number, table in enumerate(self.tables(said.get("override", []), here)):
            self._override(table, (*here, number), overrides, own)
        changed = replace(policy, overrides=overrides, **values)
        found = {**sources, **own}
        self._consistent(changed, found)
        return changed, found

    def _override(
        self,
        table: Mapping[str, Any],
        path: KeyPath,
        overrides: dict[Selector, dict[str, object]],
        own: dict[Source, int],
    ) -> None:
        """Take over one override, for each of those that it names."""
        named = {key: table[key] for key in _SELECTORS if key in table}
        settings = {key: value for key, value in table.items() if key not in named}
        if not settings:
            self.refuse(path, "an override without a setting changes nothing: give it one, or take it out")
        for selector in self._selectors(named, path):
            for name, value, line in self._values(settings, path, selector):
                if (selector, name) in own:
                    self.refuse(
                        (*path, DECLARATIONS[name].key(name)),
                        f"{DECLARATIONS[name].key(name)} for {selector} is set in line {own[selector, name]} "
                        "too, and neither is the more specific: take it out of one of them",
                    )
                overrides.setdefault(selector, {})[name] = value
                own[selector, name] = line

    def _selectors(self, named: Mapping[str, Any], path: KeyPath) -> list[Selector]:
        """Return for whom an override holds: for each combination of what it names."""
        choices = [[(key, one) for one in self._codes(key, said, path)] for key, said in named.items()]
        try:
            return [Selector(**dict(choice)) for choice in product(*choices)]
        except ValueError as error:
            self.refuse(path, str(error))
            return []

    def _codes(self, key: str, said: Any, path: KeyPath) -> list[Any]:
        """Return what a selector names: one code or several."""
        listed = said if isinstance(said, list) else [said]
        try:
            codes: list[Any]
            if key in _ORGANISATIONS:
                codes = [OdsCode(code) for code in listed]
            elif key == Where.SITE:
                codes = [OdsCode(code).code for code in listed]
            else:
                codes = [code.strip() if key == Where.SYSTEM else code.strip().upper() for code in listed]
            if codes and all(codes):  # an empty list would settle nothing, without a word
                return codes
        except (AttributeError, InvalidOdsCode, TypeError):
            pass
        may_be = "a code or a list of codes"
        if key in _ORGANISATIONS or key == Where.SITE:
            may_be = "an ODS code or a list of them: 3 to 8 capital letters and digits, in quotes"
        self.refuse((*path, key), f"'{key}' must be {may_be}")
        return []

    def _values(
        self, said: Mapping[str, Any], path: KeyPath, selector: Selector | None
    ) -> Iterator[tuple[str, Any, int]]:
        """Yield the settings of a table that can be: field, value, line."""
        self.known(said, KEYS, path, "[settings]" if selector is None else "[[override]]", many=True)
        for key, value in said.items():
            name = KEYS.get(key)
            if name is None:
                continue
            declared = DECLARATIONS[name]
            if not (declared.everywhere if selector is None else selector.where in declared.scopes):
                self.refuse((*path, key), f"{key} cannot be set {_for(selector)}, only {where(name)}")
                continue
            try:
                found = declared.read(value)
            except ValueError:
                self.refuse((*path, key), f"{key} must be {declared.may_be}")
            else:
                yield name, found, self.places.line((*path, key))

    def _consistent(self, policy: Policy, sources: Mapping[Source, int]) -> None:
        """Refuse values that cannot be at once, everywhere or for somebody."""
        everywhere = set(policy.contradictions())
        for names, words in everywhere:
            self.problems.append((_line(sources, None, names), words))
        for selector in policy.overrides:
            if selector.provider is not None:
                held = policy.site(
                    selector.provider, system=selector.system, site=selector.site, location=selector.location
                )
                funded = (held.nhs_funded or frozenset()) & {selector.location, selector.site}
                if funded and held.listed is Place.SENSITIVE:
                    words = "nothing of a sensitive place is told: take it out of nhs_funded, or list it anew"
                    self.problems.append((_line(sources, selector, ("listed",)), f"for {selector}: {words}"))
                for names, words in set(held.contradictions()) - everywhere:
                    self.problems.append((_line(sources, selector, names), f"for {selector}: {words}"))

    def _successors(self, said: Any, path: KeyPath) -> dict[OdsCode, Successor]:
        """Return the successors of reorganised authorities (ruling 19); they have days of their own."""
        found: dict[OdsCode, Successor] = {}
        for code, table in self.table(said, path).items():
            here = (*path, code)
            entry = self.table(table, here)
            self.known(entry, ("code", "opens_on"), here, f"[successors.{code}]")
            opens_on = entry.get("opens_on")
            if not isinstance(opens_on, date) or isinstance(opens_on, datetime):
                self.refuse((*here, "opens_on"), "'opens_on' must be a day, such as 2027-04-01")
                continue
            try:
                found[OdsCode(code)] = Successor(code=OdsCode(entry.get("code", "")), opens_on=opens_on)
            except (InvalidOdsCode, TypeError):
                self.refuse(here, "an authority and its successor are ODS codes: 3 to 8 capitals and digits")
        for authority in found:
            if _returns(authority, found):
                self.refuse((*path, authority.code), f"{authority} succeeds itself: break the circle")
        return found

    def _stops(self, said: Any, path: KeyPath) -> dict[Stop, int]:
        """Return the stops of sharing that controllers signed, each with its line (ruling 45)."""
        found: dict[Stop, int] = {}
        for number, table in enumerate(self.tables(said, path)):
            here = (*path, number)
            self.known(table, _STOP_KEYS, here, "[[stop]]")
            try:
                found[_stop(table)] = self.places.line(here)
            except (InvalidOdsCode, TypeError, ValueError):
                self.refuse(here, f"a stop of sharing needs {_STOP_NEEDS}")
        return found


def _stop(table: Mapping[str, Any]) -> Stop:
    """Return the stop of a table; raise `InvalidOdsCode`, `TypeError` or `ValueError` for what is none."""
    [(controller, code)] = [(kind, table[key]) for key, kind in _CONTROLLERS.items() if key in table]
    days = {key: table.get(key) for key in ("from", "until", "signed_on")}
    for key, day in days.items():
        if type(day) is not date and not (key == "until" and day is None):
            raise TypeError(key)
    if not isinstance(table.get("signed_by"), str):
        raise TypeError("signed_by")
    return Stop(
        controller=controller,
        code=OdsCode(code),
        first=table["from"],
        last=table.get("until"),
        signed_by=table["signed_by"].strip(),
        signed_on=table["signed_on"],
    )


def where(name: str) -> str:
    """Return in words where a setting may be set."""
    declared = DECLARATIONS[name]
    places = ["everywhere, in [settings]"] if declared.everywhere else []
    scopes = [scope.value for scope in Where if scope in declared.scopes]
    if scopes:
        places.append(f"for {_or(scopes)}, in an [[override]]")
    return ", or ".join(places)


def _or(words: list[str]) -> str:
    """Return words as a list in a sentence."""
    with_article = [f"an {word}" if word[0] in "aeiou" else f"a {word}" for word in words]
    return " or ".join(filter(None, (", ".join(with_article[:-1]), with_article[-1])))


def _for(selector: Selector | None) -> str:
    """Return for whom something is set."""
    return "everywhere" if selector is None else f"for {_or([selector.where.value])}"


def _line(sources: Mapping[Source, int], selector: Selector | None, names: Iterable[str]) -> int:
    """Return the line of the first of some fields that the file sets for somebody, or everywhere."""
    own = [
        sources[holder, name] for holder in (selector, None) for name in names if (holder, name) in sources
    ]
    return own[0] if own else 1


def _returns(code: OdsCode, successors: Mapping[OdsCode, Successor]) -> bool:
    """Whether the successors of an authority lead back to it."""
    seen, current = set[OdsCode](), code
    while current in successors and current not in seen:
        seen.add(current)
        current = successors[current].code
    return current == code and code in seen


def _dated(first: Policy, dated: list[tuple[datetime, Policy]]) -> Policies:
    """Return policies in their order of time."""
    return Policies(first=first, later=tuple(dated))
