"""
Reads the list of local authorities (CSV): one row each, whole or refused, every fault with line and fix.

What may be said in another file too – a successor in the policy, office hours in the file of senders – is
refused where both say it of one authority: there is one place for each fact.
"""

import csv
import io
import re
from collections.abc import Iterator, Mapping
from datetime import date
from pathlib import Path

from broker.core.alerts import RecipientKind
from broker.core.authorities import Authorities, Authority, with_hours, with_successors
from broker.core.destination_keys import read_hours
from broker.core.errors import ConfigurationError, InvalidOdsCode
from broker.core.identifiers import OdsCode
from broker.core.office_hours import OfficeHours
from broker.core.policy import AnyPolicy
from broker.core.senders import Senders
from broker.runtime.policy_file import PolicyFile, read_policy_file
from broker.runtime.senders_file import read_senders
from broker.runtime.toml_reading import read_text

COLUMNS = (
    "code",
    "name",
    "successor",
    "opens_on",
    "office_hours",
    "office_telephone",
    "emergency_telephone",
    "mailbox",
)
"""The columns, in their order; the first line names them."""

_WHAT = "list of authorities"
_NAME_MAX = 200
_TELEPHONE = re.compile(r"\+?[0-9][0-9 ]{5,23}")
_MAILBOX = re.compile(r"[A-Z0-9]{3,20}")


def read_authorities(path: Path | None) -> Authorities:
    """Return the list of a file, an empty one without a file; raise `ConfigurationError`."""
    return Authorities() if path is None else parse_authorities(read_text(path, _WHAT), str(path))


def parse_authorities(text: str, name: str) -> Authorities:
    """Return the list that a text of CSV holds; `name` is what its file is called in a refusal."""
    reading = _Reading(name)
    rows = reading.rows(text)
    reading.end()
    return Authorities(rows=rows)


def policy_with(path: Path | None, authorities: Authorities) -> AnyPolicy:
    """
    Return the policy of a file with the successors of a list (ruling 19).

    Raises `ConfigurationError` where both name the successor of one authority, and where the policy settles
    something for one that a list does not have: a code that is written wrongly would settle nothing. Of a
    divided one the policy may name any of those that the list names: a person decides who answers for what
    was not sent anew.
    """
    found = read_policy_file(path)
    problems = [
        f"{found.name}:{line}: the {_WHAT} has no {code}: put the code right, or add its row"
        for line, code in sorted(_settled(found))
        if authorities.rows and code not in authorities.rows
    ]
    for code, line in found.successors.items():
        row = authorities.of(code)
        own = found.policy.every[0].successors[code].code
        if row is None or not row.successors or (row.divided and own in row.successors):
            continue
        problems.append(
            f"{found.name}:{line}: the {_WHAT} says who succeeds {code}: "
            + (f"name one of {_codes(row)}" if row.divided else f"leave [successors.{code}] out")
        )
    if problems:
        raise ConfigurationError("\n".join(problems))
    return with_successors(found.policy, authorities)


def _settled(found: PolicyFile) -> set[tuple[int, OdsCode]]:
    """Return for which authorities a policy has overrides and stops of sharing, each with its first line."""
    first: dict[OdsCode, int] = {}
    for sources in found.sources:
        for (selector, _), line in sources.items():
            if selector is not None and selector.authority is not None:
                first[selector.authority] = min(line, first.get(selector.authority, line))
    stops = {
        (line, stop.code) for stop, line in found.stops.items() if stop.controller is RecipientKind.AUTHORITY
    }
    return {(line, code) for code, line in first.items()} | stops


def senders_with(path: Path | None, authorities: Authorities) -> Senders:
    """
    Return the file of senders with the office hours of a list (ruling 45).

    Raises `ConfigurationError` where both give the hours of one authority.
    """
    senders = read_senders(path)
    twice = [
        code
        for code, settled in senders.authorities.items()
        if settled.office_hours is not None
        and (row := authorities.of(code)) is not None
        and row.office_hours is not None
    ]
    if twice:
        raise ConfigurationError(
            "\n".join(
                f"{path}: the {_WHAT} gives the office hours of {code}: leave office_hours of "
                f"[authority.{code}] out, or empty that column"
                for code in sorted(twice)
            )
        )
    return with_hours(senders, authorities)


class _Reading:
    """Reads one list; gathers what is wrong with it."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._problems: list[tuple[int, str]] = []

    def end(self) -> None:
        """Raise `ConfigurationError` with every problem, where there is any."""
        if self._problems:
            told = sorted(set(self._problems))
            raise ConfigurationError("\n".join(f"{self._name}:{line}: {words}" for line, words in told))

    def rows(self, text: str) -> Mapping[OdsCode, Authority]:
        """Return the rows that can be read, by their codes."""
        found: dict[OdsCode, Authority] = {}
        lines: dict[OdsCode, int] = {}
        mailboxes: dict[str, int] = {}
        for line, cells in self._cells(text):
            row = self._row(line, cells)
            if row is None:
                continue
            if row.code in lines:
                self._refuse(line, f"{row.code} is in line {lines[row.code]} already: keep one of the two")
                continue
            if row.mailbox in mailboxes:
                self._refuse(line, f"the mailbox is that of line {mailboxes[row.mailbox]}: give each its own")
            elif row.mailbox:
                mailboxes[row.mailbox] = line
            found[row.code], lines[row.code] = row, line
        for code, row in found.items():
            for missing in sorted(set(row.successors) - found.keys()):
                self._refuse(lines[code], f"successor {missing} has no row: add one for it")
            if _returns(code, found):
                self._refuse(lines[code], f"{code} succeeds itself: break the circle")
        return found

    def _cells(self, text: str) -> Iterator[tuple[int, Mapping[str, str]]]:
        """Yield each row by its columns, with the line it ends in; blank lines are left out."""
        reader = csv.reader(io.StringIO(text.removeprefix("\ufeff"), newline=""), strict=True)
        try:
            for number, cells in enumerate(row for row in reader if row):
                stripped = [cell.strip() for cell in cells]
                if number == 0:
                    if tuple(stripped) != COLUMNS:
                        self._refuse(reader.line_num, f"the first line must be {','.join(COLUMNS)}")
                        return
                elif len(stripped) != len(COLUMNS):
                    words = f"{len(stripped)} columns instead of {len(COLUMNS)}: put a comma for an empty one"
                    self._refuse(reader.line_num, words)
                else:
                    yield reader.line_num, dict(zip(COLUMNS, stripped, strict=True))
        except csv.Error as error:
            self._refuse(reader.line_num, f"this is no CSV: {error}")

    def _row(self, line: int, cells: Mapping[str, str]) -> Authority | None:
        """Return a row, None for one of which the code cannot be read."""
        code = self._code(line, cells["code"])
        if not cells["name"] or len(cells["name"]) > _NAME_MAX or not cells["name"].isprintable():
            self._refuse(line, "name must be what people call the authority")
        successors = tuple(self._code(line, one) for one in cells["successor"].split())
        opens_on = self._day(line, cells["opens_on"])
        if bool(cells["successor"]) != bool(cells["opens_on"]):
            self._refuse(line, "successor and opens_on go together: who took over, and from which day")
        for column in ("office_telephone", "emergency_telephone"):
            if cells[column] and not _TELEPHONE.fullmatch(cells[column]):
                self._refuse(line, f"{column} must be digits and blanks, such as 01632 960000, or empty")
        if cells["mailbox"] and not _MAILBOX.fullmatch(cells["mailbox"]):
            self._refuse(line, "mailbox must be 3 to 20 capital letters and digits, or empty")
        if code is None:
            return None
        known = tuple(one for one in successors if one is not None)
        return Authority(
            code=code,
            name=cells["name"],
            successors=known if opens_on is not None else (),
            opens_on=opens_on if known else None,
            office_hours=self._hours(line, cells["office_hours"]),
            office_telephone=cells["office_telephone"],
            emergency_telephone=cells["emergency_telephone"],
            mailbox=cells["mailbox"],
        )

    def _code(self, line: int, text: str) -> OdsCode | None:
        """Return a code, None for what is none."""
        try:
            return OdsCode(text)
        except InvalidOdsCode:
            self._refuse(line, "code and successor are ODS codes: 3 to 8 capital letters and digits")
            return None

    def _day(self, line: int, text: str) -> date | None:
        """Return a day, None for an empty column and for what is none."""
        try:
            return date.fromisoformat(text) if text else None
        except ValueError:
            self._refuse(line, "opens_on must be a day, such as 2023-04-01")
            return None

    def _hours(self, line: int, text: str) -> OfficeHours | None:
        """Return office hours, None for an empty column and for what are none."""
        try:
            return read_hours(text) if text else None
        except ValueError:
            self._refuse(line, "office_hours must be days and hours, such as Mon-Fri 09:00-17:00, or empty")
            return None

    def _refuse(self, line: int, words: str) -> None:
        """Note what is wrong in a line."""
        self._problems.append((line, words))


def _codes(row: Authority) -> str:
    """Return the successors of a row as words."""
    return ", ".join(code.code for code in row.successors)


def _returns(code: OdsCode, rows: Mapping[OdsCode, Authority]) -> bool:
    """Whether the successors of an authority lead back to it."""
    seen: set[OdsCode] = set()
    ahead = [*rows[code].successors]
    while ahead:
        one = ahead.pop()
        if one not in seen and one in rows:
            seen.add(one)
            ahead += rows[one].successors
    return code in seen
