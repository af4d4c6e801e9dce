"""
What a partition polled, sorted into a batch: who is touched, what waits in the log, what is left over.

Knows which inputs make a record of a person, and which wait for one.
"""

from collections.abc import Container, Mapping, Sequence

from broker.ports import Record, Topic
from broker.services.matching_batch import Batch
from broker.services.matching_details import CLUES_PER_BATCH_MAX
from broker.services.matching_output import Poison
from broker.services.receipt import receipt_of
from broker.services.visit_index import VisitIndex
from broker.wire.cloudevents import sender_of

FIRST_INPUTS: tuple[Topic, ...] = (Topic.PLANS, Topic.IDENTITY)
"""What makes a person's record; on a first start these are taken to their end before the others."""

INDEXED: tuple[Topic, ...] = (Topic.ATTENDANCES, Topic.ACCESSES)
"""What waits in the log until its person has a record."""

PEOPLE_PER_BATCH_MAX = 250  # keeps a transaction far under its timeout, on a machine that is busy too


def sort(
    polled: Mapping[Topic, Sequence[Record]], people: Container[bytes], indexes: Mapping[Topic, VisitIndex]
) -> Batch:
    """
    Sort records into those to fold, those to note, and a rest when many people are touched.

    Plans come first, so that an attendance of the same batch finds its person. What waits for a person is
    noted in `indexes`.
    """
    batch = Batch()
    for topic in (*FIRST_INPUTS, *INDEXED, Topic.DETAILS):
        records = polled.get(topic)
        if not records:
            continue
        if topic is Topic.DETAILS:
            batch.clues = records[:CLUES_PER_BATCH_MAX]
            taken = len(batch.clues)
        else:
            taken = _sort_input(topic, records, people, indexes.get(topic), batch)
        if taken:
            last = records[taken - 1]
            batch.offsets[topic] = last.offset + 1
            batch.moved += taken
            batch.received.append(receipt_of(last))
        if taken < len(records):
            batch.rest[topic] = records[taken:]
    return batch


def _sort_input(
    topic: Topic,
    records: Sequence[Record],
    people: Container[bytes],
    index: VisitIndex | None,
    batch: Batch,
) -> int:
    """Sort one input's records; return how many were taken before the batch was full."""
    touched = batch.touched
    heard = batch.heard.setdefault(topic, {})
    for number, record in enumerate(records):
        key = record.key
        if key is None:
            batch.nobody.append(Poison(record=record, cause="KeyMissing"))
        elif index is not None and key not in people and key not in touched:
            index.add(key, record.offset)
        elif key in touched:
            touched[key].append(record)
        elif len(touched) < PEOPLE_PER_BATCH_MAX:
            touched[key] = [record]
        else:
            return number
        sender = sender_of(record.headers)
        if sender is not None:
            heard[sender] = record
    return len(records)
