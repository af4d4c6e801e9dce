"""
Reads the file of senders (TOML): which provider's systems may send, from where, and how they are read.

The tables and keys are those of `broker.core.senders`. An unknown key, an impossible value and a sender that
anybody could pass for are refused, all at once, each with file, line and what to do.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from broker.core.destinations import Authority, National
from broker.core.errors import InvalidOdsCode
from broker.core.identifiers import OdsCode
from broker.core.sender_keys import declared_keys, inner_tables
from broker.core.senders import Provider, Senders
from broker.runtime.toml_places import KeyPath
from broker.runtime.toml_reading import TomlReading, load, read_text

_WHAT = "file of senders"


def read_senders(path: Path | None) -> Senders:
    """Return what a file says, that anybody may send without one; raise `ConfigurationError`."""
    return Senders() if path is None else parse_senders(read_text(path, _WHAT), str(path))


def parse_senders(text: str, name: str) -> Senders:
    """Return what a text of TOML says; `name` is what its file is called in a refusal."""
    content = load(text, name, _WHAT)
    reading = _Reading(text)
    found = reading.read(content)
    reading.end(name)
    return found


class _Reading(TomlReading):
    """Reads one file of senders."""

    def read(self, content: Mapping[str, Any]) -> Senders:
        """Return what the file says, as far as it can be read."""
        self.known(content, ["provider", "authority", "national"], (), "a file of senders")
        providers: dict[OdsCode, Provider] = self._each(content, "provider", Provider)
        for code, provider in providers.items():
            path = ("provider", code.code)
            numbering: set[str] = set()
            for system, sender in provider.sender.items():
                if sender.visit_system is not None and sender.visit_system in numbering:
                    self.refuse(
                        (*path, "sender", system, "visit_system"),
                        "visit_system is another sender's as well: a visit in FHIR would be that one's",
                    )
                numbering |= {sender.visit_system or ""}
                if not sender.certificates and not sender.addresses and not sender.tokens:
                    self.refuse(
                        (*path, "sender", system),
                        "anybody could pass for this sender: give it `certificates`, `tokens` or `addresses`",
                    )
            if provider.deliver is not None:
                for key, words in provider.deliver.faults():
                    self.refuse((*path, "deliver", key), words)
        return Senders(
            providers=providers,
            authorities=self._each(content, "authority", Authority),
            national=self._national(content),
        )

    def _national(self, content: Mapping[str, Any]) -> dict[str, National]:
        """Return the national services, those that can be read."""
        found: dict[str, National] = {}
        for name, said in self.table(content.get("national", {}), ("national",)).items():
            path = ("national", name)
            found[name] = self._read(National, said, path)
            one = found[name]
            if bool(one.mailboxes) != bool(one.workflows):
                self.refuse(path, "`mailboxes` and `workflows` go together")
            elif not one.certificates and not one.tokens and not one.mailboxes:
                self.refuse(
                    path,
                    "nobody could send for this service: give it `certificates`, `tokens`, or `mailboxes` "
                    "and `workflows`",
                )
        return found

    def _each(self, content: Mapping[str, Any], kind: str, table: type) -> dict[OdsCode, Any]:
        """Return the tables of a kind by their organisations, those that can be read."""
        found: dict[OdsCode, Any] = {}
        for code, said in self.table(content.get(kind, {}), (kind,)).items():
            path: KeyPath = (kind, code)
            try:
                ods = OdsCode(code)
            except InvalidOdsCode:
                self.refuse(path, f"[{kind}.{code}] must be an ODS code: 3 to 8 capital letters and digits")
                continue
            found[ods] = self._read(table, said, path)
        return found

    def _read(self, table: type, said: Any, path: KeyPath) -> Any:
        """Return a table of the file as its class, what cannot be read of it left at its default."""
        said = self.table(said, path)
        inner, keys = inner_tables(table), declared_keys(table)
        by_key = {declared.key(name): (name, declared) for name, declared in keys.items()}
        self.known(said, [*by_key, *inner], path, f"[{'.'.join(map(str, path))}]")
        values: dict[str, Any] = {}
        for key, value in said.items():
            here = (*path, key)
            if key in by_key:
                name, declared = by_key[key]
                try:
                    values[name] = declared.read(value)
                except ValueError:
                    self.refuse(here, f"{key} must be {declared.may_be}")
            elif key in inner:
                below = inner[key]
                values[key] = (
                    {
                        one: self._read(below.table, each, (*here, one))
                        for one, each in self.table(value, here).items()
                    }
                    if below.name
                    else self._read(below.table, value, here)
                )
        return table(**values)
