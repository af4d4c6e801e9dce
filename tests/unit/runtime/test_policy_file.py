"""A policy file is read whole or refused: each fault with file, line and what to do."""

from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from broker.core.alerts import RecipientKind
from broker.core.errors import ConfigurationError
from broker.core.identifiers import OdsCode
from broker.core.policy import Policies, Policy
from broker.core.policy_keys import Place, Selector, Successor
from broker.core.stops import Stop
from broker.runtime.policy_file import KEYS, parse_policy, read_policy, read_policy_file

RXH, RXM, E09 = OdsCode("RXH"), OdsCode("RXM"), OdsCode("E09")

WHOLE = """\
[settings]
reattendance_days = 14
withheld = [
  "reason",   # not everybody's business
]

[[override]]
provider = ["RXH", "RXM"]
open_stay_hours = 48
name = "Of two houses"

[[override]]
provider = "RXH"
location = ["ed", "RESUS"]
listed = "scheduled"

[[override]]
authority = "E09"
unborn_visible_days = 40

[[override]]
provider = "RXH"
system = "EdSys"
traced_by_sender = true

[[override]]
provider = "RXH"
site = "RXH01"
call_back = "020 7946 0155"

[successors.204]
code = "201"
opens_on = 2027-04-01

[[stop]]
authority = "E09"
from = 2027-05-01
until = 2027-05-31
signed_by = " A. Director "
signed_on = 2027-04-20

[[period]]
from = 2027-04-01
[period.settings]
reattendance_days = 7
[[period.override]]
provider = "RXH"
open_stay_hours = 24

[[period]]
from = 2027-10-31T03:00:00
[[period.override]]
provider = "RXM"
open_stay_hours = 12
"""


STOP = Stop(
    controller=RecipientKind.AUTHORITY,
    code=E09,
    first=date(2027, 5, 1),
    last=date(2027, 5, 31),
    signed_by="A. Director",
    signed_on=date(2027, 4, 20),
)


def test_a_file_is_read_whole() -> None:
    """Settings, overrides for one or several, successors, stops."""
    policy = parse_policy(WHOLE, "policy.toml").policy.every[0]

    assert policy == Policy(
        reattendance=timedelta(days=14),
        withheld=frozenset({"reason"}),
        successors={OdsCode("204"): Successor(code=OdsCode("201"), opens_on=date(2027, 4, 1))},
        stops=(STOP,),
        overrides={
            Selector(provider=RXH): {"open_stay": timedelta(hours=48), "name": "Of two houses"},
            Selector(provider=RXM): {"open_stay": timedelta(hours=48), "name": "Of two houses"},
            Selector(provider=RXH, location="ED"): {"listed": Place.SCHEDULED},
            Selector(provider=RXH, location="RESUS"): {"listed": Place.SCHEDULED},
            Selector(authority=E09): {"unborn_visible": timedelta(days=40)},
            Selector(provider=RXH, system="EdSys"): {"traced_by_sender": True},
            Selector(provider=RXH, site="RXH01"): {"call_back": "02079460155"},
        },
    )


def test_periods_build_on_one_another() -> None:
    """Each says what changes on its day, in London; everything else goes on."""
    read = parse_policy(WHOLE, "policy.toml")

    assert isinstance(read.policy, Policies)
    assert (None, datetime(2027, 3, 31, 23, tzinfo=UTC), datetime(2027, 10, 31, 3, tzinfo=UTC)) == read.starts
    assert [(14, 48, 48), (7, 24, 48), (7, 24, 12)] == [
        (
            one.reattendance.days,
            one.site(RXH).open_stay // timedelta(hours=1),
            one.site(RXM).open_stay // timedelta(hours=1),
        )
        for one in read.policy.every
    ]
    assert ["Of two houses"] * 3 == [one.site(RXH).name for one in read.policy.every]


def test_every_value_that_is_set_has_its_line() -> None:
    """In each period the line that holds then."""
    read = parse_policy(WHOLE, "policy.toml")
    first, second, third = read.sources

    assert (2, 3, 9, 10, 15) == (
        first[None, "reattendance"],
        first[None, "withheld"],
        first[Selector(provider=RXM), "open_stay"],
        first[Selector(provider=RXH), "name"],
        first[Selector(provider=RXH, location="RESUS"), "listed"],
    )
    assert (45, 3, 9, 48) == (
        second[None, "reattendance"],
        second[None, "withheld"],
        second[Selector(provider=RXM), "open_stay"],
        second[Selector(provider=RXH), "open_stay"],
    )
    assert (48, 54) == (
        third[Selector(provider=RXH), "open_stay"],
        third[Selector(provider=RXM), "open_stay"],
    )
    assert {OdsCode("204"): 31} == read.successors
    assert {STOP: 35} == read.stops


def test_how_a_policy_is_written_changes_no_version() -> None:
    """Comments, order, defaults spelt out, and the form of a table."""
    one = parse_policy(WHOLE, "a").policy
    other = "# the same\n" + WHOLE.replace("[settings]", "[settings]\nplan_wait_days = 14").replace(
        '[successors.204]\ncode = "201"\nopens_on = 2027-04-01\n', ""
    )
    other = f'successors.204 = {{ opens_on = 2027-04-01, code = "201" }}\n{other}'

    assert one.version == parse_policy(other, "b").policy.version


def test_another_period_changes_no_version_of_the_others() -> None:
    """A file that only grew decides about the past as before."""
    grown = f"{WHOLE}\n[[period]]\nfrom = 2028-01-01\nsettings.same_visit_hours = 3\n"
    before, after = parse_policy(WHOLE, "a").policy, parse_policy(grown, "b").policy

    assert [one.version for one in before.every] == [one.version for one in after.every][:3]
    assert before.version != after.version


def test_without_a_file_the_defaults_hold() -> None:
    """And an empty one says the same."""
    assert Policy() == read_policy(None) == parse_policy("", "empty").policy


SETTING, OVERRIDE = "[settings]\n", '[[override]]\nprovider = "RXH"\n'
CIRCLE = """\
successors.204 = {code = "201", opens_on = 2027-04-01}

successors.201 = {code = "204", opens_on = 2028-04-01}
"""
STOP_LINES = (
    "[[stop]]",
    'provider = "RXH"',
    "from = 2027-05-01",
    'signed_by = "A. Trust"',
    "signed_on = 2027-05-01",
)
REFUSALS: Mapping[str, tuple[str, str]] = {
    "no TOML": ("[settings\n", "the policy file p.toml is no TOML: "),
    "an unknown table": (
        "[hours]\n",
        "p.toml:1: a policy does not know 'hours'; it knows settings, override, successors, stop, period",
    ),
    "an unknown setting": (
        f"{SETTING}\nplan_wait = 1\n",
        "p.toml:3: [settings] does not know 'plan_wait'; the nearest is 'plan_wait_days'",
    ),
    "an unknown setting of an override": (
        f"{OVERRIDE}nam = 1\n",
        "p.toml:3: [[override]] does not know 'nam'; the nearest is 'name'",
    ),
    "settings that are none": ("settings = 3\n", "p.toml:1: 'settings' must be a table: write [settings]"),
    "overrides that are none": (
        "[override]\n",
        "p.toml:1: 'override' must be an array of tables: write [[override]]",
    ),
    "periods that are none": (
        "period = [1]\n",
        "p.toml:1: 'period' must be an array of tables: write [[period]]",
    ),
    "a negative number of days": (
        f"{SETTING}# a\nplan_wait_days = -1\n",
        "p.toml:3: plan_wait_days must be a whole number of days, 0 to 366",
    ),
    "a value of another type": (
        f"{OVERRIDE}traced_by_sender = 1\n",
        "p.toml:3: traced_by_sender must be true or false",
    ),
    "a value in a list over several lines": (
        f'{SETTING}withheld = [\n "reason",\n "visit",\n]\n',
        "p.toml:2: withheld must be a list out of accompanied_by, ",
    ),
    "a setting that only a place may have": (
        f"{SETTING}name = 'X'\n",
        "p.toml:2: name cannot be set everywhere, only for a provider, a site or a location, in an ",
    ),
    "a setting that only holds everywhere": (
        f"{OVERRIDE}plan_wait_days = 3\n",
        "p.toml:3: plan_wait_days cannot be set for a provider, only everywhere, in [settings]",
    ),
    "a setting of an authority at a provider": (
        f"{OVERRIDE}visible_after_end_days = 3\n",
        "p.toml:3: visible_after_end_days cannot be set for a provider, only everywhere, in [settings], or ",
    ),
    "an override of nothing": (
        f"\n{OVERRIDE}",
        "p.toml:2: an override without a setting changes nothing: give it one, or take it out",
    ),
    "an override for nobody": (
        "[[override]]\nopen_stay_hours = 3\n",
        "p.toml:1: an override is for an authority or for a provider, one of them",
    ),
    "an override for both sides": (
        f'{OVERRIDE}authority = "E09"\nname = "X"\n',
        "p.toml:1: an override is for an authority or for a provider, one of them",
    ),
    "a location of nobody": (
        '[[override]]\nauthority = "E09"\nlocation = "ED"\nlisted = "sensitive"\n',
        "p.toml:1: a system, a site or a location is one of a provider: name the provider as well",
    ),
    "a location of a site": (
        f'{OVERRIDE}site = "RXH01"\nlocation = "ED"\nlisted = "sensitive"\n',
        "p.toml:1: an override is for a system, a site or a location, one of them",
    ),
    "no ODS code": (
        '[[override]]\nprovider = ["RXH", "r"]\nname = "X"\n',
        "p.toml:2: 'provider' must be an ODS code or a list of them: 3 to 8 capital letters and digits, ",
    ),
    "a number for an ODS code": (
        "[[override]]\nauthority = 204\nunborn_visible_days = 1\n",
        "p.toml:2: 'auth",
    ),
    "no ODS code of a site": (f'{OVERRIDE}site = "x"\nname = "X"\n', "p.toml:3: 'site' must be an ODS code"),
    "no location at all": (
        f'{OVERRIDE}location = []\nlisted = "sensitive"\n',
        "p.toml:3: 'location' must be a code or a list of codes",
    ),
    "no authority at all": (
        "[[override]]\nauthority = []\nunborn_visible_days = 1\n",
        "p.toml:2: 'authority' must be an ODS code or a list of them",
    ),
    "a location that is none": (
        f'{OVERRIDE}location = ["ED", " "]\nname = "X"\n',
        "p.toml:3: 'location' must be a code or a list of codes",
    ),
    "a system that is none": (
        f"{OVERRIDE}system = 1\ntraced_by_sender = true\n",
        "p.toml:3: 'system' must be",
    ),
    "two overrides of one thing": (
        f'{OVERRIDE}name = "X"\n[[override]]\nprovider = ["RXM", "RXH"]\ncall_back = "111"\nname = "Y"\n',
        "p.toml:7: name for provider RXH is set in line 3 too, and neither is the more specific: take it ",
    ),
    "a location named twice": (
        f'{OVERRIDE}location = ["ED", "ed"]\nlisted = "sensitive"\n',
        "p.toml:4: listed for provider RXH, location ED is set in line 4 too",
    ),
    "an independent hospital without a list": (
        f"{OVERRIDE}nhs_funded = []\n",
        "p.toml:3: nhs_funded must be a list of one or more codes of locations or sites",
    ),
    "a list that is everybody's": (
        f'{SETTING}nhs_funded = ["URGENT"]\n',
        "p.toml:2: nhs_funded cannot be set everywhere, only for a provider",
    ),
    "a place on the list that is never told of": (
        f'{OVERRIDE}nhs_funded = ["HAVEN"]\n{OVERRIDE}location = "HAVEN"\nlisted = "sensitive"\n',
        "p.toml:7: for provider RXH, location HAVEN: nothing of a sensitive place is told: take it out of ",
    ),
    "waits that contradict each other": (
        f"{SETTING}reattendance_days = 3\nplan_wait_days = 22\n",
        "p.toml:3: plan_wait_days must not be more than plan_wait_after_arrival_days: change one of the two",
    ),
    "a wait beyond the horizon": (
        f"{SETTING}plan_wait_after_arrival_days = 22\n",
        "p.toml:2: plan_wait_after_arrival_days may be at most two less than horizon_days, 21: ",
    ),
    "a horizon before the wait": (
        f"{SETTING}horizon_days = 22\n",
        "p.toml:2: plan_wait_after_arrival_days may be at most two less than horizon_days, 20: ",
    ),
    "a type that is both": (
        f'{OVERRIDE}scheduled_types = ["21", "2A"]\n',
        "p.toml:3: for provider RXH: scheduled_types and emergency_types both hold 21, 2A: change ",
    ),
    "a period without a day": (
        "[[period]]\nsettings.same_visit_hours = 1\n",
        "p.toml:1: a period needs a day, such as `from = 2027-04-01` (Europe/London)",
    ),
    "a period from a text": ('[[period]]\nfrom = "2027-04-01"\n', "p.toml:2: a period needs a day"),
    "an end of a period": (
        "[[period]]\nfrom = 2027-04-01\nuntil = 2027-01-01\n",
        "p.toml:3: [[period]] does not know 'until'; it knows from, settings, override",
    ),
    "two periods from one day": (
        "[[period]]\nfrom = 2027-04-01\n[[period]]\nfrom = 2027-04-01T00:00:00+01:00\n",
        "p.toml:4: a period lasts until the next one begins, and this one does not begin after the one ",
    ),
    "a period out of order": (
        "[[period]]\nfrom = 2027-04-02\n[[period]]\nfrom = 2027-04-01\n",
        "p.toml:4: a period lasts until",
    ),
    "an hour that there is twice": (
        "[[period]]\nfrom = 2027-10-31T01:30:00\n",
        "p.toml:2: the clocks change then: give the offset too, such as +01:00",
    ),
    "an hour that there is not": ("[[period]]\nfrom = 2027-03-28T01:30:00\n", "p.toml:2: the clocks change"),
    "a fault of a period": (
        "[[period]]\nfrom = 2027-04-01\n[period.settings]\nsame_visit_hours = 1.5\n",
        "p.toml:4: same_visit_hours must be a whole number of hours, 0 to 72",
    ),
    "a successor with a day of a period": (
        "[[period]]\nfrom = 2027-04-01\n[period.successors.204]\n",
        "p.toml:3: [[period]] does not know 'successors'",
    ),
    "successors that are none": ("successors = []\n", "p.toml:1: 'successors' must be a table"),
    "an authority that succeeds itself": (
        CIRCLE,
        "p.toml:1: 204 succeeds itself: break the circle\np.toml:3: 201 succeeds itself: break the circle",
    ),
    "a successor without a day": ('[successors.204]\ncode = "201"\n', "p.toml:1: 'opens_on' must be a day"),
    "a successor from a time": (
        '[successors.204]\ncode = "201"\nopens_on = 2027-04-01T00:00:00\n',
        "p.toml:3: 'opens_on' must be a day, such as 2027-04-01",
    ),
    "a successor that is no authority": (
        "[successors.204]\ncode = 201\nopens_on = 2027-04-01\n",
        "p.toml:1: an authority and its successor are ODS codes: 3 to 8 capitals and digits",
    ),
    **{
        f"a stop of sharing {fault}": (
            "\n" + "".join(line + "\n" for line in (*STOP_LINES, more) if not line.startswith(without)),
            "p.toml:2: a stop of sharing needs its controller, `authority` or `provider`",
        )
        for fault, without, more in (
            ("of nobody", "provider", ""),
            ("of two", "-", 'authority = "E09"'),
            ("of no organisation", "provider", 'provider = "?"'),
            ("of several", "provider", 'provider = ["RXH"]'),
            ("that nobody signed", "signed_by", ""),
            ("signed with a blank", "signed_by", 'signed_by = " "'),
            ("signed by a number", "signed_by", "signed_by = 4"),
            ("signed at no time", "signed_on", ""),
            ("signed after it began", "signed_on", "signed_on = 2027-05-02"),
            ("from no day on", "from", ""),
            ("from a time on", "from", "from = 2027-05-01T10:00:00"),
            ("until a time", "-", "until = 2027-06-01T10:00:00"),
            ("that ends before it begins", "-", "until = 2027-04-30"),
        )
    },
    "stops that are none": ("[stop]\n", "p.toml:1: 'stop' must be an array of tables: write [[stop]]"),
    "an unknown key of a stop": (
        "\n".join([*STOP_LINES, "to = 2027-06-01"]),
        "p.toml:6: [[stop]] does not know 'to'; it knows authority, provider, from, until, signed_by",
    ),
    "a stop within a period": (
        "[[period]]\nfrom = 2027-04-01\n[[period.stop]]\n",
        "p.toml:3: [[period]] does not know 'stop'",
    ),
    "an unknown key of a successor": (
        '[successors.204]\ncode = "201"\nopens = 2027-04-01\nopens_on = 2027-04-01\n',
        "p.toml:3: [successors.204] does not know 'opens'; it knows code, opens_on",
    ),
}


@pytest.mark.parametrize(("text", "words"), REFUSALS.values(), ids=REFUSALS.keys())
def test_a_fault_is_told_with_file_line_and_fix(text: str, words: str) -> None:
    """Nothing that nobody reads, that cannot be or that says two things passes for a setting."""
    with pytest.raises(ConfigurationError) as refused:
        parse_policy(text, "p.toml")

    assert str(refused.value).startswith(words)


def test_every_fault_is_told_at_once_in_the_order_of_the_lines() -> None:
    """Not one at each attempt, nor one for each period that it goes on in."""
    text = f"{SETTING}x = 1\nplan_wait_days = 30\n[[period]]\nfrom = 1\n{OVERRIDE}"

    with pytest.raises(ConfigurationError) as refused:
        parse_policy(text, "p.toml")

    assert [2, 3, 5, 6] == [int(line.split(":")[1]) for line in str(refused.value).splitlines()]


def test_a_file_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    """With its place and the reason."""
    (tmp_path / "bytes.toml").write_bytes(b"\xff")

    with pytest.raises(ConfigurationError, match=r"gone\.toml cannot be read: No such file"):
        read_policy_file(tmp_path / "gone.toml")
    with pytest.raises(ConfigurationError, match=r"bytes\.toml is no text in UTF-8"):
        read_policy_file(tmp_path / "bytes.toml")


def test_a_key_says_its_unit() -> None:
    """Days and hours are not taken for one another."""
    assert ("visible_after_end", "open_stay", "listed") == (
        KEYS["visible_after_end_days"],
        KEYS["open_stay_hours"],
        KEYS["listed"],
    )
