"""What a policy is for somebody and where each value comes from, and what differs between two, in words."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from broker.core.identifiers import LONDON, OdsCode
from broker.core.policy import DECLARATIONS, Policy
from broker.core.policy_keys import Selector, Unit
from broker.runtime.policy_file import PolicyFile
from broker.services.policy_diff import Comparison, Difference, Verdict
from broker.wire.readable import readable

_UNITS = {Unit.DAYS: timedelta(days=1), Unit.HOURS: timedelta(hours=1), Unit.MINUTES: timedelta(minutes=1)}
_SITE_PREFIX = 3  # an ODS site code begins with its trust's, which has three characters [S84]


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """For whom a policy is shown: an authority, a provider and a place or a system of it; any may be None."""

    authority: OdsCode | None = None
    provider: OdsCode | None = None
    system: str | None = None
    site: str | None = None
    location: str | None = None

    def within(self, policy: Policy) -> "Target":
        """Return the target with its provider: that of its site where none is named."""
        if self.provider is not None or self.site is None:
            return self
        owners = {one.provider for one in policy.overrides if one.site == self.site}
        owner = owners.pop() if len(owners) == 1 else OdsCode(self.site[:_SITE_PREFIX])
        site = None if owner is not None and owner.code == self.site else self.site
        return Target(
            authority=self.authority, provider=owner, system=self.system, site=site, location=self.location
        )

    def selectors(self) -> list[Selector]:
        """Return what may have an override for it, the more specific first."""
        found = [Selector(authority=self.authority)] if self.authority else []
        if self.provider is not None:
            within = [(name, getattr(self, name)) for name in ("location", "site", "system")]
            found += [Selector(provider=self.provider, **{name: code}) for name, code in within if code]
            found.append(Selector(provider=self.provider))
        return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A setting: key, value as JSON, where it comes from; `holder` is whom an override is for, or empty."""

    key: str
    value: Any
    source: str
    holder: str = ""


def plain(name: str, value: Any) -> Any:
    """Return a setting's value as a file would say it, None where there is none."""
    if isinstance(value, timedelta):
        return value // _UNITS[DECLARATIONS[name].unit]
    return sorted(value) if isinstance(value, frozenset) else readable(value)


def words(value: Any) -> str:
    """Return a plain value in words."""
    if isinstance(value, list):
        return ", ".join(value) or "none"
    return "none" if value is None else str(value).lower() if isinstance(value, bool) else str(value)


def rows(file: PolicyFile, period: int, target: Target) -> Iterator[Row]:
    """Yield every setting as it holds for a target in a period (its number from 0)."""
    policy = file.policy.every[period]
    selectors = target.selectors()
    for name, declared in DECLARATIONS.items():
        holder = next((one for one in selectors if name in policy.overrides.get(one, {})), None)
        value = getattr(policy, name) if holder is None else policy.overrides[holder][name]
        line = file.sources[period].get((holder, name))
        source = f"default, {declared.rule}" if line is None else f"{file.name}:{line}"
        yield Row(
            key=declared.key(name),
            value=plain(name, value),
            source=source,
            holder=str(holder) if holder else "",
        )


def override_rows(file: PolicyFile, period: int) -> Iterator[Row]:
    """Yield every override of a period."""
    for selector, values in file.policy.every[period].overrides.items():
        for name, value in values.items():
            yield Row(
                key=DECLARATIONS[name].key(name),
                value=plain(name, value),
                source=f"{file.name}:{file.sources[period][selector, name]}",
                holder=str(selector),
            )


def successor_rows(file: PolicyFile, target: Target) -> Iterator[Row]:
    """Yield the successors of reorganised authorities: that of the target's, else all (ruling 19)."""
    for code, successor in file.policy.every[0].successors.items():
        if target.authority in {None, code}:
            yield Row(
                key=f"successors.{code}",
                value=f"{successor.code} from {successor.opens_on}",
                source=f"{file.name}:{file.successors[code]}",
            )


def stop_rows(file: PolicyFile, target: Target) -> Iterator[Row]:
    """Yield the stops of sharing: those of the target's organisations, else all (ruling 45)."""
    for stop, line in file.stops.items():
        asked = {target.authority, target.provider} - {None}
        if not asked or stop.code in asked:
            until = "until further notice" if stop.last is None else f"until {stop.last}"
            yield Row(
                key=f"stop.{stop.code}",
                value=f"from {stop.first} {until}, signed by {stop.signed_by} on {stop.signed_on}",
                source=f"{file.name}:{line}",
            )


def period_at(file: PolicyFile, moment: datetime) -> int:
    """Return the number (from 0) of the period in force at a moment (aware)."""
    return max(number for number, start in enumerate(file.starts) if start is None or start <= moment)


def begun(start: datetime | None) -> str:
    """Return when a period began, in words."""
    return "since ever" if start is None else f"from {start.astimezone(LONDON):%Y-%m-%d %H:%M}"


def shown(file: PolicyFile, moment: datetime, target: Target) -> dict[str, Any]:
    """Return the policy in force at a moment as JSON."""
    number = period_at(file, moment)
    policy = file.policy.every[number]
    target = target.within(policy)
    start = file.starts[number]
    whole = [*successor_rows(file, target), *stop_rows(file, target)]
    if not target.selectors():
        whole += override_rows(file, number)
    return {
        "file": file.name or None,
        "version": policy.version,
        "from": None if start is None else start.astimezone(LONDON).isoformat(),
        "for": {key: value for key, value in readable(target).items() if value is not None},
        "settings": [readable_row(row) for row in rows(file, number, target)],
        "overrides": [readable_row(row) for row in whole],
    }


def readable_row(row: Row) -> dict[str, Any]:
    """Return a row as JSON."""
    return {"key": row.key, "value": row.value, "source": row.source, "holder": row.holder or None}


def lines(told: dict[str, Any]) -> Iterator[str]:
    """Yield what `shown` returned as lines of text."""
    start = None if told["from"] is None else datetime.fromisoformat(told["from"])
    place = ", ".join(f"{key} {value}" for key, value in told["for"].items()) or "everywhere"
    yield f"{told['file'] or 'no file: the defaults'}, {begun(start)}, version {told['version']}, {place}"
    for part in ("settings", "overrides"):
        found = told[part]
        if part == "overrides" and found:
            yield "overrides, successors and stops:"
        width = max((len(row["key"]) for row in found), default=0)
        for row in found:
            holder = f" ({row['holder']})" if row["holder"] else ""
            yield f"  {row['key']:<{width}}  {words(row['value'])}  [{row['source']}{holder}]"


def difference_lines(comparison: Comparison) -> Iterator[str]:
    """Yield what a change of policy would have done, one alert a line, and a summary."""
    for one in comparison.differences:
        what = ", ".join(one.fields) or (one.why.value if one.why else "others are told of it")
        yield f"{one.verdict:<9}{one.recipient.kind} {one.recipient.code}  {_about(one)}  {what}"
    counted = Counter(one.verdict for one in comparison.differences)
    if not counted:
        yield f"nothing differs: the same {comparison.after} alerts are told by both"
        return
    summary = ", ".join(f"{counted[verdict]} {verdict}" for verdict in Verdict)
    yield f"{summary}; {comparison.before} alerts by the first policy, {comparison.after} by the second"


def _about(one: Difference) -> str:
    """Return what an alert is about: reference, place and time, as far as it says them."""
    at = "" if one.at is None else f" on {one.at.astimezone(LONDON):%Y-%m-%d %H:%M}"
    place = "" if one.provider is None else f" at {one.provider}"
    kind = "view" if one.occasion == "viewed" else "visit"
    return f"{kind} {one.subject[:12]}{place}{at}"
