"""The command's root: the table of commands, and how an error of ours is shown."""

import subprocess
import sys

import click
import pytest

from broker.cli import COMMANDS, root
from tests.builders.warm_command import warm_command

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


def test_help_names_every_command() -> None:
    """`cpis --help` shows each row of the table."""
    shown = _run("--help").stdout
    assert [] == [
        name
        for name, command in COMMANDS.items()
        if command.help.partition(" ")[0] not in shown or f"\n  {name} " not in shown
    ]


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


@pytest.mark.parametrize(
    ("words", "told", "settings"),
    [
        (["topics", "list"], "", {"CPIS_DATADIR": "elsewhere"}),
        (["topcis"], "", {}),
        (["trace", "one"], "9990000018", {}),
        (["--help"], "", {}),
        (["replay", "--help"], "", {"COLUMNS": "60"}),
    ],
)
def test_a_forked_command_says_what_one_says_that_is_started_from_nothing(
    words: list[str], told: str, settings: dict[str, str]
) -> None:
    """As the tests of the desk run theirs: the same words, and the same exit code."""
    started = subprocess.run(
        [sys.executable, "-m", "broker", *words],
        env=settings,
        input=told,
        capture_output=True,
        text=True,
        check=False,
    )
    forked = warm_command().run(words, environment=settings, told=told, seconds=120.0)
    assert (started.returncode, started.stdout, started.stderr) == (
        forked.returncode,
        forked.stdout,
        forked.stderr,
    )


def test_a_forked_command_that_does_not_end_is_ended() -> None:
    """As one that is started from nothing is; the next one is forked all the same."""
    forked = warm_command()
    with pytest.raises(subprocess.TimeoutExpired):
        forked.run(["pds-simulator"], environment={}, told="", seconds=0.2)
    assert 0 == forked.run(["--help"], environment={}, told="", seconds=120.0).returncode


ENDINGS = {
    "returns": "print('said')",
    "a code": "print('said'); sys.exit(65)",
    "words": "sys.exit('why')",
    "a fault": "raise ValueError('why')",
    "a thread that is still at work": "threading.Timer(0.1, print, ['said later']).start()",
    "something to be done at the end": "atexit.register(print, 'said last'); print('said')",
}
"""What a command may end by."""


@pytest.mark.parametrize("ending", ENDINGS.values(), ids=ENDINGS.keys())
def test_a_forked_command_ends_as_python_ends(ending: str) -> None:
    """With the same code and the same words, though what was imported is not taken apart."""
    body = f"import atexit, sys, threading\ndef command():\n    {ending}\n"

    def ended(call: str) -> tuple[int, str, list[str]]:
        """Return the code, what was said, and the last line of what was complained of."""
        done = subprocess.run(
            [sys.executable, "-c", body + call], capture_output=True, text=True, check=False, timeout=60.0
        )
        return done.returncode, done.stdout, done.stderr.splitlines()[-1:]

    assert ended("command()") == ended("from tests.builders.warm_command import end_with; end_with(command)")


def test_an_error_of_ours_is_one_clear_message() -> None:
    """The message, its code and what to do are shown, without a traceback."""
    result = _run("topics", "list", CPIS_DATADIR="elsewhere")

    assert 78 == result.returncode
    assert (
        "cpis: CPIS_DATADIR is not a setting; the nearest is CPIS_DATA_DIR [CPIS-501]\n"
        "Correct the setting named in the message.\n"
    ) == result.stderr
