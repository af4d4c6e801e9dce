"""`cpis run` with bad input, as a user meets it: one message, its exit code, and nothing half-started."""

import socket
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.disks import fill, small_disk
from tests.starting import NO_KAFKA, assert_refused, start

SETTINGS: Mapping[str, tuple[dict[str, str], str]] = {
    "misspelt": (
        {"CPIS_KAFKA_BOOTSTRAP_SERVER": NO_KAFKA},
        "CPIS_KAFKA_BOOTSTRAP_SERVER is not a setting; the nearest is CPIS_KAFKA_BOOTSTRAP_SERVERS",
    ),
    "no cluster": ({"CPIS_KAFKA_BOOTSTRAP_SERVERS": ""}, "CPIS_KAFKA_BOOTSTRAP_SERVERS is not set"),
    "host without port": (
        {"CPIS_KAFKA_BOOTSTRAP_SERVERS": "kafka.example"},
        "CPIS_KAFKA_BOOTSTRAP_SERVERS: broker 1 of 1 is not host:port",
    ),
    "port too high": (
        {"CPIS_KAFKA_BOOTSTRAP_SERVERS": "one.example:9092, two.example:99999"},
        "CPIS_KAFKA_BOOTSTRAP_SERVERS: broker 2 of 2 is not host:port",
    ),
    "empty broker": (
        {"CPIS_KAFKA_BOOTSTRAP_SERVERS": "one.example:9092,"},
        "CPIS_KAFKA_BOOTSTRAP_SERVERS: broker 2 of 2 is not host:port",
    ),
    "no number": ({"CPIS_MLLP_PORT": "mllp"}, "CPIS_MLLP_PORT: input should be a valid integer"),
    "door's port too high": ({"CPIS_MLLP_PORT": "65536"}, "CPIS_MLLP_PORT: input should be less than"),
    "no environment": (
        {"CPIS_ENVIRONMENT": "production"},
        "CPIS_ENVIRONMENT: input should be 'live'",
    ),
    "live without a key": ({"CPIS_ENVIRONMENT": "live"}, "CPIS_IDENTITY_KEY_FILE is not set"),
    "a certificate without its key": (
        {"CPIS_MLLP_TLS_CERTIFICATE_FILE": "door.pem"},
        "CPIS_MLLP_TLS_CERTIFICATE_FILE is set, and CPIS_MLLP_TLS_KEY_FILE is not",
    ),
    "no certificate file": (
        {"CPIS_MLLP_TLS_CERTIFICATE_FILE": "nowhere.pem", "CPIS_MLLP_TLS_KEY_FILE": "nowhere.key"},
        "CPIS_MLLP_TLS_CERTIFICATE_FILE cannot be read: No such file",
    ),
    "live and open to others without TLS": (
        {"CPIS_ENVIRONMENT": "live", "CPIS_MLLP_HOST": "0.0.0.0"},  # noqa: S104 – to be refused
        "CPIS_MLLP_TLS_CLIENT_CA_FILE is not set: a live deployment",
    ),
    "live without a lawful basis": (
        {"CPIS_ENVIRONMENT": "live", "CPIS_IDENTITY_KEY_FILE": str(Path(__file__))},
        "CPIS_LAWFUL_BASIS_FILE: nobody has confirmed the rows visit-of-child, ",
    ),
    "no key file": (
        {"CPIS_IDENTITY_KEY_FILE": "nowhere.key"},
        "CPIS_IDENTITY_KEY_FILE cannot be read: No such file",
    ),
    "a key too short": ({"CPIS_IDENTITY_KEY_FILE": "/dev/null"}, "CPIS_IDENTITY_KEY_FILE: the identity key"),
    "a directory for a policy": (
        {"CPIS_POLICY_FILE": "/"},
        "the policy file / cannot be read: Is a directory",
    ),
    "no database URL": (
        {"CPIS_DATABASE_URL": "broker.sqlite"},
        "CPIS_DATABASE_URL: this is no ",
    ),
}


@pytest.mark.parametrize(("settings", "words"), SETTINGS.values(), ids=SETTINGS.keys())
def test_a_wrong_setting_is_told_and_nothing_begins(
    tmp_path: Path, settings: dict[str, str], words: str
) -> None:
    """78, the setting's name, what it may be; no door, no file."""
    refusal = start(tmp_path / "data", **{"CPIS_KAFKA_BOOTSTRAP_SERVERS": NO_KAFKA, **settings})

    assert_refused(refusal, 78, words, "CPIS-501")
    assert [] == list(tmp_path.iterdir())


def test_every_wrong_setting_is_told_at_once(tmp_path: Path) -> None:
    """Not one at each attempt."""
    refusal = start(tmp_path, CPIS_LOGLEVEL="info", CPIS_MLLP_PORT="x", CPIS_LOG_LEVEL="loud")

    assert_refused(refusal, 78, "CPIS_LOGLEVEL", "CPIS_MLLP_PORT", "CPIS_LOG_LEVEL: input")


POLICIES: Mapping[str, tuple[str, str]] = {
    "no TOML": ("[settings]\nplan_wait_days = \n", "line 2"),
    "an unknown key": ("[settings]\nplanwait = 1\n", "policy.toml:2: [settings] does not know 'planwait'"),
    "no ODS code": (
        '[[override]]\nprovider = "no code"\nname = "X"\n',
        "policy.toml:2: 'provider' must be an ODS",
    ),
    "no number": (
        "[settings]\nplan_wait_days = true\n",
        "policy.toml:2: plan_wait_days must be a whole number",
    ),
    "no table": ("settings = 3\n", "policy.toml:1: 'settings' must be a table"),
    "an overlap": (
        '[[override]]\nprovider = ["RXX", "RXX"]\nname = "X"\n',
        "policy.toml:3: name for provider RXX is set in line 3 too",
    ),
}


@pytest.mark.parametrize(("text", "words"), POLICIES.values(), ids=POLICIES.keys())
def test_a_wrong_policy_is_told_with_its_place(tmp_path: Path, text: str, words: str) -> None:
    """78, the place in the file."""
    policy = tmp_path / "policy.toml"
    policy.write_text(text, encoding="utf-8")

    refusal = start(tmp_path / "data", CPIS_KAFKA_BOOTSTRAP_SERVERS=NO_KAFKA, CPIS_POLICY_FILE=str(policy))

    assert_refused(refusal, 78, words, "CPIS-501")
    assert [policy] == list(tmp_path.iterdir())


def test_an_unknown_role_is_a_mistake_of_use(tmp_path: Path) -> None:
    """2, as for every wrong argument."""
    refusal = start(tmp_path, "run", "--role", "matchmaker", CPIS_KAFKA_BOOTSTRAP_SERVERS=NO_KAFKA)

    assert_refused(refusal, 2, "'matchmaker' is not one of 'intake', 'matcher', 'outbox'")


def test_every_place_that_cannot_be_used_is_told_before_anything_begins(tmp_path: Path) -> None:
    """74, each setting by name; the message goes before the search for a Kafka, which is dearer."""
    (tmp_path / "file").write_text("in the way")

    refusal = start(
        tmp_path / "data",
        CPIS_KAFKA_BOOTSTRAP_SERVERS=NO_KAFKA,
        CPIS_SEALING_KEYS_DIR=str(tmp_path / "file"),
        CPIS_DROP_FOLDER=str(tmp_path / "file" / "uploads"),
        CPIS_DATABASE_URL=f"sqlite:///{tmp_path}/away/broker.sqlite",
    )

    settings = ("CPIS_SEALING_KEYS_DIR: ", "CPIS_DROP_FOLDER: ", "CPIS_DATABASE_URL: there is no directory")
    assert_refused(refusal, 74, *settings, "CPIS-409", "Make room")
    assert [tmp_path / "file"] == list(tmp_path.iterdir())


def test_every_address_that_cannot_be_had_is_told_before_anything_begins(tmp_path: Path) -> None:
    """78, both doors with host, port and the system's words; before the search for a Kafka."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        refusal = start(
            tmp_path / "data",
            CPIS_KAFKA_BOOTSTRAP_SERVERS=NO_KAFKA,
            CPIS_MLLP_PORT=str(port),
            CPIS_OPS_HOST="192.0.2.1",  # kept for documents: nobody's
            CPIS_OPS_PORT="0",
        )

    mllp = f"CPIS_MLLP_HOST, CPIS_MLLP_PORT: cannot listen on 127.0.0.1, port {port}: Address already in use"
    ops = "CPIS_OPS_HOST, CPIS_OPS_PORT: cannot listen on 192.0.2.1, port 0: Cannot assign requested address"
    assert_refused(refusal, 78, mllp, ops, "CPIS-501")
    assert [] == list(tmp_path.iterdir())


def test_a_host_that_nobody_knows_is_told(tmp_path: Path) -> None:
    """78; its name cannot be resolved."""
    settings = {"CPIS_KAFKA_BOOTSTRAP_SERVERS": NO_KAFKA, "CPIS_MLLP_HOST": "door.invalid"}
    refusal = start(tmp_path / "data", **settings)

    assert_refused(refusal, 78, "cannot listen on door.invalid, port", "no such address", "CPIS-501")


def test_a_full_disk_is_told_before_anything_begins(tmp_path: Path) -> None:
    """74 and the directory; on a genuinely full file system."""
    with small_disk(tmp_path / "disk", size_bytes=2_097_152) as disk:
        fill(disk, leaving_bytes=65_536)

        refusal = start(disk, CPIS_KAFKA_BOOTSTRAP_SERVERS=NO_KAFKA)

        assert_refused(refusal, 74, f"CPIS_DATA_DIR: {disk} cannot be used: No space left", "CPIS-409")
        assert 1 == len(list(disk.iterdir()))
