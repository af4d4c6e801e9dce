"""The audit trail holds commitments and codes, each entry chained to the one before."""

from datetime import UTC, datetime

from broker.core.alerts import Occasion, Recipient, RecipientKind, Why
from broker.core.audit import FIRST_HASH, DecisionEntry, audit_entry, chain, commit_to
from broker.core.identifiers import NhsNumber, OdsCode

ROBIN, ALEX = NhsNumber("9990000018"), NhsNumber("9990000026")
DECISION = DecisionEntry(
    subject_reference="v1",
    occasion=Occasion.ATTENDED,
    why=Why.SHARED,
    recipients=(Recipient(kind=RecipientKind.AUTHORITY, code=OdsCode("E09")),),
    fields=("plans",),
    policy_version="p1",
)


def test_an_entry_carries_the_decision_in_codes() -> None:
    """Occasion, rule, recipients, fields and policy, and where it stands in the chain."""
    entry = audit_entry(
        DECISION,
        salt=b"salt",
        number=ROBIN,
        partition=3,
        sequence=7,
        at=datetime(2026, 1, 10, tzinfo=UTC),
        previous=FIRST_HASH,
    )

    assert (3, 7, Occasion.ATTENDED, Why.SHARED, DECISION.recipients, ("plans",), "p1", FIRST_HASH) == (
        entry.partition,
        entry.sequence,
        entry.occasion,
        entry.why,
        entry.recipients,
        entry.fields,
        entry.policy_version,
        entry.previous,
    )
    assert commit_to(b"salt", ROBIN, "v1") == entry.commitment


def test_a_commitment_binds_salt_number_and_visit() -> None:
    """Without the salt it opens nothing (ruling 23)."""
    commitments = {
        commit_to(salt, number, visit)
        for salt in (b"salt", b"pepper")
        for number in (ROBIN, ALEX)
        for visit in ("v1", "v2")
    }
    assert 8 == len(commitments)


def test_a_changed_entry_breaks_the_chain() -> None:
    """Each hash covers all entries before it."""
    honest = chain(chain(FIRST_HASH, b"one"), b"two")
    assert honest == chain(chain(FIRST_HASH, b"one"), b"two")
    assert honest != chain(chain(FIRST_HASH, b"0ne"), b"two")
