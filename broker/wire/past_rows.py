"""The lines of a person's history as Avro rows, in the person's record (R25)."""

from broker.core.alerts import Occasion
from broker.core.past import Past
from broker.wire.alert_rows import VISIT_STATES
from broker.wire.avro import Row
from broker.wire.avro_values import millis, ods


def past_row(line: Past) -> Row:
    """Return every field of a line; a visit is told from a view by its state."""
    return {
        "subject_reference": line.subject,
        "state": None if line.state is None else VISIT_STATES.write(line.state),
        "at": millis(line.at),
        "organisation": line.organisation.code,
        "organisation_name": line.organisation_name,
        "role": line.role,
        "user_name": line.user_name,
    }


def past_line(row: Row) -> Past:
    """Return the line of a row; raise `MalformedMessage` or `InvalidOdsCode`."""
    state = None if row["state"] is None else VISIT_STATES.read(row["state"])
    return Past(
        subject=row["subject_reference"],
        occasion=Occasion.VIEWED if state is None else Occasion.ATTENDED,
        at=row["at"],
        organisation=ods(row["organisation"]),
        organisation_name=row["organisation_name"],
        role=row["role"],
        user_name=row["user_name"],
        state=state,
    )
