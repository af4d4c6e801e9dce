"""How a command's end is told: one message and an exit code, whatever ended it."""

import subprocess
import sys

import click
import pytest

import broker.__main__ as program
from broker.core.errors import KafkaUnavailable

NUMBER = "9990000018"


@pytest.fixture
def ending(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> object:
    """Return what runs the program with a command that ends in a given way; returns code and words."""

    def end(error: BaseException | None) -> tuple[int, str]:
        @click.command()
        @click.pass_context
        def command(context: click.Context) -> None:
            if error is None:
                context.exit(65)
            raise error

        monkeypatch.setattr(program, "root", command)
        monkeypatch.setattr(sys, "argv", ["cpis"])
        with pytest.raises(SystemExit) as left:
            program.main()
        return int(str(left.value.code)), capsys.readouterr().err

    return end


ENDS = {
    "of ours": (KafkaUnavailable(), 69, "cpis: Kafka did not acknowledge in time. [CPIS-401]\nCheck "),
    "disk": (
        OSError(28, "No space left on device", "/data/x"),
        74,
        "cpis: /data/x: No space left on device [",
    ),
    "no file": (OSError(28, "No space left"), 74, "cpis: No space left [CPIS-409]\nMake "),
    "connection": (
        ConnectionResetError(104, "reset"),
        70,
        "cpis: a defect: ConnectionResetError [CPIS-000]",
    ),
    "defect": (ValueError(NUMBER), 70, "cpis: a defect: ValueError [CPIS-000]\nRead "),
    "interrupted": (KeyboardInterrupt(), 130, "cpis: interrupted\n"),
    "usage": (click.UsageError("no such thing"), 2, "Usage: "),
    "told by exit code": (None, 65, ""),
}


@pytest.mark.parametrize(("error", "code", "words"), ENDS.values(), ids=ENDS.keys())
def test_an_end_is_one_message_and_a_code(
    ending: object, error: BaseException | None, code: int, words: str
) -> None:
    """Never a traceback, never the words of a foreign error."""
    assert callable(ending)

    left, said = ending(error)

    assert code == left
    assert words in said
    assert [] == [word for word in ("Traceback", NUMBER) if word in said]


def test_a_defect_is_told_with_its_place() -> None:
    """So that a report of it is of use."""
    broken = "import broker.cli as c; c.COMMANDS['run'] = c._Command('broker.cli:COMMANDS', '')"
    script = f"import sys; {broken}; import broker.__main__ as m; sys.argv = ['cpis', 'run']; m.main()"

    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)

    assert 70 == done.returncode
    assert done.stderr.startswith("cpis: a defect: TypeError at broker/cli/__init__.py:")
    assert "Traceback" not in done.stderr
