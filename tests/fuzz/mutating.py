"""
Bytes gone wrong, by chance and the same for the same seed: on the way, in a sender's program, by intent.

Each mutant is a seed with a few changes: bytes and runs of them cut, repeated, moved and replaced, another
seed's put in, and words that divide: marks, escapes, entities, numbers at the edge of what a machine holds.
Half of them keep their form, so that more than the parser is met: elements, fields and values go, come twice,
or are others than they may be.
"""

import json
import random
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from lxml import etree

from tests.builders.damage import remove, rename, repeat

_CHANGES_MAX = 4
_RUN_MAX = 60
_WORDS = (
    *(b"\x0b", b"\x1c", b"\x1c\r", b"\r", b"\n", b"\0", b"\xff", b"\xfe\xff", b"\xef\xbb\xbf", b"\xc3"),
    *(b"|", b"^", b"~", b"\\", b"&", b'""', b"\\F\\", b"\\X0D\\", b"\\Z1\\", b"MSH|^~\\&|", b"MRG|", b"PID|"),
    *(b"A40", b"A34", b"A28", b"9990000018", b"9990000019", b"UNICODE UTF-8", b"8859/1", b"16/2/2"),
    *(b"{", b"}", b"[", b"]", b'"', b":", b",", b"null", b"true", b"-0", b"1e999", b"NaN", b"\\u0000"),
    *(b"\\ud800", b'"resourceType":"Bundle"', b'"entry":[]', b'"identifier":{}', b"[" * 200),
    *(b"<", b">", b"</", b"/>", b"<!DOCTYPE a [<!ENTITY b 'c'>]>", b"&b;", b"&#0;", b"<!--", b"<![CDATA["),
    *(b"00010101", b"99991231235959", b"20250330013000", b"2025-02-30", b"T24:00:00Z", b"+1400", b"-9999"),
    *(b"9" * 20, b"-1", b"0", b" " * 40, b"\xe2\x80\xae", b"\xf0\x9f\x91\xb6"),
)


def mutants(seeds: Sequence[bytes], seed: int) -> Iterator[bytes]:
    """Yield mutants of these seeds without end; the same ones for the same seed."""
    chance = random.Random(seed)  # noqa: S311 – no secret
    while True:
        data = chance.choice(seeds)
        changes = chance.choice((_CHANGES, _RESHAPING))
        for _ in range(chance.randint(1, _CHANGES_MAX)):
            data = chance.choice(changes)(data, chance, seeds)
        yield data


def _place(data: bytes, chance: random.Random) -> int:
    """Return a place in, or behind, data."""
    return chance.randint(0, len(data))


def _run(data: bytes, chance: random.Random) -> slice:
    """Return a run of a few bytes, or of many."""
    start = _place(data, chance)
    return slice(start, start + chance.choice((1, 1, 2, 4, _RUN_MAX, len(data))))


def _cut(data: bytes, chance: random.Random, _seeds: Sequence[bytes]) -> bytes:
    """Take a run out."""
    run = _run(data, chance)
    return data[: run.start] + data[run.stop :]


def _repeat(data: bytes, chance: random.Random, _seeds: Sequence[bytes]) -> bytes:
    """Put a run in once more, or a few times."""
    run = _run(data, chance)
    return data[: run.stop] + data[run] * chance.choice((1, 1, 3)) + data[run.stop :]


def _move(data: bytes, chance: random.Random, _seeds: Sequence[bytes]) -> bytes:
    """Put a run where it was not."""
    run = _run(data, chance)
    rest = data[: run.start] + data[run.stop :]
    place = _place(rest, chance)
    return rest[:place] + data[run] + rest[place:]


def _word(data: bytes, chance: random.Random, _seeds: Sequence[bytes]) -> bytes:
    """Put a word in, or in the place of a run."""
    run, place = _run(data, chance), _place(data, chance)
    start, stop = chance.choice(((run.start, run.stop), (place, place)))
    return data[:start] + chance.choice(_WORDS) + data[stop:]


def _flip(data: bytes, chance: random.Random, _seeds: Sequence[bytes]) -> bytes:
    """Turn one bit of a byte, or make it any other."""
    if not data:
        return bytes([chance.randrange(256)])
    place = chance.randrange(len(data))
    changed = chance.choice((data[place] ^ (1 << chance.randrange(8)), chance.randrange(256)))
    return data[:place] + bytes([changed]) + data[place + 1 :]


def _splice(data: bytes, chance: random.Random, seeds: Sequence[bytes]) -> bytes:
    """Put a run of another seed in."""
    other, place = chance.choice(seeds), _place(data, chance)
    return data[:place] + other[_run(other, chance)] + data[place:]


_CHANGES: Sequence[Callable[[bytes, random.Random, Sequence[bytes]], bytes]] = (
    *(_cut, _repeat, _move, _splice),
    *(_word, _word, _flip, _flip),
)


def _reshape(data: bytes, chance: random.Random, seeds: Sequence[bytes]) -> bytes:
    """Change something of what is said and keep the form, where it has one of those known here."""
    try:
        if data.lstrip()[:1] == b"{":
            return _reshape_json(data, chance)
        if data.lstrip()[:1] == b"<":
            return _reshape_xml(data, chance)
    except (ValueError, RecursionError, etree.XMLSyntaxError):
        return _word(data, chance, seeds)
    return _reshape_fields(data, chance)


def _reshape_json(data: bytes, chance: random.Random) -> bytes:
    """Take a member or element out, put one in twice, or make it another."""
    document = json.loads(data)
    places = list(_places(document))
    if not places:
        return data
    holder, key = chance.choice(places)
    match chance.randrange(4):
        case 0:
            del holder[key]
        case 1 if isinstance(holder, list):
            holder.insert(key, holder[key])
        case 2:
            other_holder, other_key = chance.choice(places)
            holder[key] = json.loads(json.dumps(other_holder[other_key]))
        case _:
            holder[key] = chance.choice(_VALUES)
    return json.dumps(document, ensure_ascii=chance.choice((False, True))).encode("utf-8", "surrogatepass")


def _places(value: Any) -> Iterator[tuple[Any, Any]]:
    """Yield where something stands in a document: what holds it, and under which name or number."""
    if isinstance(value, dict | list):
        for key, held in list(value.items() if isinstance(value, dict) else enumerate(value)):
            yield value, key
            yield from _places(held)


def _reshape_xml(data: bytes, chance: random.Random) -> bytes:
    """Take an element out, put it in twice, name it otherwise, or give an attribute or text another value."""
    root = etree.fromstring(data)
    below = list(root.iterdescendants(tag=etree.Element))
    if not below:
        return data
    element = chance.choice(below)
    match chance.randrange(5):
        case 0:
            remove(element)
        case 1:
            repeat(element)
        case 2:
            rename(element)
        case 3 if element.attrib:
            element.set(chance.choice(list(element.attrib)), chance.choice(_TEXTS))
        case _:
            element.text = chance.choice(_TEXTS)
    return etree.tostring(root)


def _reshape_fields(data: bytes, chance: random.Random) -> bytes:
    """Take a segment out, put it in twice or elsewhere, or make a field another one's or a word."""
    segments = data.split(b"\r")
    place = chance.randrange(len(segments))
    fields = segments[place].split(b"|")
    match chance.randrange(5):
        case 0:
            del segments[place]
        case 1:
            segments.insert(place, segments[place])
        case 2:
            segments.insert(place, segments.pop(chance.randrange(len(segments))))
        case 3:
            fields[chance.randrange(len(fields))] = chance.choice(fields)
            segments[place] = b"|".join(fields)
        case _:
            fields[chance.randrange(len(fields))] = chance.choice(_WORDS)
            segments[place] = b"|".join(fields)
    return b"\r".join(segments)


_TEXTS = ("", "0", "-1", "9" * 30, "9990000018", "2025-02-30", "20250330013000", "A", " ", "é", "a/b#c")
_VALUES: Sequence[Any] = (
    *(None, True, 0, -1, 10**30, 1.5, [], {}, [None], [[]], {"value": None}, {"reference": "#"}),
    *_TEXTS,
    *("Patient/patient", "2025-03-01T10:00:00Z", "2025-03-01", "0000-01-01", "9999-12-31T23:59:60+14:00"),
    *({"resourceType": "Patient"}, {"resourceType": "Bundle", "entry": []}, [{"system": "", "value": ""}]),
)
_RESHAPING: Sequence[Callable[[bytes, random.Random, Sequence[bytes]], bytes]] = (_reshape,)
