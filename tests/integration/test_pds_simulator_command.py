"""`cpis pds-simulator`: what it prints is what the broker is configured by."""

import asyncio
import re
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

from broker.adapters.pds_fhir import PdsFhir
from broker.adapters.pds_simulator.people import population
from broker.adapters.signing_keys import make_signing_key
from broker.core.demographics import Current, NumberAnswer
from broker.core.identifiers import NhsNumber
from broker.runtime.pds import pds_address
from broker.runtime.settings import Settings


def test_the_settings_that_it_prints_are_those_to_ask_it_by(tmp_path: Path) -> None:
    """Its people are those of the seed; on SIGTERM it ends with 0, and its key is kept for the next time."""
    key_file = tmp_path / "key.pem"
    make_signing_key(key_file)
    kept = key_file.read_bytes()
    command = [sys.executable, "-m", "broker", "pds-simulator", "--people", "20", "--seed", "3"]
    running = subprocess.Popen([*command, "--key-file", str(key_file)], stdout=subprocess.PIPE, text=True)
    try:
        assert running.stdout is not None
        printed = [running.stdout.readline() for _ in range(5)]
        found = dict(re.findall(r"export CPIS_(\w+)=(.*)\n", "".join(printed)))
        settings = Settings.model_validate({name.lower(): value for name, value in found.items()})
        number, person = next(iter(population(3, 20).people.items()))

        answer = asyncio.run(ask(settings, number))
    finally:
        running.terminate()
        running.communicate()
        code = running.returncode

    assert isinstance(answer, Current)
    assert (person.family, " ".join(person.given)) == (answer.details.family, answer.details.given)
    assert (0, kept) == (code, key_file.read_bytes())


async def ask(settings: Settings, number: NhsNumber) -> NumberAnswer:
    """Ask about a number as intake does."""
    address = pds_address(settings)
    assert address is not None
    source = PdsFhir(address, clock=lambda: datetime.now(tz=UTC))
    try:
        return await source.get(number)
    finally:
        await source.close()
