"""Which news of an alert ends what was to be told of it before, where that has not been told yet."""

from broker.core.alerts import TAKEN_BACK, AlertEvent, Change, Note


def overtakes(event: AlertEvent) -> bool:
    """
    Whether nothing that an alert said before this event may be told any more.

    It was taken back: the hospital registered in error, or under the wrong person (rulings 16, 44); or whose
    visit it was is in doubt (46); or the record is restricted, and this event says the little that may be
    said (24). Any other news leaves what was said before true.
    """
    in_doubt = Note.NOT_CONFIRMED in event.alert.notes
    return event.kind in TAKEN_BACK or in_doubt or Change.RESTRICTED in event.changes
