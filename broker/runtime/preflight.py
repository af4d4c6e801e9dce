"""
What is looked at before anything begins, so that nothing is ever half-started.

Knows the order, from cheap to dear: what this process keeps, then the cluster, its topics, the state in them.
Touches nothing: no door is open, no group joined and no file made when one of these checks fails.
"""

import asyncio
from collections.abc import Callable, Iterable

from broker.adapters.storage import prove_directory
from broker.core.errors import StorageUnusable
from broker.runtime.settings import Settings


async def check_storage(settings: Settings, *, drop_folder: bool, database: bool) -> None:
    """
    Prove that everything can be kept that these settings say is kept.

    Raises one `StorageUnusable` that names every setting at fault; `ConfigurationError` for a database URL
    that is none.
    """
    proofs: list[Callable[[], None]] = [
        lambda: prove_directory(settings.data_dir, "CPIS_DATA_DIR"),
        lambda: prove_directory(settings.sealing_keys_dir, "CPIS_SEALING_KEYS_DIR"),
    ]
    if drop_folder:
        proofs.append(lambda: prove_directory(settings.drop_folder, "CPIS_DROP_FOLDER"))
    if database:
        proofs.append(lambda: _prove_database(settings))
    await asyncio.to_thread(_prove, proofs)


def _prove(proofs: Iterable[Callable[[], None]]) -> None:
    """Go through all the proofs; raise one `StorageUnusable` for those that failed."""
    faults: list[str] = []
    for proof in proofs:
        try:
            proof()
        except StorageUnusable as error:
            faults.append(str(error))
    if faults:
        raise StorageUnusable("\n".join(faults))


def _prove_database(settings: Settings) -> None:
    """Prove that the database can be used; SQLAlchemy is imported by those alone who need it."""
    from broker.adapters.projection import prove_database

    prove_database(settings.database_url, will_be_made=settings.data_dir)
