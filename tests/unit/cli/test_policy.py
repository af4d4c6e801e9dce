"""`cpis policy`: what is printed, and what cannot be asked."""

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from broker.cli import root
from broker.core.code_errors import GssCode
from broker.core.errors import ConfigurationError
from broker.runtime.policy_file import KEYS
from tests.tools.stale_docs import REPOSITORY

STREAM = str(REPOSITORY / "tests" / "fixtures" / "streams" / "demo.jsonl")
DEMO = str(REPOSITORY / "deploy" / "demo" / "policy.toml")

POLICY = """\
[settings]
reattendance_days = 14

[[override]]
provider = "RXH"
name = "Hackney General"
open_stay_hours = 48

[[override]]
provider = "RXH"
site = "RXH01"
name = "Hackney General, East"

[[override]]
provider = "RXH"
location = "ED"
listed = "unscheduled"
withheld = ["acuity", "reason"]

[[override]]
provider = "RXH"
system = "EdSys"
traced_by_sender = true

[[override]]
authority = "211"
visible_after_end_days = 400

[successors.204]
code = "201"
opens_on = 2027-04-01

[[stop]]
provider = "RXW"
from = 2027-04-01
signed_by = "A. Trust"
signed_on = 2027-03-01

[[stop]]
authority = "204"
from = 2027-04-01
until = 2027-04-30
signed_by = "A. Director"
signed_on = 2027-03-01

[[period]]
from = 2027-04-01
settings.reattendance_days = 7
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Lend a policy file."""
    path = tmp_path / "policy.toml"
    path.write_text(POLICY, encoding="utf-8")
    return path


def run(*arguments: str | Path, **environment: str) -> Result:
    """Run `cpis policy` in this process."""
    settings = {"CPIS_POLICY_FILE": "", **environment}
    return CliRunner().invoke(root, ["policy", *map(str, arguments)], env=settings)


def shown(*arguments: str | Path, **environment: str) -> dict[str, Any]:
    """Return what `cpis policy show --json` prints."""
    result = run("show", *arguments, "--json", **environment)
    assert 0 == result.exit_code, result.output
    told: dict[str, Any] = json.loads(result.stdout)
    return told


def values(told: dict[str, Any]) -> dict[str, tuple[Any, str]]:
    """Return value and source by key."""
    return {row["key"]: (row["value"], row["source"]) for row in told["settings"]}


def test_without_a_file_every_setting_comes_from_its_ruling() -> None:
    """None is missing, and none has an override."""
    told = shown()

    assert (list(KEYS), []) == ([row["key"] for row in told["settings"]], told["overrides"])
    assert (365, "default, ruling 9, D1") == values(told)["visible_after_end_days"]
    assert (None, None, {}) == (told["file"], told["from"], told["for"])


def test_the_file_is_that_of_the_settings_unless_one_is_named(file: Path) -> None:
    """`--file` outweighs `CPIS_POLICY_FILE`."""
    assert str(file) == shown(CPIS_POLICY_FILE=str(file))["file"]
    assert DEMO == shown("--file", DEMO, CPIS_POLICY_FILE=str(file))["file"]


PLACES: dict[str, tuple[tuple[str, ...], str, Any, int | str]] = {
    "everywhere": (("--at", "2027-01-01"), "reattendance_days", 14, 2),
    "an authority": (("--la", "211"), "visible_after_end_days", 400, 27),
    "another authority": (("--la", "204"), "visible_after_end_days", 365, "default, ruling 9, D1"),
    "a provider": (("--provider", "RXH"), "open_stay_hours", 48, 7),
    "a provider as a site": (("--site", "RXH"), "open_stay_hours", 48, 7),
    "another provider": (("--provider", "RXM"), "open_stay_hours", 24, "default, ruling 10"),
    "a site": (("--site", "RXH01"), "name", "Hackney General, East", 12),
    "a site's provider": (("--site", "RXH01"), "open_stay_hours", 48, 7),
    "another site": (("--site", "RXH02"), "name", "Hackney General", 6),
    "a location": (("--provider", "RXH", "--location", "ed"), "listed", "unscheduled", 17),
    "a list": (("--site", "RXH", "--location", "ED"), "withheld", ["acuity", "reason"], 18),
    "a location of a site": (
        ("--site", "RXH01", "--location", "ED"),
        "name",
        "Hackney General, East",
        12,
    ),
    "a system": (("--provider", "RXH", "--system", "EdSys"), "traced_by_sender", True, 23),
    "another system": (
        ("--provider", "RXH", "--system", "X"),
        "traced_by_sender",
        False,
        "default, ruling 20",
    ),
    "an authority and a provider": (("--la", "211", "--provider", "RXH"), "open_stay_hours", 48, 7),
    "the eve of a period": (("--at", "2027-03-31T23:59"), "reattendance_days", 14, 2),
    "the day of a period": (("--at", "2027-04-01"), "reattendance_days", 7, 48),
    "a time with its zone": (("--at", "2027-03-31T23:00:00Z"), "reattendance_days", 7, 48),
}


@pytest.mark.parametrize(("arguments", "key", "value", "source"), PLACES.values(), ids=PLACES.keys())
def test_a_value_is_shown_with_where_it_comes_from(
    file: Path, arguments: tuple[str, ...], key: str, value: Any, source: int | str
) -> None:
    """File and line, or the ruling; for somebody, somewhere, on a day."""
    told = shown("--file", file, *arguments)

    expected = source if isinstance(source, str) else f"{file}:{source}"
    assert (value, expected) == values(told)[key]


def test_a_site_that_two_providers_name_is_that_of_its_code(tmp_path: Path) -> None:
    """A site code begins with its trust's."""
    text = '[[override]]\nprovider = ["RXH", "RXM"]\nsite = "RXM01"\nname = "East"\n'
    (tmp_path / "two.toml").write_text(text, encoding="utf-8")

    assert {"provider": "RXM", "site": "RXM01"} == shown("--file", tmp_path / "two.toml", "--site", "RXM01")[
        "for"
    ]


def test_an_authority_is_named_by_its_ods_code() -> None:
    """A code of the statisticians is refused with what to give instead (E09000030 is Tower Hamlets')."""
    assert 0 == run("show", "--la", "211").exit_code
    assert isinstance(run("show", "--la", "E09000030").exception, GssCode)


def test_the_overrides_are_listed_where_nobody_is_named(file: Path) -> None:
    """With whom they are for; successors and stops too."""
    told = shown("--file", file)

    assert [
        ("successors.204", None),
        ("stop.RXW", None),
        ("stop.204", None),
        ("name", "provider RXH"),
        ("open_stay_hours", "provider RXH"),
        ("name", "provider RXH, site RXH01"),
        ("listed", "provider RXH, location ED"),
        ("withheld", "provider RXH, location ED"),
        ("traced_by_sender", "provider RXH, system EdSys"),
        ("visible_after_end_days", "authority 211"),
    ] == [(row["key"], row["holder"]) for row in told["overrides"]]
    own = [(row["key"], row["value"]) for row in shown("--file", file, "--la", "204")["overrides"]]
    assert [
        ("successors.204", "201 from 2027-04-01"),
        ("stop.204", "from 2027-04-01 until 2027-04-30, signed by A. Director on 2027-03-01"),
    ] == own
    [stop] = shown("--file", file, "--site", "RXW")["overrides"][1:]
    assert "from 2027-04-01 until further notice, signed by A. Trust on 2027-03-01" == stop["value"]
    assert [] == shown("--file", file, "--la", "211")["overrides"]


def test_a_person_reads_one_setting_a_line(file: Path) -> None:
    """Value in words, source in brackets, and whom an override is for."""
    result = run("show", "--file", file, "--site", "RXH", "--location", "ED", "--at", "2027-04-01")

    head, *rest = result.stdout.splitlines()
    assert f"{file}, from 2027-04-01 00:00, version " in head
    assert head.endswith(", provider RXH, location ED")
    assert f"withheld                        acuity, reason  [{file}:18 (provider RXH, location ED)]" in [
        line.strip() for line in rest
    ]
    assert "traced_by_sender                false  [default, ruling 20]" in [line.strip() for line in rest]
    assert len(KEYS) + 2 == len(rest)  # and the one successor with its heading


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--location", "ED"), "a location or a system is one of a provider"),
        (("--system", "X"), "a location or a system is one of a provider"),
        (("--site", "RXH01", "--system", "X"), "--system goes with --provider alone"),
        (("--provider", "RXH", "--location", "ED", "--system", "X"), "--system goes with --provider alone"),
        (("--at", "yesterday"), "is no day or time such as 2027-04-01"),
    ],
)
def test_what_cannot_be_asked_is_a_mistake_of_use(arguments: tuple[str, ...], words: str) -> None:
    """2, and how to ask."""
    result = run("show", *arguments)

    assert (2, True) == (result.exit_code, words in result.output)


def test_a_file_that_can_be_used_is_told_by_its_periods(file: Path) -> None:
    """Each with its version, which the decisions carry."""
    before, after = run("check", file).stdout.splitlines()

    versions = [shown("--file", file, "--at", f"{year}-01-01")["version"] for year in (2027, 2028)]
    assert (
        f"since ever              version {versions[0]}",
        f"from 2027-04-01 00:00   version {versions[1]}",
    ) == (
        before,
        after,
    )


def test_a_file_that_cannot_be_used_is_refused(file: Path) -> None:
    """As the broker would refuse it."""
    file.write_text(POLICY.replace("name", "nmae"), encoding="utf-8")

    error = run("check", file).exception

    assert isinstance(error, ConfigurationError)
    assert f"{file}:6: [[override]] does not know 'nmae'; the nearest is 'name'" in str(error)


def test_what_a_change_would_have_told_is_printed_without_names(tmp_path: Path) -> None:
    """One alert a line, a summary, and nothing of a person."""
    other = tmp_path / "other.toml"
    text = Path(DEMO).read_text("utf-8")
    other.write_text(text.replace("02079465678", "02070000000"), encoding="utf-8")
    miu = 'location = "MIU"\nlisted = '
    silent = text.replace(f'{miu}"unscheduled"', f'{miu}"sensitive"')
    (tmp_path / "silent.toml").write_text(silent, encoding="utf-8")

    altered, removed = (
        run("diff", DEMO, tmp_path / name, "--stream", STREAM) for name in ("other.toml", "silent.toml")
    )
    added = run("diff", tmp_path / "silent.toml", DEMO, "--stream", STREAM)

    assert (0, 0, 0) == (altered.exit_code, removed.exit_code, added.exit_code)
    assert "visit.call_back" in altered.stdout
    assert "0 added, 2 removed, 2 altered; 15 alerts by the first policy, 13 by the second" in removed.stdout
    assert "2 added, 0 removed, 2 altered; 13 alerts by the first policy, 15 by the second" in added.stdout
    assert "removed  la 211  visit " in removed.stdout
    assert "at RXM on 2026-03-01 15:20  ruling 47: sensitive place" in removed.stdout
    for name in ("Quillfeather", "Amberlyn", "9990000018"):
        assert name not in altered.stdout + removed.stdout + added.stdout


def test_a_change_that_changes_nothing_says_so() -> None:
    """With how many alerts it was compared."""
    result = run("diff", DEMO, DEMO, "--stream", STREAM)

    assert (0, "nothing differs: the same 15 alerts are told by both\n") == (result.exit_code, result.stdout)


def test_a_change_can_be_read_by_a_program(tmp_path: Path) -> None:
    """Verdict, recipient, visit and fields as JSON."""
    (tmp_path / "none.toml").write_text("", encoding="utf-8")

    result = run("diff", DEMO, tmp_path / "none.toml", "--stream", STREAM, "--json")

    told = json.loads(result.stdout)
    assert (15, 15, {"altered"}) == (
        told["before"],
        told["after"],
        {one["verdict"] for one in told["differences"]},
    )
    assert {"kind": "la", "code": "204"} in [one["recipient"] for one in told["differences"]]
