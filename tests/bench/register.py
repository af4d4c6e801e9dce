"""
`python -m tests.bench.register COUNT KEY_FILE`: the demographic service's simulator, in a process of its own.

Knows as many children as a reload has, each by the details of the files; prints where they are asked about
and where a token is had.
"""

import asyncio
import sys
from datetime import UTC, date, datetime
from itertools import islice
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from broker.adapters.pds_simulator.people import Population, Synthetic
from broker.adapters.pds_simulator.server import PdsSimulator
from tests.builders.matcher import numbers
from tests.builders.pds import APPLICATION, KEY_ID

FAMILY, GIVEN, BORN = "Sample", "Robin", date(2016, 4, 12)
"""What every child of the files is called, and when they were born."""


async def serve(count: int, pem: bytes) -> None:
    """Answer until the process is ended."""
    key = load_pem_private_key(pem, None)
    assert isinstance(key, RSAPrivateKey)
    people = {
        number: Synthetic(number=number, family=FAMILY, given=(GIVEN,), born=BORN)
        for number in islice(numbers(), count)
    }
    simulator = PdsSimulator(
        Population(people=people, superseded={}, invalidated=frozenset()),
        APPLICATION,
        {KEY_ID: key.public_key()},
        clock=lambda: datetime.now(tz=UTC),
    )
    await simulator.start()
    sys.stdout.write(f"{simulator.url} {simulator.token_url}\n")
    sys.stdout.flush()
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1]), Path(sys.argv[2]).read_bytes()))
