"""
`python -m tests.fuzz.guided TARGET FOLDER [options of libFuzzer]`: go where no earlier input went.

Needs the package atheris, which nothing else here does (`pip install atheris`). It begins with the seeds of a
target and puts into the folder what reaches code that no other input reached: for an hour with
`-max_total_time=3600`. The smallest of those are kept in `tests/fixtures/fuzz`. An input of which something
undeclared comes ends it and is written to a file, whose name is shown.
"""

import hashlib
import sys
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["broker"]):
    from tests.fuzz.targets import TARGETS, seeds

_INPUT_BYTES_MAX = 4_000
_LETTERS = 16


def search(name: str, folder: Path, options: list[str]) -> None:
    """Search until the options say that it is enough, or something undeclared came."""
    target = TARGETS[name]
    folder.mkdir(parents=True, exist_ok=True)
    for data in seeds(name):
        (folder / hashlib.sha256(data).hexdigest()[:_LETTERS]).write_bytes(data)

    def one(data: bytes) -> None:
        """Read one input."""
        target(data)

    atheris.Setup([sys.argv[0], f"-max_len={_INPUT_BYTES_MAX}", *options, str(folder)], one)
    atheris.Fuzz()


if __name__ == "__main__":
    search(sys.argv[1], Path(sys.argv[2]), sys.argv[3:])
