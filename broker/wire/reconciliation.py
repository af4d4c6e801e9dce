"""The file in which an authority finds its plans as we hold them, to be laid beside its own list (CSV)."""

import csv
import io
from collections.abc import Iterable

from broker.core.identifiers import london_day
from broker.core.reconciling import PlanRow

COLUMNS = (
    "child_id",
    "nhs_number",
    "plan_type",
    "start",
    "end",
    "state",
    "recorded_on",
    "to_do",
    "authority",
)
"""The first line; an authority's own child id comes first, days are `YYYY-MM-DD`."""


MISSING_COLUMNS = ("item", *COLUMNS)
"""The same of plans that a file lacks: each with the name by which its end is confirmed."""


def write_missing(rows: Iterable[tuple[str, PlanRow]]) -> str:
    """Return the file of plans that are missing: names and plans, in their order."""
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow(MISSING_COLUMNS)
    writer.writerows((item, *_cells(row)) for item, row in rows)
    return text.getvalue()


def write_reconciliation(rows: Iterable[PlanRow]) -> str:
    """Return the file: a line for each plan, by child id; what there is to do is in words, `; ` between."""
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow(COLUMNS)
    writer.writerows(sorted(map(_cells, rows)))
    return text.getvalue()


def _cells(row: PlanRow) -> tuple[str, ...]:
    """Return the cells of one line; what is not said is empty."""
    return (
        row.child_id or "",
        "" if row.number is None else row.number.digits,
        "" if row.plan_type is None else row.plan_type.value,
        "" if row.start is None else row.start.isoformat(),
        "" if row.end is None else row.end.isoformat(),
        row.standing.value,
        london_day(row.recorded_at).isoformat(),
        "; ".join(row.faults),
        row.authority.code,
    )
