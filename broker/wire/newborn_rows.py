"""
What is said of mothers and babies as Avro rows (ruling 26), in inputs and in a person's record.

Reading takes a row apart: it must not be used afterwards.
"""

from broker.core.facts import Birth, Cover, Details, LinkEnded, PlanContent, PlanFact, PlanType
from broker.core.identifiers import NhsNumber
from broker.core.user_words import UserWord
from broker.wire.avro import Row
from broker.wire.avro_values import maybe_digits, maybe_millis, maybe_number, maybe_ods, millis, ods


def birth_row(birth: Birth) -> Row:
    """Return every field of what was said of a birth."""
    return {
        "birth_id": birth.birth_id,
        "baby": birth.baby.digits,
        "born": birth.born,
        "visit": birth.visit,
        "named": birth.named,
        "void": birth.void,
        "settled_at": maybe_millis(birth.settled_at),
        "restricted": birth.restricted,
        "recorded_at": millis(birth.recorded_at),
        "received_at": millis(birth.received_at),
    }


def birth_of(row: Row) -> Birth:
    """Return the birth of a row; raise `InvalidNhsNumber`."""
    row["baby"] = NhsNumber(row["baby"])
    return Birth(**row)


def cover_row(cover: Cover) -> Row:
    """Return every field of what covers a baby; its plans are unborn children's and name no mother."""
    return {
        "mother": maybe_digits(cover.mother),
        "births": [birth_row(birth) for birth in cover.births],
        "plans": [_plan_row(plan) for plan in cover.plans],
        "losses": [millis(lost_at) for lost_at in cover.losses],
        "restricted": maybe_millis(cover.restricted),
        "doubt": cover.doubt,
        "exclusions": [_word_row(word) for word in cover.exclusions],
        "recorded_at": millis(cover.recorded_at),
        "received_at": millis(cover.received_at),
    }


def cover_of(row: Row) -> Cover:
    """Return what covers a baby; raise `MalformedMessage` or as its parts do."""
    row["mother"] = maybe_number(row["mother"])
    row["births"] = tuple(birth_of(birth) for birth in row["births"])
    row["plans"] = tuple(_plan(plan) for plan in row["plans"])
    row["losses"] = tuple(row["losses"])
    row["exclusions"] = tuple(_word(word) for word in row["exclusions"])
    return Cover(**row)


def _word_row(word: UserWord) -> Row:
    """Return what was said of one user."""
    return {
        "user": word.user,
        "named_by": None if word.named_by is None else word.named_by.code,
        "excludes": word.excludes,
        "said_at": millis(word.said_at),
    }


def _word(row: Row) -> UserWord:
    """Return what was said of one user; raise `InvalidOdsCode`."""
    row["named_by"] = maybe_ods(row["named_by"])
    return UserWord(**row)


def link_ended_row(end: LinkEnded) -> Row:
    """Return every field of what is to be forgotten."""
    return {"number": end.number.digits, "covered": end.covered, "received_at": millis(end.received_at)}


def link_ended_of(row: Row) -> LinkEnded:
    """Return what is to be forgotten; raise `InvalidNhsNumber`."""
    row["number"] = NhsNumber(row["number"])
    return LinkEnded(**row)


def _plan_row(plan: PlanFact) -> Row:
    """Return one time an unborn child's plan was said."""
    content = plan.content
    return {
        "authority": content.authority.code,
        "start": content.start,
        "end": content.end,
        "deleted": content.deleted,
        "authority_name": content.authority_name,
        "phone_office": content.phone_office,
        "phone_emergency": content.phone_emergency,
        "verified": content.verified,
        "child_id": content.child_id,
        "recorded_at": millis(plan.recorded_at),
        "file_id": plan.file_id,
        "received_at": millis(plan.received_at),
    }


def _plan(row: Row) -> PlanFact:
    """Return one time an unborn child's plan was said; raise `InvalidFact` or `InvalidOdsCode`."""
    said = {name: row.pop(name) for name in ("recorded_at", "file_id", "received_at")}
    row["authority"] = ods(row["authority"])
    return PlanFact(content=PlanContent(plan_type=PlanType.UNBORN, details=Details(), **row), **said)
