"""
The hazards, and what keeps each from happening: controls that can be taken out of a copy of the program.

Without one of its controls a hazard's test in `tests/spec/test_hazards.py` fails, and no other hazard's. What
each means is in docs/explanation/hazards.md.
"""

from dataclasses import dataclass
from pathlib import PurePosixPath

from tests.tools.mutations import Mutation

TESTS = PurePosixPath("tests/spec/test_hazards.py")
_CORE = PurePosixPath("broker/core")
_WIRE = PurePosixPath("broker/wire")


@dataclass(frozen=True, slots=True, kw_only=True)
class Hazard:
    """What may go wrong, the tests that show that it does not, and its controls, each as it is taken out."""

    name: str
    tests: frozenset[str]
    controls: tuple[Mutation, ...]


HAZARDS = (
    Hazard(
        name='silence taken for "no plan"',
        tests=frozenset({"test_silence_is_not_taken_for_no_plan"}),
        controls=(
            Mutation(
                rule="ruling 21", mistake="a visit without a number has no plan",
                module=_CORE / "answers.py",
                right="(Uncheckable.NO_NUMBER, lambda checked: not checked.number),",
                wrong="",
            ),
            Mutation(
                rule="ruling 41", mistake="details that disagree with a plan are none on file",
                module=_CORE / "answers.py",
                right="(Uncheckable.DETAILS_DISAGREE, lambda checked: checked.details_disagree),",
                wrong="",
            ),
            Mutation(
                rule="ruling 41", mistake="a visit that the matcher has not come to has no plan",
                module=_CORE / "answers.py",
                right="(Uncheckable.BROKER_BEHIND, lambda checked: checked.checked_at is None),",
                wrong="",
            ),
            Mutation(
                rule="ruling 42", mistake="the second number of a message has no plan",
                module=_CORE / "answers.py",
                right="(Uncheckable.TWO_NUMBERS, lambda checked: checked.several_numbers),",
                wrong="",
            ),
            Mutation(
                rule="ruling 38", mistake="a number under enquiry is searched to the end",
                module=_CORE / "answers.py",
                right="(Uncheckable.UNDER_ENQUIRY, lambda checked: checked.under_enquiry),",
                wrong="",
            ),
            Mutation(
                rule="ruling 23", mistake="a number not in use has no plan",
                module=_CORE / "answers.py",
                right="(Uncheckable.NOT_IN_USE, lambda checked: checked.not_in_use),",
                wrong="",
            ),
            Mutation(
                rule="ruling 41", mistake="a visit that is not held is one that nobody has come to",
                module=_CORE / "answers.py",
                right="(Uncheckable.NOT_HELD, lambda checked: not checked.held),",
                wrong="",
            ),
        ),
    ),
    Hazard(
        name="an unscheduled visit classed as scheduled",
        tests=frozenset({"test_an_unscheduled_visit_is_not_classed_as_scheduled"}),
        controls=(
            Mutation(
                rule="ruling 4", mistake="a planned class or type outweighs an emergency",
                module=_CORE / "setting.py",
                right="settled.emergency_classes or admission_type in settled.emergency_types:",
                wrong="settled.emergency_classes:",
            ),
            Mutation(
                rule="ruling 2", mistake="an admission type that is not known is a planned one",
                module=_CORE / "setting.py",
                right="if admission_type in settled.scheduled_types or",
                wrong="if admission_type not in settled.emergency_types | {None} or",
            ),
            Mutation(
                rule="ruling 4", mistake="a place listed as scheduled silences every class",
                module=_CORE / "setting.py",
                right="if place is Place.SCHEDULED and outpatient:",
                wrong="if place is Place.SCHEDULED:",
            ),
        ),
    ),
    Hazard(
        name="an alert for the wrong child",
        tests=frozenset(
            {
                "test_an_alert_is_about_the_right_child",
                "test_an_alert_is_about_the_right_child_when_numbers_change",
            }
        ),
        controls=(
            Mutation(
                rule="ruling 20", mistake="one detail that agrees is enough",
                module=_CORE / "matching.py",
                right="by_details=agree >= _ENOUGH,",
                wrong="by_details=agree >= 1,",
            ),
            Mutation(
                rule="R12", mistake="a traced number matches a plan that nobody verified",
                module=_CORE / "matching.py",
                right="allowance = hospital.trusted and authority.trusted",
                wrong="allowance = hospital.trusted or authority.trusted",
            ),
            Mutation(
                rule="ruling 44", mistake="a visit that moves to another number stays with the first as well",
                module=PurePosixPath("broker/services/attendances.py"),
                right="facts.append((moved.number, moved.left))",
                wrong="pass",
            ),
            Mutation(
                rule="ruling 42", mistake="a second number in a message moves the visit",
                module=_WIRE / "visit_reading.py",
                right="if number is None or held in named.numbers:",
                wrong="if number is None:",
            ),
            Mutation(
                rule="ruling 6", mistake="a visit number is one visit, whichever system gave it",
                module=_CORE / "keyed.py",
                right='key.derive("visit", system, provider.code, visit_number)',
                wrong='key.derive("visit", provider.code, visit_number)',
            ),
            Mutation(
                rule="ruling 46", mistake="nobody is asked about details that disagree",
                module=_CORE / "decisions.py",
                right="self._ask(about_visit(ItemKind.DETAILS_DISAGREE, visit, self.number, self.key))",
                wrong="pass",
            ),
        ),
    ),
    Hazard(
        name="an old and a new number joined",
        tests=frozenset({"test_an_old_and_a_new_number_are_not_joined", "test_a_merge_joins_nothing"}),
        controls=(
            Mutation(
                rule="ruling 42", mistake="a visit has one reference under both numbers",
                module=_CORE / "keyed.py",
                right='return _prefixed("visit of number", number.key)',
                wrong='return _prefixed("visit of number")',
            ),
            Mutation(
                rule="ruling 42", mistake="what is left of a merge is kept",
                module=_WIRE / "adt_other.py",
                right='if _OF_MERGE.search(data.replace(b"\\x00", b"")):',
                wrong="if not data:",
            ),
        ),
    ),
    Hazard(
        name="a restricted place disclosed",
        tests=frozenset({"test_a_restricted_place_is_not_disclosed"}),
        controls=(
            Mutation(
                rule="ruling 24", mistake="the demographic source is not heard",
                module=_CORE / "restriction.py",
                right="if notice.kind is IdentityKind.RESTRICTED:",
                wrong="if notice.kind is IdentityKind.RESTRICTION_LIFTED:",
            ),
            Mutation(
                rule="ruling 24", mistake="the authority is not heard",
                module=_CORE / "restriction.py",
                right="if content.restricted:",
                wrong="if content.restricted and content.deleted:",
            ),
            Mutation(
                rule="ruling 24", mistake="PV1-16 is not read",
                module=_WIRE / "adt_patient.py",
                right='_SENSITIVE = "S"',
                wrong='_SENSITIVE = "-"',
            ),
            Mutation(
                rule="ruling 24", mistake="the first repeat of PV1-16 is read alone",
                module=_WIRE / "adt_patient.py",
                right="for one in visit.repeats(16)}",
                wrong="for one in visit.repeats(16)[:1]}",
            ),
            Mutation(
                rule="ruling 24", mistake="the first ZU8 is read alone",
                module=_WIRE / "adt_patient.py",
                right='for segment in message.all("ZU8")',
                wrong='for segment in message.all("ZU8")[:1]',
            ),
            Mutation(
                rule="ruling 24", mistake="ZU8-4 is read for the national flag alone",
                module=_WIRE / "adt_patient.py",
                right='_HIDING = frozenset({"1", "2"})',
                wrong='_HIDING = frozenset({"2"})',
            ),
            Mutation(
                rule="ruling 24", mistake="a visit whose number is corrected leaves its restriction behind",
                module=PurePosixPath("broker/services/attendances.py"),
                right="if moved is not None and was_restricted:",
                wrong="if moved is None and was_restricted:",
            ),
            Mutation(
                rule="ruling 24", mistake="the authority is told the location of a restricted record",
                module=_CORE / "restriction.py",
                right="provider=None, state=visit.state",
                wrong="provider=None, location=visit.location, state=visit.state",
            ),
            Mutation(
                rule="ruling 24", mistake="nobody is asked to delete what was told before the mark",
                module=_CORE / "effects.py",
                right="return (Change.RESTRICTED,) if is_reduced(after) and not is_reduced(before) else ()",
                wrong="return ()",
            ),
        ),
    ),
    Hazard(
        name="a baby, or a child whose plan cannot be loaded, missed",
        tests=frozenset(
            {
                "test_a_baby_or_a_child_whose_plan_cannot_be_loaded_is_not_missed",
                "test_a_newborn_without_a_plan_of_its_own_is_not_missed",
                "test_a_link_that_ended_stays_ended_when_its_visit_is_destroyed",
                "test_no_plan_is_not_said_of_a_newborn_whose_mothers_plan_could_not_be_taken",
                "test_no_plan_is_not_said_of_a_newborn_whose_mothers_number_is_out_of_use",
            }
        ),
        controls=(
            Mutation(
                rule="ruling 26", mistake="a newborn is compared with its mother's details",
                module=_CORE / "newborn.py",
                right="    if plan.newborn is not None:\n        return Match(marks=())",
                wrong="    if plan.newborn is not None and by_hand:\n        return Match(marks=())",
            ),
            Mutation(
                rule="ruling 26", mistake="a baby of whom nobody says when it was born is not covered",
                module=_CORE / "newborn.py",
                right="    if days and not under:",
                wrong="    if not under:",
            ),
            Mutation(
                rule="ruling 9", mistake="an unborn plan ends with its due date",
                module=_CORE / "plans.py",
                right="settled.unborn_visible if unborn else",
                wrong="settled.unborn_visible * 0 if unborn else",
            ),
            Mutation(
                rule="ruling 23", mistake="of a baby whose mother's number is out of use there is no plan",
                module=_CORE / "newborn_links.py",
                right="            words.append((one.fact.baby, unknown(one.fact, at)))\n",
                wrong="",
            ),
            Mutation(
                rule="ruling 41", mistake="of a baby whose mother is in doubt there is no plan",
                module=_CORE / "newborn.py",
                right="cover.in_doubt and not all(is_over(",
                wrong="cover.in_doubt and all(is_over(",
            ),
            Mutation(
                rule="ruling 41", mistake="of a child whose record waits there is no plan",
                module=_CORE / "answers.py",
                right="(Uncheckable.RECORD_WAITING, lambda checked: checked.record_waiting),",
                wrong="",
            ),
            Mutation(
                rule="ruling 35", mistake="a record that waits is not met",
                module=_CORE / "waiting.py",
                right="return content.deleted is None and days.first",
                wrong="return content.deleted is not None and days.first",
            ),
            Mutation(
                rule="ruling 21", mistake="a visit without a number is not looked for",
                module=_CORE / "possible.py",
                right="if visit.tells and not visit.kept_back:",
                wrong="if visit.unlisted and not visit.kept_back:",
            ),
            Mutation(
                rule="ruling 26", mistake="a newborn's cover ends with the unborn child's plan",
                module=_CORE / "plans.py",
                right="return max(last, later(born,",
                wrong="return min(last, later(born,",
            ),
            Mutation(
                rule="ruling 26", mistake="a visit that names another mother still links the first",
                module=_CORE / "newborn.py",
                right="return FORGOTTEN not in named or statement(birth) not in forgotten",
                wrong="return False",
            ),
            Mutation(
                rule="ruling 26", mistake="a birth notice that was corrected still links the first",
                module=_CORE / "newborn.py",
                right="said_at(birth) >= corrected.at else corrected.mothers",
                wrong="said_at(birth) >= corrected.at else None",
            ),
            Mutation(
                rule="ruling 26", mistake="a link that was taken back is taken up again after its visit",
                module=_CORE / "newborn.py",
                right="if birth.void or birth.visit in gone:",
                wrong="if birth.visit in gone:",
            ),
            Mutation(
                rule="ruling 26", mistake="that a link was taken back is forgotten with its visit",
                module=_CORE / "newborn_retention.py",
                right="replace(one, void=True) if one.visit in closing and ended(one) else one",
                wrong="replace(one, void=False)",
            ),
        ),
    ),
    Hazard(
        name="late or stale plan data",
        tests=frozenset({"test_late_or_stale_plan_data_is_told_for_what_it_is"}),
        controls=(
            Mutation(
                rule="ruling 10", mistake="a plan that comes in the second week is none",
                module=_CORE / "plans.py",
                right="waits = later(newest_at, policy.plan_wait), later(arrived_at",
                wrong="waits = later(newest_at, policy.plan_wait / 2), later(arrived_at",
            ),
            Mutation(
                rule="ruling 37", mistake="what arrived last is the newest",
                module=_CORE / "plans.py",
                right="    return (\n        version.recorded_at,",
                wrong="    return (\n        version.received_at,",
            ),
            Mutation(
                rule="ruling 11", mistake="late is not said",
                module=_CORE / "plans.py",
                right="return max(later(first_recorded_at, policy.delayed_after),",
                wrong="return max(later(first_recorded_at, 999 * policy.delayed_after),",
            ),
        ),
    ),
    Hazard(
        name="told, but nobody acts",
        tests=frozenset({"test_what_is_told_can_be_acted_on"}),
        controls=(
            Mutation(
                rule="ruling 7", mistake="a child who leaves before treatment leaves quietly",
                module=_CORE / "alerts.py",
                right="        Change.LEFT,\n",
                wrong="",
            ),
            Mutation(
                rule="ruling 45", mistake="a plan in force waits for the morning",
                module=_CORE / "content.py",
                right="        return Urgency.NEXT_WORKING_MORNING\n    return Urgency.NOW",
                wrong="        return Urgency.NEXT_WORKING_MORNING\n    return Urgency.NEXT_WORKING_MORNING",
            ),
            Mutation(
                rule="ruling 30", mistake="no number to ring at night",
                module=_CORE / "content.py",
                right="            phone_emergency=content.phone_emergency,",
                wrong="            phone_emergency='',",
            ),
            Mutation(
                rule="ruling 29", mistake="no number to ring back",
                module=_CORE / "content.py",
                right="call_back=site.call_back,",
                wrong="call_back=None,",
            ),
        ),
    ),
    Hazard(
        name="a false all-clear after a correction",
        tests=frozenset({"test_a_correction_gives_no_false_all_clear"}),
        controls=(
            Mutation(
                rule="ruling 16", mistake="withdrawn for a second registration of which nobody is told",
                module=_CORE / "decisions.py",
                right=" and self._plans_told(visit) <= self._plans_told(other)",
                wrong="",
            ),
            Mutation(
                rule="ruling 14", mistake="a withdrawal does not say that it is no all-clear",
                module=_CORE / "wording.py",
                right="EventKind.WITHDRAWN: WITHDRAWN}",
                wrong="}",
            ),
            Mutation(
                rule="ruling 16", mistake="every cancellation withdraws",
                module=_CORE / "reading.py",
                right='coded = registers["cancel_reason"] in settled.error_reasons',
                wrong="coded = True",
            ),
            Mutation(
                rule="ruling 20", mistake="newer details that disagree take a match back",
                module=_CORE / "matching.py",
                right="confirmed = confirmed or judgement.by_details",
                wrong="confirmed = judgement.by_details",
            ),
            Mutation(
                rule="ruling 13", mistake="of age by the word of one source",
                module=_CORE / "plans.py",
                right="return max((birthday(",
                wrong="return min((birthday(",
            ),
            Mutation(
                rule="ruling 4", mistake="the newest message alone says whether a visit is scheduled",
                module=_CORE / "reading.py",
                right="self.grounds[ground] = None",
                wrong="self.grounds = {ground: None}",
            ),
        ),
    ),
    Hazard(
        name="a flood, or a replay reaching people",
        tests=frozenset({"test_neither_a_flood_nor_a_replay_reaches_people"}),
        controls=(
            Mutation(
                rule="ruling 7", mistake="what was told already is told again",
                module=_CORE / "effects.py",
                right="elif told.alert != alert or told.number is not None or alert_id in forgotten:",
                wrong="else:",
            ),
            Mutation(
                rule="ruling 7", mistake="where a patient is moved to is loud",
                module=_CORE / "alerts.py",
                right="        Change.PLAN,\n        Change.RESTRICTED,\n",
                wrong="        Change.PLAN,\n        Change.RESTRICTED,\n        Change.LOCATION,\n",
            ),
        ),
    ),
)  # fmt: skip
