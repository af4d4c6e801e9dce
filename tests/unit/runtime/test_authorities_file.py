"""A list of authorities is read whole or refused: each fault with file, line and what to do."""

from datetime import date, time
from pathlib import Path

import pytest

from broker.core.authorities import Authorities, Authority
from broker.core.errors import ConfigurationError
from broker.core.identifiers import OdsCode
from broker.core.office_hours import OfficeHours
from broker.core.policy_keys import Successor
from broker.runtime.authorities_file import (
    COLUMNS,
    parse_authorities,
    policy_with,
    read_authorities,
    senders_with,
)

HEAD = ",".join(COLUMNS)
SHIPPED = Path(__file__).parents[3] / "deploy" / "reference" / "authorities.csv"
OLD, NEW, OTHER = OdsCode("909"), OdsCode("942"), OdsCode("943")


def parsed(*lines: str) -> Authorities:
    """Return the list of some lines below the first."""
    return parse_authorities("\n".join((HEAD, *lines)), "authorities.csv")


def refused(*lines: str) -> list[str]:
    """Return the lines of a refusal."""
    with pytest.raises(ConfigurationError) as problem:
        parsed(*lines)
    return str(problem.value).splitlines()


def test_a_row_is_read_whole() -> None:
    """Names with commas, blank lines, a mark at the beginning of the file: what spreadsheets write."""
    text = (
        f"\ufeff{HEAD}\r\n\r\n"
        '839,"Bournemouth, Christchurch and Poole",,,Mon-Fri 09:00-17:00,01632 960000,'
        "+44 1632 960001,X26LA839\r\n"
    )
    hours = OfficeHours(weekdays=frozenset(range(5)), opens=time(9), closes=time(17))

    assert Authority(
        code=OdsCode("839"),
        name="Bournemouth, Christchurch and Poole",
        office_hours=hours,
        office_telephone="01632 960000",
        emergency_telephone="+44 1632 960001",
        mailbox="X26LA839",
    ) == parse_authorities(text, "authorities.csv").of(OdsCode("839"))


def test_without_a_file_nothing_is_listed() -> None:
    """The list is optional: nothing follows from its absence."""
    assert Authorities() == read_authorities(None)


def test_a_division_names_every_successor() -> None:
    """Cumbria 2023: two took over (dossier 7.2)."""
    authorities = parsed(
        "909,Cumbria,942 943,2023-04-01,,,,", "942,Cumberland,,,,,,", "943,Westmorland,,,,,,"
    )
    row = authorities.of(OLD)

    assert row is not None
    assert (NEW, OTHER) == row.successors
    assert date(2023, 4, 1) == row.opens_on


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        (["Z1,Too short,,,,,,"], "2: code and successor are ODS codes: 3 to 8 capital letters and digits"),
        (["942,,,,,,,"], "2: name must be what people call the authority"),
        (["942,A,943,,,,,"], "2: successor and opens_on go together: who took over, and from which day"),
        (
            ["942,A,,2023-04-01,,,,"],
            "2: successor and opens_on go together: who took over, and from which day",
        ),
        (["942,A,,1.4.2023,,,,"], "2: opens_on must be a day, such as 2023-04-01"),
        (
            ["942,A,,,always,,,"],
            "2: office_hours must be days and hours, such as Mon-Fri 09:00-17:00, or empty",
        ),
        (
            ["942,A,,,,nobody,,"],
            "2: office_telephone must be digits and blanks, such as 01632 960000, or empty",
        ),
        (
            ["942,A,,,,,12,"],
            "2: emergency_telephone must be digits and blanks, such as 01632 960000, or empty",
        ),
        (["942,A,,,,,,x26"], "2: mailbox must be 3 to 20 capital letters and digits, or empty"),
        (["942,A,,,,,,X26", "943,B,,,,,,X26"], "3: the mailbox is that of line 2: give each its own"),
        (["942,A,,,,,,", "942,B,,,,,,"], "3: 942 is in line 2 already: keep one of the two"),
        (["942,A"], "2: 2 columns instead of 8: put a comma for an empty one"),
        (["909,A,942,2023-04-01,,,,"], "2: successor 942 has no row: add one for it"),
        (
            ["909,A,942,2023-04-01,,,,", "942,B,909,2024-04-01,,,,", "943,C,909,2024-04-01,,,,"],
            "2: 909 succeeds itself: break the circle",
        ),
        (['942,"A'], "2: this is no CSV: unexpected end of data"),
    ],
)
def test_a_fault_is_refused_with_its_line_and_what_to_do(lines: list[str], expected: str) -> None:
    """The process does not start on half a list."""
    assert f"authorities.csv:{expected}" in refused(*lines)


def test_another_first_line_is_refused() -> None:
    """A list of other columns would be read as something else."""
    with pytest.raises(ConfigurationError, match=r"^list\.csv:1: the first line must be code,name,successor"):
        parse_authorities("name,code\nA,942\n", "list.csv")


def test_every_fault_is_told_at_once() -> None:
    """Whoever mends the file mends it once."""
    assert 3 == len(refused("Z1,A,,,,,,", "942,,,,,,,", "943,B,,,,,,mailbox"))


def test_the_shipped_list_has_the_153_authorities_of_england() -> None:
    """Dossier 7.2, D13: 153 that send today, and the two counties that were divided."""
    authorities = read_authorities(SHIPPED)

    assert 153 == len(authorities.open_on(date(2026, 11, 29)))
    assert {"909", "928"} == {code.code for code in authorities.rows} - {
        code.code for code in authorities.open_on(date(2026, 11, 29))
    }
    assert "Hackney" == authorities.name(OdsCode("204"))
    assert {} == authorities.successors


def test_the_policy_takes_over_the_successors_of_the_list(tmp_path: Path) -> None:
    """Who has a list need not write them twice (ruling 19)."""
    authorities = parsed("909,Cumbria,942,2023-04-01,,,,", "942,Cumberland,,,,,,")
    expected = {OLD: Successor(code=NEW, opens_on=date(2023, 4, 1))}

    assert expected == policy_with(None, authorities).every[0].successors


def test_a_successor_in_both_files_is_refused_with_the_line_of_the_policy(tmp_path: Path) -> None:
    """There is one place for each fact, even where the two agree (ruling 19)."""
    policy = tmp_path / "policy.toml"
    policy.write_text('[successors.909]\ncode = "942"\nopens_on = 2023-04-01\n', encoding="utf-8")
    authorities = parsed("909,Cumbria,942,2023-04-01,,,,", "942,Cumberland,,,,,,")

    with pytest.raises(ConfigurationError, match=r"policy\.toml:1: .*leave \[successors\.909\] out"):
        policy_with(policy, authorities)


OVERRIDE = "[[override]]\nauthority = {}\nvisible_after_end_days = 400\nasked_again_hours = 12\n"
STOP = '[[stop]]\n{} = "{}"\nfrom = 2027-01-01\nsigned_by = "A. Director"\nsigned_on = 2026-12-01\n'


@pytest.mark.parametrize(
    ("policy", "refused"),
    [
        (OVERRIDE.format('"942"'), []),
        (OVERRIDE.format('["942", "9442"]'), ["3: the list of authorities has no 9442"]),
        (
            OVERRIDE.format('"942"') + "[[period]]\nfrom = 2027-04-01\n" + "[[period.override]]\n"
            'authority = "9442"\nvisible_after_end_days = 401\n',
            ["9: the list of authorities has no 9442"],
        ),
        (STOP.format("authority", "942"), []),
        (STOP.format("authority", "9442"), ["1: the list of authorities has no 9442"]),
        (STOP.format("provider", "RXX"), []),
        ('[[override]]\nprovider = "RXX"\nname = "Exton"\n[settings]\nhistory_size = 20\n', []),
    ],
)
def test_what_is_settled_for_an_authority_that_the_list_does_not_have_is_refused(
    tmp_path: Path, policy: str, refused: list[str]
) -> None:
    """A code that is written wrongly would settle nothing, nor stop anything, without a word (ruling 45)."""
    file = tmp_path / "policy.toml"
    file.write_text(policy, encoding="utf-8")
    listed = parsed("942,Cumberland,,,,,,")
    try:
        policy_with(file, listed)
    except ConfigurationError as error:
        words = str(error).removeprefix(f"{file}:").split(":")
        assert refused == [":".join(words[:2])]
    else:
        assert [] == refused
    policy_with(file, Authorities())


@pytest.mark.parametrize(("named", "taken"), [("942", True), ("204", False)])
def test_of_a_divided_area_the_policy_may_name_one_that_the_list_names(
    tmp_path: Path, named: str, *, taken: bool
) -> None:
    """A person decides who answers for what was not uploaded anew; nobody else may be named (ruling 19)."""
    policy = tmp_path / "policy.toml"
    policy.write_text(f'[successors.909]\ncode = "{named}"\nopens_on = 2023-04-01\n', encoding="utf-8")
    authorities = parsed("909,Cumbria,942 943,2023-04-01,,,,", "942,A,,,,,,", "943,B,,,,,,")

    if taken:
        assert NEW == policy_with(policy, authorities).every[0].successors[OLD].code
    else:
        with pytest.raises(ConfigurationError, match="name one of 942, 943"):
            policy_with(policy, authorities)


def test_office_hours_in_both_files_are_refused(tmp_path: Path) -> None:
    """Which number is the one to ring has one source (ruling 45)."""
    senders = tmp_path / "senders.toml"
    senders.write_text('[authority.942]\noffice_hours = "Mon-Fri 09:00-17:00"\n', encoding="utf-8")
    with_column = parsed("942,Cumberland,,,Mon-Fri 08:00-18:00,,,")

    with pytest.raises(ConfigurationError, match="gives the office hours of 942: leave office_hours of"):
        senders_with(senders, with_column)
    assert {NEW} == senders_with(senders, parsed("942,Cumberland,,,,,,")).hours.keys()
    assert {NEW} == senders_with(None, with_column).hours.keys()
