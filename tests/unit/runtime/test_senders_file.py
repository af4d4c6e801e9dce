"""A file of senders is read whole or refused: each fault with file, line and what to do."""

import ipaddress
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from broker.core.destination_keys import Server
from broker.core.destinations import Deliver
from broker.core.errors import ConfigurationError
from broker.core.identifiers import OdsCode
from broker.core.sender_keys import Codes, CompanionPlaces, NumberPlaces
from broker.core.senders import Provider, Sender, Senders, Unknown
from broker.runtime.senders_file import parse_senders, read_senders
from tests.tools.reference_senders import EXAMPLE

FINGERPRINT = (
    "5F:70:BF:18:A0:86:00:70:16:E9:48:B0:4A:ED:3B:82:10:3A:36:BE:A4:17:55:B6:CD:DF:AF:10:AC:E3:C6:EF"
)
WHOLE = f"""\
[provider.RXX]
name = " Riverside "

[provider.RXX.sender.EPR]
certificates = ["sha256:{FINGERPRINT}", "name: Engine.Example "]
addresses = ["192.0.2.7", "2001:db8::/48"]

[provider.RXM.sender."PAS 1"]
addresses = ["10.0.0.0/8"]
"""


def refused(text: str) -> list[str]:
    """Return the lines of a refusal."""
    with pytest.raises(ConfigurationError) as problem:
        parse_senders(text, "senders.toml")
    return str(problem.value).splitlines()


def test_a_file_is_read_whole() -> None:
    """Providers, their systems, what binds each; fingerprints and names in one form."""
    assert parse_senders(WHOLE, "senders.toml") == Senders(
        providers={
            OdsCode("RXX"): Provider(
                name="Riverside",
                sender={
                    "EPR": Sender(
                        certificates=frozenset(
                            {f"sha256:{FINGERPRINT.replace(':', '').lower()}", "name:engine.example"}
                        ),
                        addresses=(ipaddress.ip_network("192.0.2.7"), ipaddress.ip_network("2001:db8::/48")),
                    )
                },
            ),
            OdsCode("RXM"): Provider(
                sender={"PAS 1": Sender(addresses=(ipaddress.ip_network("10.0.0.0/8"),))}
            ),
        }
    )


def test_without_a_file_anybody_may_send() -> None:
    """As it was before there were files; an empty one lets nobody send."""
    assert Senders() == read_senders(None)
    assert Senders(providers={}) == parse_senders("", "senders.toml")


def test_the_shipped_example_is_one() -> None:
    """What the reference page shows can be used."""
    assert read_senders(Path(__file__).parents[3] / EXAMPLE).go_by_certificates


def test_a_file_that_cannot_be_read_is_refused(tmp_path: Path) -> None:
    """Away, no text, no TOML: each in words."""
    text, binary = tmp_path / "text.toml", tmp_path / "binary.toml"
    text.write_text("[provider")
    binary.write_bytes(b"\xff\xfe")

    told = []
    for path in (tmp_path / "away.toml", binary, text):
        with pytest.raises(ConfigurationError) as problem:
            read_senders(path)
        told.append(str(problem.value).replace(f"{tmp_path}/", ""))

    assert [
        "the file of senders away.toml cannot be read: No such file or directory",
        "the file of senders binary.toml is no text in UTF-8: invalid start byte",
    ] == told[:2]
    assert told[2].startswith("the file of senders text.toml is no TOML: ")


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ('certificate = ["name:a"]', "[provider.RXX.sender.EPR] does not know 'certificate'; it knows cert"),
        ("certificates = [1]", "certificates must be a list of certificates, each `sha256:` and its"),
        ('certificates = ["name:a", "name:a"]', "certificates must be a list of certificates"),
        ('certificates = ["engine.example"]', "certificates must be a list of certificates"),
        ('certificates = ["name: "]', "certificates must be a list of certificates"),
        ('certificates = ["name:a\\u0000"]', "certificates must be a list of certificates"),
        ('certificates = ["sha256:5f70"]', "certificates must be a list of certificates"),
        ('certificates = ["md5:00"]', "certificates must be a list of certificates"),
        ('addresses = ["10.1.2.3/24"]', "addresses must be a list of addresses or networks, such as"),
        ('addresses = ["engine.example"]', "addresses must be a list of addresses or networks"),
        ('addresses = "10.1.2.3"', "addresses must be a list of addresses or networks"),
    ],
)
def test_a_key_that_is_wrong_is_refused_in_its_line(line: str, words: str) -> None:
    """Unknown or impossible; the value is not repeated, and the sender is not left open to anybody."""
    told = refused(f"[provider.RXX.sender.EPR]\n\n{line}\naddresses2 = 1\n")

    assert any(one.startswith(f"senders.toml:3: {words}") for one in told)


def test_two_systems_of_a_provider_number_no_visits_alike() -> None:
    """A visit in FHIR is one system's (ruling 6); another provider's may have the same."""
    system = '[provider.{}.sender.{}]\naddresses = ["192.0.2.1"]\nvisit_system = "urn:visits"\n'
    alike = system.format("RXX", "EPR") + system.format("RXX", "PAS")

    [told] = refused(alike)

    assert told.startswith("senders.toml:6: visit_system is another sender's as well")
    parse_senders(system.format("RXX", "EPR") + system.format("RXM", "EPR"), "senders.toml")


def test_a_national_service_is_known_by_certificate_or_token() -> None:
    """By any name; one that nobody could post for is refused (ruling 38)."""
    read = parse_senders('[national.MNS]\ncertificates = ["name:mns.example"]\n', "senders.toml")
    assert frozenset({"name:mns.example"}) == read.national["MNS"].certificates

    [told] = refused("[national.NEMS]\n")
    assert told.startswith("senders.toml:1: nobody could send for this service: give it `certificates`")
    [told] = refused('[national.NEMS]\nmailboxes = ["X26HC005"]\n')
    assert told == "senders.toml:1: `mailboxes` and `workflows` go together"
    over_mesh = '[national.NEMS]\nmailboxes = ["X26HC005"]\nworkflows = ["BIRTHNOTIFICATION_1"]\n'
    read = parse_senders(over_mesh, "senders.toml")
    assert read.national_mailboxes == {"BIRTHNOTIFICATION_1": frozenset({"X26HC005"})}


def test_every_fault_is_told_at_once() -> None:
    """In the order of the lines."""
    assert [
        "senders.toml:1: a file of senders does not know 'providers'; it knows provider, authority, national",
        "senders.toml:3: [provider.rxx] must be an ODS code: 3 to 8 capital letters and digits",
        "senders.toml:5: [provider.RXX] does not know 'nam'; it knows name, places_settled, sender, deliver",
        "senders.toml:6: anybody could pass for this sender: give it `certificates`, `tokens` or `addresses`",
        "senders.toml:8: 'EPR' must be a table: write [EPR]",
        "senders.toml:8: anybody could pass for this sender: give it `certificates`, `tokens` or `addresses`",
        "senders.toml:10: 'sender' must be a table: write [sender]",
    ] == refused(
        "[providers.RXX]\n"
        "\n"
        "[provider.rxx]\n"
        "[provider.RXX]\n"
        "nam = 1\n"
        "[provider.RXX.sender.PAS]\n"
        "[provider.RXM.sender]\n"
        "EPR = 1\n"
        "[provider.RXH]\n"
        "sender = 1\n"
    )


def test_providers_that_are_no_table_are_refused() -> None:
    """As any other table."""
    assert ["senders.toml:1: 'provider' must be a table: write [provider]"] == refused("provider = 1")


@pytest.mark.parametrize(
    ("line", "key", "value"),
    [
        ("max_connections = 1000", "max_connections", 1000),
        ('versions = ["2.6"]', "versions", frozenset({"2.6"})),
        ('profile = "ITKv1.0"', "profile", "ITKv1.0"),
        ('time_zone = "UTC"', "time_zone", ZoneInfo("UTC")),
        ('character_set = "8859/15"', "character_set", "8859/15"),
        (
            'number_in = ["PID-3 authority NHS", "PID-3 type NH", "PID-3 unlabelled", "PID-2", "PID-19"]',
            "number_in",
            NumberPlaces(
                authorities=frozenset({"NHS"}), types=frozenset({"NH"}), unlabelled=True, alone=(2, 19)
            ),
        ),
        (
            'accompanied_in = ["ZU1-5", "ZXX-12.3", "NK1 relationship PRN", "participant ESC"]',
            "accompanied_in",
            CompanionPlaces(
                fields=(("ZU1", 5, 1), ("ZXX", 12, 3)),
                relationships=frozenset({"PRN"}),
                participants=frozenset({"ESC"}),
            ),
        ),
        ('events = ["A04", "A40"]', "events", frozenset({"A04", "A40"})),
        ('read_as = { a06 = "A01" }', "read_as", Codes((("A06", "A01"),))),
        ('unknown_events = "accept"', "unknown_events", Unknown.ACCEPT),
        ('admission_types = { "via a&e" = "21" }', "admission_types", Codes((("VIA A&E", "21"),))),
    ],
)
def test_a_setting_of_a_sender_is_read(line: str, key: str, value: object) -> None:
    """In the one form that the reader of messages knows."""
    text = f'[provider.RXX.sender.EPR]\naddresses = ["192.0.2.1"]\n{line}\n'

    assert value == getattr(parse_senders(text, "senders.toml").settled(OdsCode("RXX"), "EPR"), key)


@pytest.mark.parametrize(
    "line",
    [
        "max_connections = 0",
        "max_connections = true",
        'max_connections = "2"',
        'versions = "2.4"',
        'time_zone = "London"',
        'time_zone = "../UTC"',
        "time_zone = 1",
        'character_set = "EBCDIC"',
        "character_set = 1",
        "number_in = []",
        'number_in = ["PID-3"]',
        'number_in = ["PID-1"]',
        'number_in = ["PV1-2"]',
        "accompanied_in = []",
        'accompanied_in = ["PID-11"]',
        'accompanied_in = ["NK1-2"]',
        'accompanied_in = ["ZU1"]',
        'events = ["A05"]',
        'read_as = { A06 = "A05" }',
        'read_as = { A18 = "A40" }',
        'unknown_events = "ignore"',
        "admission_types = { EMER = 21 }",
        'admission_types = { EMER = "by A&E" }',
        'admission_types = ["EMER"]',
    ],
)
def test_a_setting_that_cannot_be_is_refused(line: str) -> None:
    """With what it may be."""
    [told] = refused(f'[provider.RXX.sender.EPR]\naddresses = ["192.0.2.1"]\n{line}\n')

    assert told.startswith(f"senders.toml:3: {line.partition(' ')[0]} must be ")


def test_destinations_and_office_hours_are_read() -> None:
    """Beside the senders; what makes no sense is refused in its line."""
    read = parse_senders(
        '[provider.RXX.deliver]\nmllp = "engine.example:2575"\n'
        '[authority.S99]\noffice_hours = "Mon-Fri 09:00-17:00"\n[authority.S98]\n',
        "senders.toml",
    )

    assert read.providers is not None
    assert Deliver(mllp=Server("engine.example", 2575)) == read.providers[OdsCode("RXX")].deliver
    assert {OdsCode("S99")} == read.hours.keys()
    assert [
        "senders.toml:1: nothing is delivered: give it `mllp`, `fhir` or both",
        "senders.toml:2: [authority.s99] must be an ODS code: 3 to 8 capital letters and digits",
    ] == refused("[provider.RXX.deliver]\n[authority.s99]\n")
