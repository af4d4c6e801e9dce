"""What it costs the matcher that a person with a plan can be found by their details. Ruling 21."""

from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime, timedelta
from itertools import islice
from pathlib import Path
from time import process_time

from broker.adapters.cluster import Cluster
from broker.adapters.sealing import KeyDirectory
from broker.core.facts import Details
from broker.core.identifiers import NhsNumber
from broker.ports import Write
from broker.services.matching import Codecs
from tests.bench.throughput import fill, matched
from tests.builders.matcher import fact_write, make_codecs, numbers, plan
from tests.fault.load import AUTHORITIES

_GIVEN_NAMES = 500
_BORN_FROM = date(2009, 1, 1)
_BORN_DAYS = 6_000
NOBODY = Details(family=None, given=None, birth_date=None)


async def measure_copies(cluster: Cluster, directory: Path, plans: int) -> tuple[float, float]:
    """
    Return the CPU seconds of a new plan without details, by which nobody can be found, and with them.

    With details each plan is a second record: what goes to the shelves of the person's bucket.
    """
    codecs = make_codecs(KeyDirectory(directory / "keys", lambda: datetime.now(tz=UTC)))
    people = numbers()
    without = await _cpu_s(cluster, codecs, [(next(people), NOBODY) for _ in range(plans)], plans)
    with_them = await _cpu_s(cluster, codecs, zip(people, islice(_details(), plans), strict=False), 2 * plans)
    return without / plans, with_them / plans


async def _cpu_s(
    cluster: Cluster, codecs: Codecs, children: Iterable[tuple[NhsNumber, Details]], records: int
) -> float:
    """Return the CPU seconds that the matchers of all partitions take until so many records are taken."""
    await fill(cluster, _plans(codecs, children))
    before = process_time()
    await matched(cluster, records, codecs)
    return process_time() - before


def _plans(codecs: Codecs, children: Iterable[tuple[NhsNumber, Details]]) -> Iterator[Write]:
    """Yield a plan for each of the children, as uploads write them."""
    at = datetime.now(tz=UTC) - timedelta(days=1)
    for place, (number, details) in enumerate(children):
        authority = AUTHORITIES[place % len(AUTHORITIES)]
        fact = plan(authority=authority, recorded_at=at, received_at=at, details=details)
        yield fact_write(codecs.facts, fact, number)


def _details() -> Iterator[Details]:
    """Yield the details of ever more children: no two are found under the same keys."""
    place = 0
    while True:
        yield Details(
            family=f"Family{place}",
            given=f"Given{place % _GIVEN_NAMES}",
            birth_date=_BORN_FROM + timedelta(days=place % _BORN_DAYS),
        )
        place += 1
