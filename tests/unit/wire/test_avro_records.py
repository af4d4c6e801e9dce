"""Worklist items, rejected messages and audit entries."""

from dataclasses import replace
from datetime import UTC, date, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from broker.adapters.memory_sealing import MemorySealer
from broker.core.alerts import Recipient, RecipientKind
from broker.core.audit import FIRST_HASH, AuditEntry, DestructionEntry, chain
from broker.core.checks import CheckMark
from broker.core.errors import MalformedMessage, UnsealingFailed
from broker.core.identifiers import OdsCode
from broker.core.operators import OperatorAction
from broker.core.worklist import ItemKind, WorklistItem
from broker.runtime.codecs import load_schemas
from broker.wire.avro import frame
from broker.wire.records_codec import Door, Masked, RecordsCodec, Rejected, Unprocessable
from tests.strategies import (
    audit_entries,
    destruction_entries,
    maybe,
    members,
    ods_codes,
    operator_actions,
    times,
    words,
    worklist_items,
)
from tests.unit.wire.shipped import shipped_ids

SCHEMAS = load_schemas()
NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
ITEM = WorklistItem(item_id="0d" * 16, kind=ItemKind.UNPROCESSABLE_RECORD, urgent=True)
RAW = b"MSH|^~\\&|EDSYS|RXX|Sample^Robin"
RECORD = Unprocessable(topic="cpis.in.plans", partition=3, offset=17, cause="CPIS-201", value=RAW)
REJECTED = Rejected(
    door=Door.MLLP,
    reason="segment missing",
    location="PID",
    sender=OdsCode("RXX"),
    control_id="EDSYS0001",
    received_at=NOON,
    raw=RAW,
)


def codec(sealer: MemorySealer | None = None) -> RecordsCodec:
    """Return the codec with a sealer of its own."""
    return RecordsCodec(SCHEMAS, sealer or MemorySealer())


@given(item=worklist_items())
def test_an_item_is_read_back(item: WorklistItem) -> None:
    """A worklist item survives, and is about no record."""
    value = codec().encode_item(item)

    assert (item, None) == (codec().decode_item(value), codec().open_record(value))


def test_the_topic_that_a_recipient_has_not_got_is_read_back() -> None:
    """So that the operator knows whose it is."""
    item = replace(ITEM, kind=ItemKind.RECIPIENT_WITHOUT_TOPIC, topic="cpis.alerts.la.Z211")

    value = codec().encode_item(item)

    assert (item, None) == (codec().decode_item(value), codec().trouble_of(value))


def test_the_record_that_an_item_is_about_can_be_opened() -> None:
    """Whoever settles the item gets the record's place and its bytes."""
    records = codec()
    value = records.encode_item(ITEM, RECORD)

    assert (ITEM, RECORD) == (records.decode_item(value), records.open_record(value))


def test_the_record_that_an_item_is_about_is_sealed() -> None:
    """The bytes of an unprocessable record are not in the topic in clear."""
    assert RAW not in codec().encode_item(ITEM, RECORD)


def test_a_record_sealed_under_another_item_does_not_open() -> None:
    """The seal is bound to the item's id."""
    records = codec()
    row = SCHEMAS.decode("worklist_item", records.encode_item(ITEM, RECORD))
    moved = SCHEMAS.encode("worklist_item", row | {"item_id": "0e" * 16})

    with pytest.raises(UnsealingFailed):
        records.open_record(moved)


@given(
    rejected=st.builds(
        Rejected,
        door=members(Door),
        reason=words(),
        location=words(),
        sender=maybe(ods_codes()),
        control_id=maybe(words()),
        received_at=times(),
        raw=maybe(st.binary()),
    )
)
def test_a_rejected_message_is_read_back_byte_for_byte(rejected: Rejected) -> None:
    """What could not be read is kept exactly."""
    records = codec()

    assert rejected == records.decode_rejected(records.encode_rejected(rejected))


def test_a_rejected_message_is_sealed_and_its_size_is_not() -> None:
    """Operators see how long it is and not what it says."""
    value = codec().encode_rejected(REJECTED)

    assert (len(RAW), False) == (SCHEMAS.decode("rejected", value)["size"], RAW in value)


def test_a_rejected_message_is_gone_with_its_days_key() -> None:
    """With the day's key the bytes are destroyed, wherever copies of the record lie."""
    sealer = MemorySealer()
    records = codec(sealer)
    value = records.encode_rejected(REJECTED)
    sealer.destroy_before(date.max)

    with pytest.raises(UnsealingFailed):
        records.decode_rejected(value)


def test_a_rejected_message_is_described_without_a_key() -> None:
    """Whoever lists what was rejected needs nothing that opens it."""
    value = codec().encode_rejected(REJECTED)

    expected = Masked(rejected=replace(REJECTED, raw=None), size=len(RAW), kept=True)
    assert expected == codec(MemorySealer()).mask_rejected(value)


def test_a_message_whose_bytes_may_not_be_kept_says_so() -> None:
    """There is nothing to open (ruling 42)."""
    records = codec()

    assert not records.mask_rejected(records.encode_rejected(replace(REJECTED, raw=None))).kept


@given(action=operator_actions())
def test_an_operators_action_is_read_back(action: OperatorAction) -> None:
    """What was done, on which record, by whom, why, when, and what came of it."""
    assert action == codec().decode_action(codec().encode_action(action))


@given(action=operator_actions())
def test_an_operators_action_is_told_from_what_it_is_about(action: OperatorAction) -> None:
    """Both lie in the same topics."""
    records = codec()
    values = [records.encode_action(action), records.encode_rejected(REJECTED), records.encode_item(ITEM)]

    assert [True, False, False] == [records.is_action(value) for value in values]


def test_an_action_without_grounds_is_malformed() -> None:
    """Nobody acts without a reason, whoever wrote the record."""
    row = {"kind": "SETTLED", "item_id": "1", "topic": "t", "partition": 0, "offset": 0, "at": 0}
    value = SCHEMAS.encode("operator_action", row | {"by": "ops", "reason": " ", "outcome": ""})

    with pytest.raises(MalformedMessage, match="GroundsRefused in operator_action"):
        codec().decode_action(value)


@given(
    mark=st.builds(
        CheckMark,
        sender=st.builds(Recipient, kind=members(RecipientKind), code=ods_codes()),
        partition=st.integers(0, 99),
        offset=st.integers(0, 2**62),
        received_at=times(),
    )
)
def test_a_check_mark_is_read_back(mark: CheckMark) -> None:
    """Where the matcher stands with a sender survives."""
    assert mark == codec().decode_mark(codec().encode_mark(mark))


@given(entry=audit_entries())
def test_an_audit_entry_is_read_back(entry: AuditEntry) -> None:
    """A recorded decision survives."""
    assert entry == codec().decode_audit(codec().encode_audit(entry))


@given(entry=destruction_entries())
def test_a_destruction_is_read_back(entry: DestructionEntry) -> None:
    """Which places are gone, and how many of them nobody had read."""
    assert entry == codec().decode_destruction(codec().encode_destruction(entry))


@given(entry=audit_entries())
def test_the_chain_hashes_the_bytes_that_auditors_read(entry: AuditEntry) -> None:
    """An entry's bytes are the same whenever they are made, and another entry's are others."""
    other = replace(entry, sequence=entry.sequence ^ 1)
    links = [chain(FIRST_HASH, codec().encode_audit(each)) for each in (entry, entry, other)]

    assert (links[0] == links[1], links[0] == links[2]) == (True, False)


def test_a_sender_that_is_no_code_is_malformed() -> None:
    """What a record says of its sender must be a code."""
    records = codec()
    value = records.encode_rejected(REJECTED).replace(b"\x06RXX", b"\x06r-x")

    with pytest.raises(MalformedMessage, match="InvalidOdsCode in rejected"):
        records.decode_rejected(value)


@settings(deadline=None, max_examples=200)
@given(
    name=st.sampled_from(
        ["worklist_item", "rejected", "audit_entry", "destruction", "operator_action", "check_mark"]
    ),
    body=st.binary(max_size=120),
)
def test_any_bytes_end_in_a_record_or_are_refused(name: str, body: bytes) -> None:
    """Foreign bytes never raise anything but `MalformedMessage` or `UnsealingFailed`."""
    records = codec()
    readers = {
        "worklist_item": records.decode_item,
        "rejected": records.decode_rejected,
        "audit_entry": records.decode_audit,
        "destruction": records.decode_destruction,
        "operator_action": records.decode_action,
        "check_mark": records.decode_mark,
    }
    try:
        read = readers[name](frame(shipped_ids()[name], body))
    except (MalformedMessage, UnsealingFailed):
        return

    kinds = WorklistItem | Rejected | AuditEntry | DestructionEntry | OperatorAction | CheckMark
    assert isinstance(read, kinds)
