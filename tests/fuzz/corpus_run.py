"""Loads ten thousand generated upload files and compares every code with what is predicted: `make corpus`."""

import os
import sys
import time
from collections import Counter
from itertools import islice

from tests.builders.upload_corpus import corpus
from tests.builders.upload_desk import Desk
from tests.unit.services.test_upload_corpus import PER_DESK, VALIDATED_OF_EVERY, check

FILES = 10_000
"""How many; `CPIS_UPLOADS` says otherwise."""


def main() -> None:
    """Load them, and print how many of each code there were; end with a failure where one differs."""
    number_of_files = int(os.environ.get("CPIS_UPLOADS", FILES))
    seed = int(os.environ.get("CPIS_SEED", str(time.time_ns())))
    sys.stdout.write(f"seed {seed}\n")
    codes: Counter[str] = Counter()
    desk = Desk()
    for number, file in enumerate(islice(corpus(seed), number_of_files)):
        if number % PER_DESK == 0:
            desk = Desk()
        check(file, desk, validated=number % VALIDATED_OF_EVERY == 0)
        codes.update((file.file_code, *file.record_codes))
    shown = ", ".join(f"{code} {count}" for code, count in sorted(codes.items()))
    sys.stdout.write(f"{number_of_files} files as predicted: {shown}\n")


if __name__ == "__main__":
    main()
