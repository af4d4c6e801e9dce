"""`cpis onboard` shows before it writes, writes once, and checks what is missing."""

import stat
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from cryptography import x509
from cryptography.hazmat.primitives import serialization

from broker.cli import root
from broker.runtime.resources import topics_file
from broker.runtime.senders_file import read_senders
from broker.runtime.topics import declared_topics


@pytest.fixture
def site(tmp_path: Path) -> dict[str, str]:
    """Return the settings of a site with files of its own."""
    topics = tmp_path / "topics.toml"
    topics.write_text(topics_file().read_text("utf-8"), "utf-8")
    return {
        "CPIS_SENDERS_FILE": str(tmp_path / "senders.toml"),
        "CPIS_TOPICS_FILE": str(topics),
        "CPIS_DATA_DIR": str(tmp_path / "data"),
    }


def run(settings: dict[str, str], *arguments: str) -> Result:
    """Run the command."""
    return CliRunner().invoke(root, ["onboard", *arguments], env=settings)


LETTING_IN = ("provider", "rxx", "--system", "EDSYS", "--name", "Exton General", "--writes")


def test_nothing_is_written_until_it_is_asked_for(site: dict[str, str], tmp_path: Path) -> None:
    """What would be is shown."""
    before = sorted(tmp_path.iterdir())

    shown = run(site, *LETTING_IN, "--requests", str(tmp_path / "requests"))

    assert 0 == shown.exit_code, shown.output
    assert "would add" in shown.output
    assert '    certificates = ["name:edsys.rxx.sender"]' in shown.output
    assert "would make" in shown.output
    assert before == sorted(tmp_path.iterdir())


def test_a_provider_is_let_in_once(site: dict[str, str], tmp_path: Path) -> None:
    """Files, key and request; the second time changes nothing."""
    asked = (*LETTING_IN, "--apply", "--requests", str(tmp_path / "requests"))

    first = run(site, *asked)
    files = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    second = run(site, *asked)

    assert (0, 0) == (first.exit_code, second.exit_code), first.output + second.output
    assert "--operation Write --topic 'cpis.in.attendances.RXX'" in first.output
    assert "unchanged  the provider stands in both files" in second.output
    assert files == {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    assert read_senders(Path(site["CPIS_SENDERS_FILE"])).providers
    assert "cpis.in.attendances.RXX" in declared_topics(Path(site["CPIS_TOPICS_FILE"])).names
    key = tmp_path / "requests" / "edsys.rxx.sender.key"
    assert 0o600 == stat.S_IMODE(key.stat().st_mode)
    request = x509.load_pem_x509_csr(key.with_suffix(".csr").read_bytes())
    secret = serialization.load_pem_private_key(key.read_bytes(), None)
    assert request.is_signature_valid
    assert request.public_key() == secret.public_key()
    assert "edsys.rxx.sender" in request.subject.rfc4514_string()


def test_a_code_alone_lets_a_provider_in(site: dict[str, str], tmp_path: Path) -> None:
    """Settings, topic, certificate request: what is not said is taken for what it mostly is, and shown."""
    done = run(site, "provider", "RXX", "--apply")

    assert 0 == done.exit_code, done.output
    [provider] = (read_senders(Path(site["CPIS_SENDERS_FILE"])).providers or {}).values()
    assert ["ADT"] == list(provider.sender)
    assert "cpis.alerts.provider.RXX" in declared_topics(Path(site["CPIS_TOPICS_FILE"])).names
    assert ["adt.rxx.sender.csr", "adt.rxx.sender.key"] == sorted(
        path.name for path in (tmp_path / "requests").iterdir()
    )


def test_a_sender_with_a_certificate_of_its_own_is_made_none(site: dict[str, str], tmp_path: Path) -> None:
    """Its name is written down, and no key is made that nobody needs."""
    done = run(site, "provider", "RXX", "--certificate", "engine.rxx.example", "--apply")

    assert 'certificates = ["name:engine.rxx.example"]' in done.output
    assert not (tmp_path / "requests").exists()


def test_a_sender_that_stands_there_otherwise_is_left_to_a_person(site: dict[str, str]) -> None:
    """It was `unchanged`, as if the certificate that was named were let in now."""
    run(site, *LETTING_IN, "--apply")
    before = Path(site["CPIS_SENDERS_FILE"]).read_bytes()

    again = run(site, *LETTING_IN, "--certificate", "other.example", "--apply")

    assert "RXX/EDSYS stands there already, with other certificates" in str(again.exception)
    assert before == Path(site["CPIS_SENDERS_FILE"]).read_bytes()


def test_a_file_that_few_may_read_stays_so(site: dict[str, str], tmp_path: Path) -> None:
    """It names who may send; and where it is a link the file behind it is written."""
    senders, behind = Path(site["CPIS_SENDERS_FILE"]), tmp_path / "behind.toml"
    behind.touch(0o600)
    senders.symlink_to(behind)

    run(site, *LETTING_IN, "--apply")

    assert senders.is_symlink()
    assert "EDSYS" in behind.read_text("utf-8")
    assert 0o600 == stat.S_IMODE(behind.stat().st_mode)


@pytest.mark.parametrize("system", ["ED/SYS", "ED SYS", 'ED_"SYS"'])
def test_a_request_is_named_after_a_system_however_that_is_called(
    site: dict[str, str], tmp_path: Path, system: str
) -> None:
    """Its name is one of a file and of a machine."""
    done = run(site, "provider", "RXX", "--system", system, "--apply")

    assert 0 == done.exit_code, done.output
    assert ["ed-sys.rxx.sender.csr", "ed-sys.rxx.sender.key"] == sorted(
        path.name for path in (tmp_path / "requests").iterdir()
    )


@pytest.mark.parametrize("more", [["--system", "E" * 60], ["--certificate", "../a", "--requests", "r"]])
def test_what_no_certificate_can_be_named_is_refused_before_anything_is_written(
    site: dict[str, str], more: list[str]
) -> None:
    """Half of an onboarding would look like all of it."""
    done = run(site, "provider", "RXX", *more, "--apply")

    assert 2 == done.exit_code
    assert not Path(site["CPIS_SENDERS_FILE"]).exists()


@pytest.mark.parametrize(
    ("without", "words"), [("CPIS_SENDERS_FILE", "CPIS_SENDERS_FILE"), ("CPIS_TOPICS_FILE", "make a copy")]
)
def test_a_site_needs_files_of_its_own(site: dict[str, str], without: str, words: str) -> None:
    """What is shipped is not written into."""
    del site[without]

    ended = run(site, *LETTING_IN)

    assert ended.exception is not None
    assert words in str(ended.exception)


@pytest.mark.parametrize("more", [["--no-certificate"], ["--cluster"]])
def test_options_that_make_no_sense_together_are_refused(site: dict[str, str], more: list[str]) -> None:
    """Anybody could pass for a sender without either."""
    assert 2 == run(site, *LETTING_IN, *more).exit_code


def test_a_sender_may_be_known_by_its_address_alone(site: dict[str, str]) -> None:
    """Where its engine speaks no TLS, on a network of its own."""
    run(site, *LETTING_IN, "--no-certificate", "--address", "192.0.2.7", "--apply")

    [provider] = (read_senders(Path(site["CPIS_SENDERS_FILE"])).providers or {}).values()
    assert not provider.sender["EDSYS"].certificates
    assert 1 == len(provider.sender["EDSYS"].addresses)


def test_the_check_names_what_is_missing_until_nothing_is(site: dict[str, str], tmp_path: Path) -> None:
    """Rulings 4, 29, 47: sensitive places are settled before a provider goes live."""
    run(site, *LETTING_IN, "--apply")
    unsettled = run(site, "check", "RXX", "--offline")
    senders = Path(site["CPIS_SENDERS_FILE"])
    senders.write_text(
        senders.read_text("utf-8").replace("[provider.RXX]", "[provider.RXX]\nplaces_settled = true"), "utf-8"
    )
    policy = tmp_path / "policy.toml"
    policy.write_text('[[override]]\nprovider = "RXX"\ncall_back = "02079460000"\n', "utf-8")
    settled = run({**site, "CPIS_POLICY_FILE": str(policy)}, "check", "RXX", "--offline")

    assert 3 == unsettled.exit_code, unsettled.output
    assert ["ruling 47" in unsettled.output, "ruling 29" in unsettled.output] == [True, True]
    assert (0, "ready    RXX\n") == (settled.exit_code, settled.output)
