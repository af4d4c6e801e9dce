"""The settings of a schema registry: what is refused, and that no refusal repeats a value."""

import asyncio
from pathlib import Path

import pytest
import trustme

from broker.core.errors import ConfigurationError
from broker.runtime.registry import registered_ids, registry, registry_address, subjects
from broker.runtime.settings import Settings

PASSWORD = "not-to-be-told"  # noqa: S105 – of a test


@pytest.fixture
def password_file(tmp_path: Path) -> Path:
    """Return a file with a password and the end of its line."""
    path = tmp_path / "password"
    path.write_text(f"{PASSWORD}\n")
    return path


def test_without_a_url_there_is_no_registry() -> None:
    """Nothing is asked and no id is anybody else's."""
    assert registry_address(Settings()) is None
    assert asyncio.run(registered_ids(Settings())) == {}


def test_a_command_that_needs_a_registry_says_so() -> None:
    """Without a URL there is nothing to compare with."""

    async def ask() -> None:
        """Try to open it."""
        async with registry(Settings()):
            pytest.fail("there is no registry")

    with pytest.raises(ConfigurationError, match="CPIS_SCHEMA_REGISTRY_URL is not set"):
        asyncio.run(ask())


def test_an_address_is_what_the_settings_say(password_file: Path, tmp_path: Path) -> None:
    """The end of its line is no part of a password, and the last slash none of a URL."""
    ca_file = tmp_path / "ca.pem"
    trustme.CA().cert_pem.write_to_path(str(ca_file))
    address = registry_address(
        Settings(
            schema_registry_url="https://registry.example:8081/prefix/",
            schema_registry_user="cpis",
            schema_registry_password_file=password_file,
            schema_registry_ca_file=ca_file,
        )
    )

    assert address is not None
    assert ("https://registry.example:8081/prefix", "cpis", PASSWORD) == (
        address.url,
        address.user,
        address.password,
    )
    assert address.tls is not None
    assert PASSWORD not in repr(address)


@pytest.mark.parametrize(
    ("url", "part"),
    [
        pytest.param("registry.example:8081", "not an http", id="no scheme"),
        pytest.param("ftp://registry.example", "not an http", id="another scheme"),
        pytest.param("http://", "not an http", id="no host"),
        pytest.param("http://[::1", "not an http", id="half an address"),
        pytest.param("http://registry.example:99999", "not an http", id="no port"),
        pytest.param("https://me:not-to-be-told@registry.example", "user or password", id="password in it"),
        pytest.param("https://me@registry.example", "user or password", id="user in it"),
        pytest.param("https://registry.example/?key=not-to-be-told", "nothing behind", id="query"),
        pytest.param("https://registry.example/#part", "nothing behind", id="fragment"),
    ],
)
def test_a_url_that_cannot_be_used_is_refused(url: str, part: str) -> None:
    """The setting is named, the value is not."""
    with pytest.raises(ConfigurationError, match=part) as caught:
        registry_address(Settings(schema_registry_url=url))

    assert str(caught.value).startswith("CPIS_SCHEMA_REGISTRY_URL")
    assert PASSWORD not in str(caught.value)
    assert "registry.example" not in str(caught.value)


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        pytest.param({"user": "cpis"}, "USER and", id="user alone"),
        pytest.param({"password_file": "."}, "USER and", id="password alone"),
        pytest.param({"user": "a:b", "password_file": "."}, "USER holds", id="colon in the user"),
        pytest.param({"user": "a", "password_file": "missing"}, "PASSWORD_FILE cannot be read", id="no file"),
        pytest.param({"user": "a", "password_file": "."}, "PASSWORD_FILE cannot be read", id="a directory"),
        pytest.param({"user": "a", "password_file": "empty"}, "PASSWORD_FILE does not hold", id="empty"),
        pytest.param({"user": "a", "password_file": "lines"}, "PASSWORD_FILE does not hold", id="two lines"),
        pytest.param({"user": "a", "password_file": "bytes"}, "PASSWORD_FILE is not text", id="no text"),
        pytest.param({"ca_file": "missing"}, "CA_FILE cannot be used", id="no file of authorities"),
        pytest.param({"ca_file": "empty"}, "CA_FILE cannot be used", id="empty file of authorities"),
        pytest.param(
            {"url": "http://registry.example", "ca_file": "empty"}, "CA_FILE is of no use", id="http"
        ),
        pytest.param({"url": None, "user": "cpis"}, "USER is set without", id="user without URL"),
        pytest.param(
            {"url": None, "ca_file": "empty"}, "CA_FILE is set without", id="authorities without URL"
        ),
        pytest.param({"url": None, "password_file": "."}, "FILE is set without", id="password without URL"),
    ],
)
def test_settings_that_contradict_each_other_are_refused(
    changes: dict[str, str | None], named: str, tmp_path: Path
) -> None:
    """Each is named."""
    (tmp_path / "empty").write_text("")
    (tmp_path / "lines").write_text("one\ntwo\n")
    (tmp_path / "bytes").write_bytes(b"\xff\xfe")
    values = {
        f"schema_registry_{name}": tmp_path / value if value and name.endswith("file") else value
        for name, value in ({"url": "https://registry.example"} | changes).items()
    }

    with pytest.raises(ConfigurationError, match=named):
        registry_address(Settings.model_validate(values))


def test_a_password_is_sent_over_https_only(password_file: Path) -> None:
    """But for a registry on the same machine."""
    settings = {"schema_registry_user": "cpis", "schema_registry_password_file": password_file}

    with pytest.raises(ConfigurationError, match="over https only"):
        registry_address(
            Settings.model_validate(settings | {"schema_registry_url": "http://registry.example"})
        )
    assert registry_address(
        Settings.model_validate(settings | {"schema_registry_url": "http://127.0.0.1:8081"})
    )


def test_subjects_are_named_after_topics() -> None:
    """Recipients' topics and the one of all alerts; nothing else goes to anybody outside."""
    topics = ["cpis.people", "cpis.alerts.provider.RXH", "cpis.alerts", "cpis.alerts.la.204"]

    assert ["cpis.alerts-value", "cpis.alerts.la.204-value", "cpis.alerts.provider.RXH-value"] == subjects(
        topics
    )
