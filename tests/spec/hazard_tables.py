"""The tables of the hazards that are too long to stand beside their tests."""

import re
from collections.abc import Mapping

from tests.spec.table import rows

CLASSIFIED = """
    class | -  "" 11 12 13 81 99 21 22 23 24 25 28 31 32 2A 2B 2C 2D
    -     | !  !  s  s  s  s  !  !  !  !  !  !  !  !  !  !  !  !  !
    ""    | !  !  s  s  s  s  !  !  !  !  !  !  !  !  !  !  !  !  !
    E     | !  !  !  !  !  !  !  !  !  !  !  !  !  !  !  !  !  !  !
    I     | !  !  s  s  s  s  !  !  !  !  !  !  !  !  !  !  !  !  !
    O     | !  !  s  s  s  s  !  !  !  !  !  !  !  !  !  !  !  !  !
    B     | !  !  s  s  s  s  !  !  !  !  !  !  !  !  !  !  !  !  !
    C     | !  !  s  s  s  s  !  !  !  !  !  !  !  !  !  !  !  !  !
    N     | !  !  s  s  s  s  !  !  !  !  !  !  !  !  !  !  !  !  !
    U     | !  !  s  s  s  s  !  !  !  !  !  !  !  !  !  !  !  !  !
    X     | !  !  s  s  s  s  !  !  !  !  !  !  !  !  !  !  !  !  !
    P     | s  s  s  s  s  s  s  !  !  !  !  !  !  !  !  !  !  !  !
    R     | s  s  s  s  s  s  s  !  !  !  !  !  !  !  !  !  !  !  !
    W     | s  s  s  s  s  s  s  !  !  !  !  !  !  !  !  !  !  !  !
"""
"""
Patient class (PV1-2) by admission type (PV1-4), also absent, cleared and unknown: `!` is told, `s` silent.
"""

_SIGN = re.compile(r"(?<= )[!s](?= |$)", re.MULTILINE)
_OUTPATIENT = re.compile(r"(?<=O     \|).*")

PLACES: Mapping[str, tuple[str, str, str]] = {
    "no location": ("RXX", "", CLASSIFIED),
    "a location of a site that has listed none": ("RXX", "WARD1", CLASSIFIED),
    "a location that its site has not listed": ("RLL", "WARD1", CLASSIFIED),
    "a location listed as scheduled": (
        "RLL", "CLINIC", _OUTPATIENT.sub(lambda line: line[0].replace("!", "s"), CLASSIFIED),
    ),
    "a location listed as unscheduled": ("RLL", "WALKIN", _SIGN.sub("!", CLASSIFIED)),
    "a location listed as sensitive": ("RLL", "HAVEN", _SIGN.sub("x", CLASSIFIED)),
}  # fmt: skip
"""
Provider, location and what is told there. An outpatient at a place that is listed as scheduled is scheduled
whatever the type, and nobody else is for being there.
"""
SIGNS = {"!": "shared", "s": "ruling 3: scheduled setting", "x": "ruling 47: sensitive place"}

AGREEMENT = rows("""
    birth family given | trusted | otherwise
    yyy                | alert   | alert
    yyn                | alert   | alert
    yy-                | alert   | alert
    yny                | alert   | alert
    ynn                | alert   | ask
    yn-                | alert   | ask
    y-y                | alert   | alert
    y-n                | alert   | ask
    y--                | alert   | ask
    nyy                | alert   | alert
    nyn                | alert   | ask
    ny-                | alert   | ask
    nny                | alert   | ask
    nnn                | ask     | ask
    nn-                | ask     | ask
    n-y                | alert   | ask
    n-n                | ask     | ask
    n--                | alert   | ask
    -yy                | alert   | alert
    -yn                | alert   | ask
    -y-                | alert   | ask
    -ny                | alert   | ask
    -nn                | ask     | ask
    -n-                | alert   | ask
    --y                | alert   | ask
    --n                | alert   | ask
    ---                | alert   | ask
""")
"""Which details agree (`y`), disagree (`n`) or are missing (`-`); the number was traced, or it was not."""

STATUSES = rows("""
    status   | plan     | provider | column
    01       | yes      | RXX      | trusted
    01       | no       | RXX      | otherwise
    02       | yes      | RXX      | otherwise
    03       | yes      | RXX      | otherwise
    04       | yes      | RXX      | otherwise
    05       | yes      | RXX      | otherwise
    06       | yes      | RXX      | otherwise
    07       | yes      | RXX      | otherwise
    08       | yes      | RXX      | otherwise
    -        | yes      | RXX      | otherwise
    -        | yes      | RTT      | trusted
""")
"""PID-32 and whether the plan was verified by R12; RTT is a sender that traces every number."""

FOLLOWED = rows("""
    messages                                          | about
    A04 A v1 RXX EDSYS; A08 B v1 RXX EDSYS            | B v1 RXX
    A04 A v1 RXX EDSYS; A04 B v2 RLL EDSYS; A08 B v1 RXX EDSYS; A08 A v2 RLL EDSYS | A v2 RLL; B v1 RXX
    A04 A v1 RXX EDSYS; A04 B v1 RXX WARDSYS          | A v1 RXX; B v1 RXX
    A04 A v1 RXX EDSYS; A04 B v1 RLL EDSYS            | A v1 RXX; B v1 RLL
    A04 A v1 RXX EDSYS; A08 "" v1 RXX EDSYS           | A v1 RXX
    A04 A v1 RXX EDSYS; A08 - v1 RXX EDSYS            | A v1 RXX
    A04 A v1 RXX EDSYS; A08 A! v1 RXX EDSYS           | A v1 RXX
    A04 A v1 RXX EDSYS; A08 9999999999 v1 RXX EDSYS   | A v1 RXX
    A04 A v1 RXX EDSYS; A08 B+A v1 RXX EDSYS          | A v1 RXX
    A04 A v1 RXX EDSYS; A08 A+B v1 RXX EDSYS          | A v1 RXX
    A04 B+A v1 RXX EDSYS; A08 A+B v1 RXX EDSYS        | B v1 RXX
    A04 B+A v1 RXX EDSYS; A08 A v1 RXX EDSYS          | A v1 RXX
    A04 A v1 RXX EDSYS; A08 B v1 RXX EDSYS; A03 "" v1 RXX EDSYS | B v1 RXX
    A04 A v1 RXX EDSYS; A08 B v1 RXX EDSYS; A03 A v1 RXX EDSYS  | A v1 RXX
""")
"""
Event, number, visit, provider and system of messages, one a minute; `A!` has a wrong check digit, `B+A` two.
"""

MARKS = rows("""
    before                            | arriving | meanwhile                              | disclosed
    T-3d / notice / n1 /              | -        | -                                      | 0
    T-3d / plan / CPP E09 / restricted=yes | -   | -                                      | 0
    T-3d / plan / LAC E08 / restricted=yes | -   | -                                      | 0
    -                                 | PV1-16 S | -                                      | 0
    -                                 | ZU8-4 1  | -                                      | 0
    -                                 | ZU8-4 2  | -                                      | 0
    -                                 | PV1-16 N~S  | -                                   | 0
    -                                 | second ZU8-4 2  | -                               | 0
    -                                 | B: PV1-16 S | -                                   | 0
    -                                 | B: ZU8-4 1  | -                                   | 0
    -                                 | -        | T+20m / notice / n1 /                  | 1
    -                                 | -        | T+20m / plan / CPP E09 / restricted=yes | 1
    -                                 | -        | PV1-16 S                               | 1
    -                                 | -        | ZU8-4 1                                | 1
    -                                 | -        | ZU8-4 2                                | 1
""")
"""What restricts a record, before the visit, with its arrival (`B:` under another number) or later."""

CORRECTIONS = rows("""
    then                                                      | comes to
    T+1h / A11 / v1 RLL /                                     | cancelled by the hospital, active
    T+1h / A11 / v1 RLL / cancel_reason=OTHER                 | cancelled by the hospital, active
    T+1h / A11 / v1 RLL / cancel_reason=ERR                   | ruling 16: registered in error
    T+1h / A04 / v2 RLL /; T+2h / A11 / v1 RLL /              | ruling 16: registered twice
    T+1h / A04 / v2 RLL / patient_class=P; T+2h / A11 / v1 RLL / | cancelled by the hospital, active
    T+1h/A04/v2 RLL/family=X given=Y birth_date=-; T+2h/A11/v1 RLL | cancelled by the hospital, active
    T+1h / A08 / v1 RLL / patient_class=P admission_type=11   | present, active
    T+1h / A08 / v1 RLL / family=X given=Y birth_date=2013-01-01 | present, active, details differ, check
    T+1h / A08 / v1 RLL / arrived_at=T-101d                   | present, active, retroactive
    T+1h / A08 / v1 RLL / arrived_at=T+30d                    | present, active
    T+1h / plan / CPP E09 / end=D-400                         | present, no longer in force
    T+1h / plan / CPP E09 / deleted=D                         | present, removed
    T+1h / notice / n1 / kind='date of birth' birth_date=2001-01-01 | present, active
""")
"""What is corrected after an alert, and the last word to the authority, or why it was taken back."""

BABIES = rows("""
    plan                                     | visit            | alerts | asked | answer
    plan/CPP E09/                            | A04?/v1/         | no     | yes   | possible match
    plan/CPP E09/                            | A04?/v1/given=BABY | no   | yes   | possible match
    plan?/CPP E09/                           | A04?/v1/         | no     | yes   | possible match
    plan?/CPP E09/                           | A04/v1/          | no     | no    | record waiting
    plan?/UCP E09/end=D+30                   | A04?/v1/         | no     | yes   | possible match
    plan?/UCP E09/end=D+30                   | A04/v1/          | no     | no    | record waiting
    plan~/CPP E09/                           | A04/v1/          | no     | no    | record waiting
    plan~/UCP E09/end=D+30 family=Other given=Alex | A04/v1/    | no     | no    | record waiting
    plan?~/UCP E09/end=D+30                  | A04/v1/          | no     | no    | record waiting
    plan!/CPP E09/family=Other given=Alex    | A04/v1/          | no     | no    | record waiting
    plan/UCP E09/end=D+30                    | A04?/v1/         | no     | yes   | possible match
    plan/UCP E09/end=D+30                    | A04/v1/          | yes    | no    | plan on file
    plan/UCP E09/start=D-99 end=D-28         | A04/v1/          | yes    | no    | plan on file
    plan/UCP E09/start=D-99 end=D-29         | A04/v1/          | no     | no    | no plan on file
    plan/UCP E09/end=D+9 birth_date=1984-05-01 | A04/v1/birth_date=1984-05-01 | yes | no | plan on file
""")
"""
A plan on file, or a record that waits (`plan?`, `plan!`, `plan~`); a visit, without a number as `A04?`; what
is answered.
"""

NEWBORNS = rows("""
    birth                                 | told
    T-1h / birth / b1 / baby=B born=D-1   | yes
    T-1h / birth / b1 / baby=B born=D-10  | yes
    T-1h / birth / b1 / baby=B born=D-11  | no
    T-1h / birth / b1 / baby=B            | yes
    T+1h / birth / b1 / baby=B born=D-1   | yes
    T-9d / cover / UCP E09 / number=B born=D-28 start=D-90 end=D-30 | yes
    T-9d / cover / UCP E09 / number=B born=D-29 start=D-90 end=D-30 | no
    T-1h / birth / b1 / baby=B visit=v1; T+1h / A08 / v1 / number=B mothers=A | yes
    T-1h / birth / b1 / baby=B visit=v1; T+1h / A08 / v1 / number=B mothers=C | no
    T-1h / birth / b1 / baby=B named=one; T+1h / notice / n1 born-to / number=B mother=one | yes
    T-1h / birth / b1 / baby=B named=one; T+1h / notice / n1 born-to / number=B mother=another | no
    -                                     | no
""")
"""
What links a baby with its mother, of whom an unborn child's plan is on file from `D-10` on; or what is known
of another mother's plan. C is another mother, whom the visit may name instead, as a birth notice that is
corrected may name `another`.
"""

IN_DOUBT = rows("""
    said of the mother                      | then                                        | answer
    T-2h / cover / - E09 / mother=A doubt=1 | -                                           | set aside
    T-2h / cover / - E09 / mother=A doubt=1 | T-1h / cover / - E09 / mother=A doubt=2     | no plan on file
    T-2h / cover / - E09 / mother=A doubt=1 | T-2h / cover / - E09 / mother=A doubt=2     | no plan on file
    T-2h / cover / - E09 / mother=A doubt=3 | T-2h / cover / - E09 / mother=A doubt=2     | set aside
    T-1h / cover / - E09 / mother=A doubt=1 | T-2h / cover / - E09 / mother=A doubt=2     | set aside
    T-2h / cover / - E09 / mother=A doubt=1 | T-1h / cover / - E09 / mother=C doubt=2     | set aside
    T-2h / cover / - E09 / doubt=1          | T-1h / cover / - E09 / doubt=2              | set aside
    T-2h / cover / - E09 / mother=A doubt=1 | T-1h / plan / CPP E09 /                     | plan on file
    T-2h / cover / - E09 / mother=A doubt=1 | T-1h / cover / UCP E09 / start=D-10 end=D+60 | plan on file
    T-2h / cover / - E09 / mother=A doubt=1 | T-1h / cover / UCP E09 / start=D-9 end=D+60 | set aside
    T-2h / cover / - E09 / mother=A doubt=2 | T-1h / cover / UCP E09 / start=D-9 end=D+60 | no plan on file
""")
"""
What mothers' records say to that of a baby who was born on `D-10`; `doubt` is odd while something of hers
waits, or could not be processed, and `-` has no plan that is known.
"""


NOT_IN_USE = rows("""
    said of the mother              | then                                 | answer
    T-2h / notice / n1 invalidated  | T-1h / birth / b1 / baby=B born=D-1  | set aside
    T-1h / birth / b1 / baby=B      | T+1h / notice / n1 invalidated       | set aside
    T-2h / notice / n1 invalidated  | -                                    | no plan on file
    T-1h / birth / b1 / baby=B      | T+1h / notice / n1 in-use            | no plan on file
    T-1h / birth / b1 / baby=B      | T+1h / notice / n1 number-change     | set aside
""")
"""What is said of a mother without a plan, and of her number, and what is answered of her baby's visit."""


ENDED = rows("""
    correction      | covered
    mothers=one     | yes
    mothers=another | no
""")
"""Whom a baby's visit names as its mother at last, and whether the first one's plan covers a later visit."""

LATE = rows("""
    plans                                                              | told
    T-9d / plan / CPP E09 / received=T+1h                              | CPP active
    T-9d / plan / CPP E09 / received=T+9d                              | CPP active (delayed)
    T+14d+10m / plan / CPP E09 /                                       | CPP active (retroactive, delayed)
    T+14d+11m / plan / CPP E09 /                                        | -
    T-1d / plan / CPP E09 /; T-9d / plan / CPP E09 / deleted=D-9 received=T-1h | CPP active
    T-9d / plan / CPP E09 /; T-1d / plan / CPP E09 / deleted=D-1 received=T+1h | -
    T-9d / plan / CPP E09 / end=D-1; T-8d / plan / CPP E09 / received=T+1h | CPP active
    T-8d / plan / CPP E09 /; T-9d / plan / CPP E09 / end=D-1 received=T+1h | CPP active
""")
"""Plans as they are recorded and received, and what the authority is told of a visit that ended at T+10m."""

OWED = rows("""
    plan             | then                  | loud | urgency              | route
    CPP E09          | -                     | 1    | now                  | treating clinician
    LAC E09          | -                     | 1    | now                  | treating clinician
    UCP E09 end=D+9  | -                     | 1    | now                  | treating clinician
    CPP E09 end=D-9  | -                     | 1    | next working morning | treating clinician
    CPP E09          | A03 disposition=12    | 2    | now                  | treating clinician
    CPP E09          | A03 disposition=13    | 2    | now                  | treating clinician
    CPP E09          | A03                   | 2    | now                  | treating clinician
    CPP E09          | A08 disposition=10    | 2    | now                  | treating clinician
    CPP E09          | A08 patient_class=I   | 2    | now                  | treating clinician
    CPP E09          | A08 acuity=1          | 1    | now                  | treating clinician
""")
"""A plan, what happens after the arrival, how many events are loud, and when and by whom they are read."""

SILENCES = rows("""
    known                                        | visit         | asked | answer
    -                                            | T/A04/v1/     | v1    | no plan on file
    T-900d/plan/CPP E09/start=D-900 end=D-366    | T/A04/v1/     | v1    | no plan on file
    T-900d/plan/CPP E09/start=D-900 end=D-365    | T/A04/v1/     | v1    | plan on file
    T-9d/plan/CPP E09/                           | T/A04/v1/     | v1    | plan on file
    T-9d/plan/CPP E09/                           | T/A04/v1/     | v2    | visit not held
    -                                            | T/A04/v1/     | v2    | visit not held
    T-9d/plan/CPP E09/family=X given=Y birth_date=- | T/A04/v1/  | v1    | details disagree
    T-9d/notice/n1 number-change/                | T/A04/v1/     | v1    | under enquiry
    T-9d/notice/n1 invalidated/                  | T/A04/v1/     | v1    | not in use
    T-9d/plan/CPP E09/                           | T/A04?/v1/family=X given=Y | v1 | no number
    -                                            | T/A04/v1/several_numbers=yes | v1 | two numbers
    -                                            | T/A04/v1/     | v1 behind | broker behind
""")
"""What is known of somebody; a visit, without a number as `A04?`; which is asked about, of a matcher that is
behind or not; what is answered."""
