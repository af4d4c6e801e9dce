"""A new provider gets into the files as a person would write it, once; what it lacks is said."""

import tomllib

import pytest

from broker.core.destinations import Deliver
from broker.core.identifiers import OdsCode
from broker.core.onboarding import (
    NewSender,
    Topics,
    at_odds,
    listed_places,
    missing,
    with_provider,
    with_sender,
)
from broker.core.policy import Policies, Policy
from broker.core.policy_keys import Place, Selector
from broker.core.senders import Provider, Sender, Senders
from broker.runtime.resources import topics_file
from broker.runtime.senders_file import parse_senders

RXX, RXH = OdsCode("RXX"), OdsCode("RXH")
NEW = NewSender(RXX, "EDSYS", 'Exton "General"', "edsys.rxx.sender", ("192.0.2.0/24",))
TOLD, WRITTEN = "cpis.alerts.provider.RXX", "cpis.in.attendances.RXX"


def added(text: str, new: NewSender) -> str:
    """Return a file of senders with one more."""
    return with_sender(text, parse_senders(text, "senders.toml"), new)


def test_a_sender_is_written_once_and_can_be_read() -> None:
    """In an empty file, beside others, beside another system of the provider; the rest stays as it was."""
    first = added("", NEW)
    others = added("# ours\n[provider.RXH.sender.PAS]\naddresses = ['192.0.2.1']\n", NEW)
    second = added(first, NEW._replace(system="Ward PAS", certificate=None))

    assert first == added(first, NEW)
    assert others.startswith("# ours\n[provider.RXH.sender.PAS]\n")
    assert second.startswith(first)
    read = parse_senders(second, "senders.toml").providers or {}
    assert 'Exton "General"' == read[RXX].name
    assert {"EDSYS", "Ward PAS"} == read[RXX].sender.keys()
    assert frozenset({"name:edsys.rxx.sender"}) == read[RXX].sender["EDSYS"].certificates
    assert not read[RXX].sender["Ward PAS"].certificates
    assert {RXX, RXH} == (parse_senders(others, "senders.toml").providers or {}).keys()


def test_a_sender_without_addresses_and_a_name_has_neither_line() -> None:
    """What is not said is not written."""
    text = added("", NewSender(RXX, "EDSYS", None, "a.example"))

    assert '[provider.RXX]\n\n[provider.RXX.sender.EDSYS]\ncertificates = ["name:a.example"]\n' == text


@pytest.mark.parametrize("table", ["recipients", "senders"])
def test_a_provider_is_written_into_its_list_once(table: str) -> None:
    """In the shipped file, whose every other line stays."""
    before = topics_file().read_text("utf-8")

    after = with_provider(before, table, RXX) or ""

    assert "RXX" in tomllib.loads(after)[table]["providers"]
    assert after == with_provider(after, table, RXX)
    changed = [
        (old, new) for old, new in zip(before.splitlines(), after.splitlines(), strict=True) if old != new
    ]
    assert 1 == len(changed)


@pytest.mark.parametrize(
    ("listed", "codes"),
    [
        ("['RXH', \"RXM\"]", ["RXX", "RXH", "RXM"]),
        ("[\n  'RXH', # \"ROLD\" has left\n]", ["RXX", "RXH"]),
        ("[ # none yet\n]", ["RXX"]),
        ('[\n  "RXM",\n  "RXX"\n]', ["RXM", "RXX"]),
    ],
)
def test_those_who_stand_in_a_list_stay_however_it_is_written(listed: str, codes: list[str]) -> None:
    """A code that is lost from the list has no topic any more, and is told of nobody."""
    after = with_provider(f"[recipients]\nproviders = {listed}\n[senders]\n", "recipients", RXX) or ""

    assert codes == tomllib.loads(after)["recipients"]["providers"]
    assert listed[1:] in after


@pytest.mark.parametrize(
    ("new", "keys"),
    [
        (NEW, ()),
        (NEW._replace(name=None, addresses=()), ()),
        (NEW._replace(name="Another"), ("name",)),
        (NEW._replace(certificate="other.example"), ("certificates",)),
        (NEW._replace(certificate=None), ("certificates",)),
        (NEW._replace(addresses=("192.0.2.7",)), ("addresses",)),
        (NEW._replace(system="PAS", certificate="other.example"), ()),
        (NEW._replace(provider=RXH), ()),
    ],
)
def test_a_sender_that_stands_there_otherwise_is_not_taken_for_the_same(
    new: NewSender, keys: tuple[str, ...]
) -> None:
    """What is asked for would not be so, and whoever asked would think that it is."""
    known, asked = (parse_senders(added("", one), "senders.toml") for one in (NEW, new))

    assert keys == at_odds(known, asked, new)


def test_a_sender_with_more_than_is_asked_for_is_at_odds_with_nothing() -> None:
    """A second certificate while the first is renewed, a second address; and no file at all says nothing."""
    text = added("", NEW).replace('"name:edsys', '"name:second.example", "name:edsys')

    assert () == at_odds(parse_senders(text, "senders.toml"), parse_senders(added("", NEW), ""), NEW)
    assert () == at_odds(Senders(), parse_senders(added("", NEW), ""), NEW)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[recipients]\n[senders]\nproviders = []",
        "[recipients]\nlocal_authorities = []",
        "[recipients]\nproviders = [ # ] \n]",
    ],
)
def test_a_file_without_the_list_is_left_to_a_person(text: str) -> None:
    """Nothing is guessed."""
    assert with_provider(text, "recipients", RXX) is None


def ready_policy() -> Policy:
    """Return a policy in which everything of RXX is settled."""
    return Policy(
        overrides={
            Selector(provider=RXX): {"call_back": "02079460000"},
            Selector(provider=RXX, location="SHC"): {"listed": Place.SENSITIVE},
            Selector(provider=RXX, location="FRAC"): {"listed": Place.SCHEDULED},
            Selector(provider=RXH, location="SHC"): {"listed": Place.SENSITIVE},
        }
    )


def senders(*, places_settled: bool = False, sender: bool = True) -> Senders:
    """Return a file that names RXX."""
    systems = {"EDSYS": Sender()} if sender else {}
    return Senders(providers={RXX: Provider(places_settled=places_settled, sender=systems)})


PRESENT = Topics(TOLD, None, frozenset({TOLD}))


def test_a_provider_of_which_everything_is_settled_lacks_nothing() -> None:
    """By the policy that is in force last."""
    policies = Policies(first=ready_policy(), later=())

    for policy in (ready_policy(), policies):
        assert [] == [*missing(RXX, senders(), PRESENT, policy)]
    assert {Place.SENSITIVE: 1, Place.SCHEDULED: 1} == listed_places(ready_policy(), RXX)


@pytest.mark.parametrize(
    ("file", "topics", "words"),
    [
        (Senders(), PRESENT, "does not name RXX"),
        (senders(sender=False), PRESENT, "names no sending system"),
        (senders(), Topics(None, None, None), "nothing takes alerts to RXX"),
        (senders(), Topics(TOLD, None, frozenset()), f"has no topic {TOLD}"),
        (senders(), Topics(TOLD, WRITTEN, frozenset({TOLD})), f"has no topic {WRITTEN}"),
    ],
)
def test_what_is_missing_in_the_files_or_on_the_cluster_is_named(
    file: Senders, topics: Topics, words: str
) -> None:
    """One sentence each."""
    [gap] = missing(RXX, file, topics, ready_policy())

    assert words in gap


def test_a_provider_whose_engine_takes_its_alerts_needs_no_topic() -> None:
    """Ruling 30: by any of the ways, and one is enough."""
    file = Senders(
        providers={RXX: Provider(sender={"EDSYS": Sender()}, deliver=Deliver(fhir="https://a.example"))}
    )

    assert [] == [*missing(RXX, file, Topics(None, None, None), ready_policy())]


def test_a_provider_that_writes_to_kafka_needs_no_sender() -> None:
    """It says nothing over MLLP."""
    assert [] == [*missing(RXX, senders(sender=False), Topics(TOLD, WRITTEN, None), ready_policy())]


def test_places_are_listed_before_go_live_or_said_to_be_none() -> None:
    """Rulings 4 and 47: silence about sensitive places is no list."""
    policy = Policy(overrides={Selector(provider=RXX): {"call_back": "02079460000"}})

    gaps = [*missing(RXX, senders(), PRESENT, policy)]

    assert ["ruling 47" in gaps[0], "ruling 4" in gaps[1], len(gaps)] == [True, True, 2]
    assert [] == [*missing(RXX, senders(places_settled=True), PRESENT, policy)]


def test_a_provider_without_a_call_back_number_is_told() -> None:
    """Ruling 29: an authority is to ring somebody."""
    [gap] = missing(RXX, senders(places_settled=True), PRESENT, Policy())

    assert "ruling 29" in gap
