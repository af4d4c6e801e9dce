"""`python -m broker`, installed as `cpis`: run a command and turn an error of ours into one clear message."""

import logging
import sys

import click

from broker.cli import root
from broker.core.errors import BrokerError


def main() -> None:
    """
    Run the command line and leave with the exit code that the error names, 0 without one.

    What libraries log goes nowhere unless the command sets up logs: a person at a terminal needs none of it.
    """
    logging.getLogger().addHandler(logging.NullHandler())
    try:
        root(prog_name="cpis")
    except BrokerError as error:
        click.echo(f"cpis: {error} [{error.code}]\n{error.action}", err=True)
        sys.exit(error.exit_code)


if __name__ == "__main__":
    main()
