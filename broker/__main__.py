"""
`python -m broker`, installed as `cpis`: run a command and turn whatever ends it into one clear message.

Knows how a failure is told: what it was, its code, what to do, and an exit code of its own; never a
traceback, whose words could name a person.
"""

import logging
import sys
import traceback
from pathlib import Path

import click

import broker
from broker.cli import root
from broker.core.errors import BrokerError, StorageUnusable

_INTERRUPTED = 130  # 128 and the number of SIGINT, as a shell has it
_HERE = Path(broker.__file__).parent


def main() -> None:
    """
    Run the command line and leave with the exit code that the error names, 0 without one.

    What libraries log goes nowhere unless the command sets up logs: a person at a terminal needs none of it.
    """
    logging.getLogger().addHandler(logging.NullHandler())
    sys.exit(_run())


def _run() -> int:
    """Run the command line; return the exit code."""
    try:
        code = root(prog_name="cpis", standalone_mode=False)
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except click.Abort:
        click.echo("cpis: interrupted", err=True)
        return _INTERRUPTED
    except BrokerError as error:
        return _tell(error)
    except OSError as error:
        return _tell(_storage(error))
    except Exception as error:  # noqa: BLE001 – whatever it is, one message and nothing of its words
        return _tell(_defect(error))
    return code if isinstance(code, int) else 0


def _tell(error: BrokerError) -> int:
    """Write what happened and what to do; return the exit code."""
    click.echo(f"cpis: {error} [{error.code}]\n{error.action}", err=True)
    return error.exit_code


def _storage(error: OSError) -> BrokerError:
    """Return what the system refused: a file or directory, or else something nobody foresaw."""
    if isinstance(error, ConnectionError | TimeoutError) or error.strerror is None:
        return _defect(error)
    place = f"{error.filename}: " if error.filename is not None else ""
    return StorageUnusable(f"{place}{error.strerror}")


def _defect(error: Exception) -> BrokerError:
    """Return an error nobody foresaw, told by its type and by the last line of ours that it passed."""
    ours = [frame for frame in traceback.extract_tb(error.__traceback__) if _is_ours(frame.filename)]
    place = f" at {Path(ours[-1].filename).relative_to(_HERE.parent)}:{ours[-1].lineno}" if ours else ""
    return BrokerError(f"a defect: {type(error).__name__}{place}")


def _is_ours(filename: str) -> bool:
    """Tell whether a file is one of the program's, other than this one, which every error passes."""
    return Path(filename).is_relative_to(_HERE) and Path(filename) != Path(__file__)


if __name__ == "__main__":
    main()
