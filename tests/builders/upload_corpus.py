"""
A corpus of upload files: each is put together of parts and faults, and the code of each is predicted.

The predictions are a table of words beside codes, written by the dossier (3.2, 3.3) and the rulings. They
know nothing of the reader: what a part is called says what is wrong with it, and that alone decides.
"""

import random
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from tests.builders.upload import ODS_ROOT, Person, PlanBlock, Record, build_upload

RECEIVED = datetime(2025, 3, 1, 12, 0, tzinfo=UTC)
"""When every file of the corpus is received: some hours after it says that it was made."""
UNUSED = "9990000019"
"""A number whose check digit is wrong."""
NUMBERS = ("9990000018", "9990000026", "9990000034", "9990000042", "9990000050")

_BOTH = (PlanBlock(), PlanBlock(kind="LAC"))
_LONG_AGO = "202001010000"
_UCP = PlanBlock(kind="UCP", end="202506150000")
_MOTHER = Person(number="9990000069", born="19980203")


@dataclass(frozen=True, slots=True)
class Sort:
    """What a record of some sort is answered, how many plans become facts, and how it is made of a child."""

    code: str
    plans: int
    make: Callable[[Person], Record]


def _dated(**dates: Any) -> Callable[[Person], Record]:
    """Return what makes a record with these dates in its plan."""
    return lambda child: Record(child=child, plans=[PlanBlock(**dates)])


def _numbered(number: str | None) -> Callable[[Person], Record]:
    """Return what makes a record whose child has this number."""
    return lambda child: Record(child=Person(number=number, given=child.given))


RECORDS: Mapping[str, Sort] = {
    "child protection plan": Sort("CPR06", 1, lambda child: Record(child=child)),
    "looked after": Sort("CPR06", 1, lambda child: Record(child=child, plans=[PlanBlock(kind="LAC")])),
    "both plans": Sort(
        "CPR06", 2, lambda child: Record(child=child, plans=[PlanBlock(), PlanBlock(kind="LAC")])
    ),
    "unborn": Sort("CPR06", 1, lambda _: Record(child=None, mother=_MOTHER, plans=[_UCP])),
    "a pregnant child": Sort(
        "CPR06", 2, lambda child: Record(child=child, mother=_MOTHER, plans=[PlanBlock(), _UCP])
    ),
    "an end": Sort("CPR06", 1, _dated(end="202505010000")),
    "a nil end": Sort("CPR06", 1, lambda child: Record(child=child, plans=[PlanBlock(nil_end=True)])),
    "removed (R6)": Sort("CPR06", 1, _dated(deleted="202502010000")),
    "the authority's own id": Sort(
        "CPR06", 1, lambda child: Record(child=Person(number=child.number, local_id="47"))
    ),
    "no names": Sort(
        "CPR06", 1, lambda child: Record(child=Person(number=child.number, given=None, family=None))
    ),
    "ended on the last visible day (ruling 9)": Sort(
        "CPR06", 1, _dated(start="202001010000", end="202403010000")
    ),
    "out of view when recorded (ruling 18)": Sort(
        "CPR07", 1, _dated(start="202001010000", end="202402280000")
    ),
    "wrong check digit": Sort("CPR04", 0, _numbered(UNUSED)),
    "letters in the NHS number": Sort("CPR04", 0, _numbered("99900000AB")),
    "nine digits": Sort("CPR04", 0, _numbered("999000001")),
    "placeholder (ruling 35)": Sort("CPR04", 0, _numbered("1111111111")),
    "no NHS number": Sort("CPR07", 0, _numbered(None)),
    "30 February": Sort("CPR07", 0, _dated(start="202502300000")),
    "the day alone": Sort("CPR07", 0, _dated(start="20250110")),
    "seconds in a plan date": Sort("CPR07", 0, _dated(start="20250110093000")),
    "an hour that is none": Sort("CPR07", 0, _dated(start="202501102500")),
    "no start": Sort("CPR07", 0, _dated(start=None)),
    "end before start": Sort("CPR07", 0, _dated(end="202501090000")),
    "unborn without an end": Sort(
        "CPR07", 0, lambda _: Record(child=None, mother=_MOTHER, plans=[PlanBlock(kind="UCP")])
    ),
    "unborn without a mother": Sort("CPR07", 0, lambda child: Record(child=child, plans=[_UCP])),
    "the same plan twice": Sort(
        "CPR07", 0, lambda child: Record(child=child, plans=[PlanBlock(), PlanBlock()])
    ),
    "four plans": Sort(
        "CPR07",
        0,
        lambda child: Record(child=child, plans=[PlanBlock(start=f"20250{n}100000") for n in range(1, 5)]),
    ),
    "no plan": Sort("CPR07", 0, lambda child: Record(child=child, plans=[])),
    "nobody": Sort("CPR07", 0, lambda _: Record(child=None)),
    "born on 30 February": Sort(
        "CPR07", 0, lambda child: Record(child=Person(number=child.number, born="20160230"))
    ),
}
"""Every sort of record, by what is to be said of it."""

_EC, _WP = ("EC", "tel:02079460999"), ("WP", "tel:02079460001")


def _built(**head: object) -> Callable[[list[Record]], bytes]:
    """Return what makes a file with such a head."""
    return lambda records: build_upload(records, **head)  # type: ignore[arg-type]


def _replaced(old: bytes, new: bytes) -> Callable[[list[Record]], bytes]:
    """Return what makes a file with something in it replaced."""
    return lambda records: build_upload(records).replace(old, new, 1)


_BOMB = b'<!DOCTYPE File [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;"><!ENTITY c "&b;&b;&b;&b;">]>'
_OUTSIDE = b'<!DOCTYPE File [<!ENTITY a SYSTEM "file:///etc/passwd">]>'
_DECLARATION = b"?>"

FILES: Mapping[str, Callable[[list[Record]], bytes]] = {
    "no emergency number": _built(telephones=(_WP,)),
    "two emergency numbers": _built(telephones=(_EC, _EC)),
    "no number at all": _built(telephones=()),
    "three numbers": _built(telephones=(_EC, _WP, ("WP", "tel:1"))),
    "letters in a telephone": _built(telephones=(("EC", "tel:0207CALL"),)),
    "blanks in a telephone": _built(telephones=(("EC", "tel:020 7946"),)),
    "another kind of code": _replaced(ODS_ROOT.encode(), b"2.16.840.1.113883.2.1.3.2.4.19.9"),
    "no organisation's code": _built(authority="no code!"),
    "no name of the authority": _built(authority_name=""),
    "no file id": _built(file_id=""),
    "a count that is none": _built(count="many"),
    "made tomorrow": _built(created="20250303063000"),
    "made before 1900": _built(created="18990101063000"),
    "made at no time": _built(created="soon"),
    "no record": lambda _: build_upload([]),
    "another element": _replaced(b"<record>", b"<rekord/><record>"),
    "another root": lambda records: build_upload(records).replace(b"File", b"Pile"),
    "cut off": lambda records: build_upload(records)[:-40],
    "another encoding than declared": lambda records: build_upload(records).replace(b"Exton", b"\xc9xton"),
    "an encoding that nobody knows": _replaced(b"UTF-8", b"UTF-99"),
    "billion laughs": _replaced(_DECLARATION, _DECLARATION + _BOMB),
    "external entity": _replaced(_DECLARATION, _DECLARATION + _OUTSIDE),
    "a document type alone": _replaced(_DECLARATION, _DECLARATION + b"<!DOCTYPE File>"),
    "empty": lambda _: b"",
    "no XML": lambda _: b"MSH|^~\\&|",
}
"""Every fault that refuses a file as a whole: CPF01, and nothing of it is loaded."""

HARMLESS: Mapping[str, Callable[[list[Record]], bytes]] = {
    "as it should be": build_upload,
    "another count": _built(count="77"),
    "one number for both": _built(telephones=(("EC WP", "tel:+442079460999"),)),
    "the emergency number alone": _built(telephones=(_EC,)),
    "UTF-16": lambda records: build_upload(records).decode().replace("UTF-8", "UTF-16").encode("utf-16"),
    "8859-1, declared": lambda records: build_upload(records).replace(b"UTF-8", b"iso-8859-1"),
    "a comment": _replaced(b"<record>", b"<!-- a comment --><record>"),
    "a time with an offset": _built(created="20250301063000+0000"),
}
"""What makes no difference."""


@dataclass(frozen=True, slots=True)
class Predicted:
    """One file of the corpus: how it was made, its bytes, and what is to become of it."""

    made_of: tuple[str, ...]
    data: bytes
    file_code: str
    record_codes: tuple[str, ...]
    plans: int


def predicted(frame: str, sorts: list[str]) -> Predicted:
    """Return a file in a frame (of `FILES` or `HARMLESS`) with records of these sorts."""
    children = [Person(number=NUMBERS[place % len(NUMBERS)]) for place in range(len(sorts))]
    records = [RECORDS[sort].make(child) for sort, child in zip(sorts, children, strict=True)]
    made_of = (frame, *sorts)
    if frame in FILES:
        return Predicted(made_of, FILES[frame](records), "CPF01", (), 0)
    codes = tuple(RECORDS[sort].code for sort in sorts)
    loaded = codes.count("CPR06")
    file_code = "CPF04" if not loaded else "CPF02" if loaded == len(codes) else "CPF03"
    plans = sum(RECORDS[sort].plans for sort in sorts)
    return Predicted(made_of, HARMLESS[frame](records), file_code, codes, plans)


def corpus(seed: int) -> Iterator[Predicted]:
    """Yield files for ever; one in five has a fault that refuses it, three in four records are good."""
    chance = random.Random(seed)  # noqa: S311 - a corpus that can be made again
    good = [sort for sort, found in RECORDS.items() if found.code == "CPR06"]
    while True:
        frame = chance.choice(sorted(FILES if chance.random() < 1 / 5 else HARMLESS))
        among = (good, list(RECORDS))
        sorts = [chance.choice(among[chance.random() < 1 / 3]) for _ in range(chance.randint(1, 4))]
        yield predicted(frame, sorts)
