"""The command's root: the table of commands, and how an error of ours is shown."""

import subprocess
import sys

import click
import pytest

from broker.cli import COMMANDS, root

_SLOW_TO_IMPORT = "aiokafka", "faust", "pydantic", "sqlalchemy", "lxml", "jgo"


def _run(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run `cpis` in an environment of the test's own."""
    return subprocess.run(
        [sys.executable, "-m", "broker", *arguments],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_of_the_table_exists(name: str) -> None:
    """Each row leads to a command of that name."""
    command = root.get_command(click.Context(root), name)

    assert command is not None
    assert name == command.name


@pytest.mark.parametrize("name", COMMANDS)
def test_help_names_every_command(name: str) -> None:
    """`cpis --help` shows each row of the table."""
    assert COMMANDS[name].help.partition(" ")[0] in _run("--help").stdout
    assert f"\n  {name} " in _run("--help").stdout


def test_help_imports_nothing_slow() -> None:
    """`cpis --help` answers at once because it imports no command."""
    program = (
        "import sys\nfrom broker.cli import root\nroot(['--help'], standalone_mode=False)\n"
        f"sys.exit(' '.join(sys.modules.keys() & {set(_SLOW_TO_IMPORT)}))"
    )

    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)

    assert "" == result.stderr.strip()


def test_an_unknown_command_is_refused() -> None:
    """A misspelt command is a usage error."""
    result = _run("topcis")

    assert 2 == result.returncode
    assert "No such command 'topcis'" in result.stderr


def test_a_row_that_leads_to_no_command_is_a_defect(monkeypatch: pytest.MonkeyPatch) -> None:
    """A wrong row fails with its own words, not with click's."""
    monkeypatch.setitem(COMMANDS, "broken", COMMANDS["kafka"]._replace(target="broker.cli:COMMANDS"))

    with pytest.raises(TypeError, match=r"broker.cli:COMMANDS is not a command"):
        root.get_command(click.Context(root), "broken")


def test_an_error_of_ours_is_one_clear_message() -> None:
    """The message, its code and what to do are shown, without a traceback."""
    result = _run("topics", "list", CPIS_DATADIR="elsewhere")

    assert 78 == result.returncode
    assert (
        "cpis: CPIS_DATADIR is not a setting; the nearest is CPIS_DATA_DIR [CPIS-501]\n"
        "Correct the setting named in the message.\n"
    ) == result.stderr
