"""
The segments of an HL7 version 2 message out of its lines: what is no segment is the rest of the one before.

Knows no segment by its meaning.
"""

import re
from typing import Final

SEGMENT: Final = re.compile(r"[A-Z][A-Z0-9]{2}")
"""The name of a segment."""
_USUAL_SEGMENTS = frozenset(
    {"MSH|", "EVN|", "PID|", "PD1|", "NK1|", "PV1|", "PV2|", "OBX|", "AL1|", "DG1|", "MRG|", "ZU3|", "ZU8|"}
)


def whole(lines: list[str], separator: str) -> tuple[list[str], bool]:
    """
    Return the segments that lines are, and whether a line is none.

    Such lines are the rest of a segment whose text has a line break that nobody escaped: without them every
    field behind it is lost. Where none has a field they are left out, as after a header, which has no text.
    """
    if all(line[:4] in _USUAL_SEGMENTS for line in lines if line):  # for speed
        return [line for line in lines if line], False
    segments: list[str] = []
    rest: list[str] = []
    broken = False
    for line in [*lines, "END"]:
        if SEGMENT.fullmatch(line[:3]) and line[3:4] in {"", separator}:
            if len(segments) > 1 and any(separator in one for one in rest):
                segments[-1] = "\n".join((segments[-1], *rest))
            rest = []
            segments.append(line)
        elif line.strip():
            broken = True
            rest.append(line)
    return segments[:-1], broken
