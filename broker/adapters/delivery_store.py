"""
The deliveries to providers' own systems, in the inbox database: what waits, why, and what became of the rest.

They are made from the numbers of the inbox, which has no gaps, so that what is missing can be counted.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any

from sqlalchemy import (
    Connection,
    RowMapping,
    and_,
    case,
    delete,
    exists,
    func,
    insert,
    literal,
    or_,
    select,
    union_all,
    update,
)

from broker.adapters.database import from_millis, opened, to_millis, told_apart
from broker.adapters.inbox_tables import DELIVERIES, DESTINATIONS, ERASED, INBOX, METADATA, when_erased
from broker.core.delivery import ENDED, Arrival, Balance, Delivery, Head, State
from broker.wire.oru import CONTROL_ID_LENGTH

_COLUMNS = DELIVERIES.c
_SEPARATOR = ","  # between the keys of lines
_INBOX, _PRUNED = "inbox", "pruned"  # no state is called so


class SqlDeliveries:
    """The deliveries in the database of a SQLAlchemy URL. Its methods block: call them in a thread."""

    def __init__(self, url: str) -> None:
        """Connect and make the tables that are missing; raise as `broker.adapters.database.opened`."""
        self._engine = opened(url, METADATA)

    def own(
        self,
        destination: str,
        recipient: str,
        owner: str,
        *,
        at: datetime,
        until: datetime,
        anew: bool = True,
    ) -> datetime | None:
        """
        Return when a destination was first seen if it is the owner's until a time, None if another's.

        One that was forgotten begins anew, or unless `anew` is nobody's.
        """
        now, name = to_millis(at), DESTINATIONS.c.name == destination
        mine = {"recipient": recipient, "owner": owner, "owned_until": to_millis(until)}
        known = select(DESTINATIONS.c.first_seen_at, DESTINATIONS.c.recipient).where(name)
        with self._working() as connection:
            row = connection.execute(known).first()
            if row is None:
                made = {"name": destination, "first_seen_at": now, "taken": 0, "pruned": 0}
                connection.execute(insert(DESTINATIONS).values(made | mine))
                return from_millis(now)
            forgotten = row.recipient != recipient
            if forgotten and not anew:
                return None
            first = now if forgotten else row.first_seen_at
            free = or_(DESTINATIONS.c.owner.in_(("", owner)), DESTINATIONS.c.owned_until <= now)
            taken = connection.execute(
                update(DESTINATIONS).where(and_(name, free)).values(mine | {"first_seen_at": first})
            )
            return from_millis(first) if taken.rowcount else None

    def disown(self, destination: str, owner: str) -> None:
        """Let another owner have a destination at once."""
        mine = and_(DESTINATIONS.c.name == destination, DESTINATIONS.c.owner == owner)
        with self._working() as connection:
            connection.execute(update(DESTINATIONS).where(mine).values(owner=""))

    def untaken(self, destination: str, *, limit: int, own: bool = False) -> Sequence[Arrival]:
        """
        Return the next events of the inbox that have no delivery, in order.

        With `own` none that its recipient's own topic has not brought, and none behind such a one.
        """
        behind = and_(
            DESTINATIONS.c.name == destination,
            INBOX.c.recipient == DESTINATIONS.c.recipient,
            INBOX.c.number > DESTINATIONS.c.taken,
        )
        if own:
            open_ends = select(func.min(INBOX.c.number)).where(behind, ~INBOX.c.own, INBOX.c.kind != ERASED)
            first = open_ends.correlate(None).scalar_subquery()
            behind = and_(behind, or_(first.is_(None), INBOX.c.number < first))
        columns = (INBOX.c.number, INBOX.c.event_id, INBOX.c.alert_id, INBOX.c.body)
        wanted = select(*columns).where(behind).order_by(INBOX.c.number).limit(limit)
        with self._working() as connection:
            return [Arrival(**row) for row in connection.execute(wanted).mappings()]

    def take_in(self, deliveries: Sequence[Delivery]) -> None:
        """Keep the deliveries of the next events, all or none; of what was erased meanwhile only that."""
        first, last = deliveries[0], deliveries[-1]
        place = DESTINATIONS.c.name == last.destination
        recipient = select(DESTINATIONS.c.recipient).where(place).scalar_subquery()
        here = and_(INBOX.c.recipient == recipient, INBOX.c.number.between(first.number, last.number))
        alerts = select(INBOX.c.alert_id).where(here).with_for_update()  # who erases waits until we are done
        with self._working() as connection:
            connection.execute(insert(DELIVERIES), [_row(one) for one in deliveries])
            kept = {*connection.execute(alerts).scalars()}
            gone = {one.alert_id for one in deliveries} - kept
            if gone:
                connection.execute(when_erased(gone))
            connection.execute(update(DESTINATIONS).where(place).values(taken=last.number))

    def head(self, destination: str) -> Head | None:
        """Return the waiting delivery that is due first and the first of its alert, None where none waits."""
        waiting = and_(_COLUMNS.destination == destination, _COLUMNS.state == State.WAITING)
        first = select(func.min(_COLUMNS.number)).where(waiting).group_by(_COLUMNS.alert_id)
        wanted = (
            select(DELIVERIES)
            .where(waiting, _COLUMNS.number.in_(first.scalar_subquery()))
            .order_by(_COLUMNS.due_at, _COLUMNS.number)
            .limit(1)
        )
        with self._working() as connection:
            row = connection.execute(wanted).mappings().first()
            if row is None:
                return None
            delivery = _delivery(row)
            recipient = select(DESTINATIONS.c.recipient).where(DESTINATIONS.c.name == destination)
            event = and_(INBOX.c.recipient == recipient.scalar_subquery(), INBOX.c.number == delivery.number)
            body = connection.execute(select(INBOX.c.body).where(event)).scalar()
            return Head(delivery=delivery, body=body or b"", told=_told_before(connection, delivery))

    def together(self, first: Delivery, *, at: datetime, limit: int) -> Sequence[Head]:
        """
        Return what goes out with a waiting delivery: of its letter, or whatever is due by a time in none yet.

        In order, at most `limit`, itself included; `told` is empty.
        """
        waiting = and_(_COLUMNS.destination == first.destination, _COLUMNS.state == State.WAITING)
        due = and_(_COLUMNS.letter == "", _COLUMNS.due_at <= to_millis(at))
        same = _COLUMNS.letter == first.letter if first.letter else due
        event = and_(INBOX.c.recipient == DESTINATIONS.c.recipient, INBOX.c.number == _COLUMNS.number)
        wanted = (
            select(DELIVERIES, INBOX.c.body)
            .join(DESTINATIONS, DESTINATIONS.c.name == _COLUMNS.destination)
            .join(INBOX, event)
            .where(waiting, same)
            .order_by(_COLUMNS.number)
            .limit(limit)
        )
        with self._working() as connection:
            rows = connection.execute(wanted).mappings().all()
        return [Head(delivery=_delivery(row), body=row["body"], told=()) for row in rows]

    def later(self, delivery: Delivery) -> Sequence[bytes]:
        """Return the events of the inbox that came after this one and are of its alert, in order."""
        recipient = select(DESTINATIONS.c.recipient).where(DESTINATIONS.c.name == delivery.destination)
        after = and_(
            INBOX.c.recipient == recipient.scalar_subquery(),
            INBOX.c.alert_id == delivery.alert_id,
            INBOX.c.number > delivery.number,
        )
        with self._working() as connection:
            return (
                connection.execute(select(INBOX.c.body).where(after).order_by(INBOX.c.number)).scalars().all()
            )

    def put(self, delivery: Delivery) -> None:
        """
        Keep what became of a delivery; one that was erased meanwhile stays so (ruling 23).

        What was put aside of its alert before waits for nobody any more once it is delivered: it says it all.
        """
        of_alert = _COLUMNS.alert_id == delivery.alert_id
        with self._working() as connection:
            connection.execute(update(DELIVERIES).where(and_(_at(delivery), of_alert)).values(_row(delivery)))
            if delivery.state is State.DELIVERED:
                connection.execute(
                    update(DELIVERIES)
                    .where(
                        _COLUMNS.destination == delivery.destination,
                        of_alert,
                        _COLUMNS.number < delivery.number,
                        _COLUMNS.state == State.DEAD,
                    )
                    .values(state=State.SUPERSEDED)
                )

    def quiet_since(self, destination: str, at: datetime) -> bool:
        """
        Return whether nothing waits for a destination, and nothing was delivered or put aside since a time.

        What the inbox has and the destination has not come to waits as well. `at` is aware.
        """
        since = to_millis(at)
        put_aside = and_(_COLUMNS.state == State.DEAD, _COLUMNS.due_at >= since)
        busy = or_(_COLUMNS.state == State.WAITING, put_aside, _COLUMNS.delivered_at >= since)
        wanted = select(func.count()).where(_COLUMNS.destination == destination, busy)
        untaken = select(func.count()).where(
            DESTINATIONS.c.name == destination,
            INBOX.c.recipient == DESTINATIONS.c.recipient,
            INBOX.c.number > DESTINATIONS.c.taken,
        )
        with self._working() as connection:
            return not any(connection.execute(one).scalar() for one in (wanted, untaken))

    def close(self) -> None:
        """Give the connections back."""
        self._engine.dispose()

    @contextmanager
    def _working(self) -> Iterator[Connection]:
        """Lend a transaction; raise `StorageUnusable` where the database does not take it."""
        with told_apart(), self._engine.begin() as connection:
            yield connection

    def destinations(self) -> Sequence[str]:
        """Return every destination that was ever delivered to, or was to be, and is not forgotten."""
        known = select(DESTINATIONS.c.name).where(DESTINATIONS.c.recipient != "")
        with self._working() as connection:
            return connection.execute(known.order_by(DESTINATIONS.c.name)).scalars().all()

    def balance(self, destination: str, *, at: datetime | None = None) -> Balance:
        """
        Return what came in for a destination and what became of it, all at one moment.

        What is not due for the first time at an aware time waits for its window, and for nobody.
        """
        here = _COLUMNS.destination == destination
        of_inbox = and_(INBOX.c.recipient == DESTINATIONS.c.recipient, DESTINATIONS.c.name == destination)
        untaken = func.coalesce(func.max(INBOX.c.number) - func.max(DESTINATIONS.c.taken), 0)
        pruned = func.coalesce(func.max(DESTINATIONS.c.pruned), 0)
        came_at = func.coalesce(_COLUMNS.received_at, _COLUMNS.due_at)
        in_window = (
            and_(_COLUMNS.attempts == 0, _COLUMNS.due_at > to_millis(at)) if at else literal(value=False)
        )
        since = func.min(case((in_window, None), else_=came_at))
        counted = union_all(  # one statement: between two of them, what is delivered would seem lost
            select(literal(_INBOX), func.count(INBOX.c.number), untaken).where(of_inbox),
            select(literal(_PRUNED), pruned, literal(0)).where(DESTINATIONS.c.name == destination),
            select(_COLUMNS.state, func.count(), since).where(here).group_by(_COLUMNS.state),
        )
        with self._working() as connection:
            rows = {str(name): (int(count), more) for name, count, more in connection.execute(counted)}
        arrived, behind = rows.pop(_INBOX)
        gone, _ = rows.pop(_PRUNED)
        return Balance(
            arrived=arrived,
            untaken=int(behind),
            pruned=gone,
            states={State(name): count for name, (count, _) in rows.items()},
            waiting_since=_maybe_time(rows.get(State.WAITING, (0, None))[1]),
        )

    def find(
        self,
        *,
        destination: str | None = None,
        state: State | None = None,
        event_id: str | None = None,
        letter: str | None = None,
        limit: int = 1_000,
        skip: int = 0,
    ) -> Sequence[Delivery]:
        """
        Return at most `limit` deliveries that are like this, the newest first, behind the first `skip`.

        An event may be named by the control id of its message, which is as its id begins.
        """
        asked = {"destination": destination, "state": state, "letter": letter}
        wanted = select(DELIVERIES).order_by(_COLUMNS.number.desc(), _COLUMNS.destination)
        wanted = wanted.limit(limit).offset(skip)
        for name, value in asked.items():
            if value is not None:
                wanted = wanted.where(_COLUMNS[name] == value)
        if event_id is not None:
            begins = len(event_id) == CONTROL_ID_LENGTH
            named = _COLUMNS.event_id.startswith(event_id, autoescape=True)
            wanted = wanted.where(named if begins else _COLUMNS.event_id == event_id)
        with self._working() as connection:
            return [_delivery(row) for row in connection.execute(wanted).mappings()]

    def prune(self, destination: str, *, before: datetime) -> int:
        """
        Drop the deliveries that came to their end before a time, and return how many that were.

        The newest that told an alert's lines stays, since these may have to be deleted at the receiver; so
        does everything of an alert of which something waits for its time or for somebody's hand.
        """
        other, place = DELIVERIES.alias(), DESTINATIONS.c.name == destination
        same = and_(other.c.destination == _COLUMNS.destination, other.c.alert_id == _COLUMNS.alert_id)
        told_since = exists().where(same, other.c.number > _COLUMNS.number, other.c.state == State.DELIVERED)
        unended = exists().where(same, other.c.state.not_in(ENDED))
        over = and_(
            _COLUMNS.destination == destination,
            _COLUMNS.state.in_(ENDED),
            func.coalesce(_COLUMNS.delivered_at, _COLUMNS.due_at) < to_millis(before),
            or_(_COLUMNS.alert_id == "", and_(or_(_COLUMNS.told == "", told_since), ~unended)),
        )
        with self._working() as connection:
            gone = connection.execute(delete(DELIVERIES).where(over)).rowcount  # as each stands when it goes
            if gone:
                pruned = DESTINATIONS.c.pruned + gone
                connection.execute(update(DESTINATIONS).where(place).values(pruned=pruned))
        return gone

    def newest(self, destination: str, alert_id: str) -> int:
        """Return the number of the newest event of an alert that a destination has words for, 0 for none."""
        of_alert = and_(_COLUMNS.destination == destination, _COLUMNS.alert_id == alert_id)
        told = and_(of_alert, _COLUMNS.state != State.NOT_TOLD)
        with self._working() as connection:
            return int(connection.execute(select(func.max(_COLUMNS.number)).where(told)).scalar() or 0)

    def forget(self, destination: str) -> bool:
        """Look at a destination no more; its deliveries stay. False for one that is not there."""
        known = and_(DESTINATIONS.c.name == destination, DESTINATIONS.c.recipient != "")
        with self._working() as connection:
            forgotten = update(DESTINATIONS).where(known).values(recipient="", owner="")
            return bool(connection.execute(forgotten).rowcount)


def _told_before(connection: Connection, delivery: Delivery) -> tuple[str, ...]:
    """Return the keys of the lines that the receiver may have of an alert, in the order of their telling."""
    earlier = (
        select(_COLUMNS.state, _COLUMNS.told)
        .where(
            _COLUMNS.destination == delivery.destination,
            _COLUMNS.alert_id == delivery.alert_id,
            _COLUMNS.number <= delivery.number,
        )
        .order_by(_COLUMNS.number)
    )
    keys: dict[str, None] = {}
    for state, told in connection.execute(earlier):
        if state == State.DELIVERED:
            keys.clear()  # it deleted what it did not say
        keys.update(dict.fromkeys(_keys(told)))
    return tuple(keys)


def _at(delivery: Delivery) -> Any:
    """Return the place of a delivery."""
    return and_(_COLUMNS.destination == delivery.destination, _COLUMNS.number == delivery.number)


def _row(delivery: Delivery) -> dict[str, object]:
    """Return a delivery as the table has it."""
    return {
        "destination": delivery.destination,
        "number": delivery.number,
        "event_id": delivery.event_id,
        "alert_id": delivery.alert_id,
        "state": delivery.state.value,
        "attempts": delivery.attempts,
        "fault": delivery.fault,
        "due_at": to_millis(delivery.due_at),
        "received_at": None if delivery.received_at is None else to_millis(delivery.received_at),
        "delivered_at": None if delivery.delivered_at is None else to_millis(delivery.delivered_at),
        "told": _SEPARATOR.join(delivery.told),
        "letter": delivery.letter,
    }


def _delivery(row: RowMapping) -> Delivery:
    """Return the delivery of a row."""
    return Delivery(
        destination=row["destination"],
        number=row["number"],
        event_id=row["event_id"],
        alert_id=row["alert_id"],
        state=State(row["state"]),
        attempts=row["attempts"],
        fault=row["fault"],
        due_at=from_millis(row["due_at"]),
        received_at=_maybe_time(row["received_at"]),
        delivered_at=_maybe_time(row["delivered_at"]),
        told=_keys(row["told"]),
        letter=row["letter"],
    )


def _keys(told: str) -> tuple[str, ...]:
    """Return the keys of lines as the table has them."""
    return tuple(told.split(_SEPARATOR)) if told else ()


def _maybe_time(millis: int | None) -> datetime | None:
    """Return the time that a table has, None where it has none."""
    return None if millis is None else from_millis(millis)
