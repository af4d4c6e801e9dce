"""Why a person came, from a short list. Ruling 29."""

from enum import StrEnum


class Reason(StrEnum):
    """Why the person came: the short list of ruling 29. The hospital's own words never enter a fact."""

    ABDOMINAL_PAIN = "abdominal pain"
    ALCOHOL_OR_DRUGS = "alcohol or drugs"
    ASSAULT = "assault"
    BITE_OR_STING = "bite or sting"
    BREATHING = "breathing difficulty"
    BURN = "burn or scald"
    FALL = "fall"
    FEVER = "fever"
    FIT = "fit or collapse"
    HEAD_INJURY = "head injury"
    INJURY = "injury"
    MENTAL_HEALTH = "mental health"
    POISONING = "poisoning"
    PREGNANCY = "pregnancy"
    ROAD_TRAFFIC = "road traffic"
    SAFEGUARDING = "safeguarding concern"
    SELF_HARM = "self-harm"
    UNWELL = "unwell"
    OTHER = "other"
