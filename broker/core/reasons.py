"""
Why the person came, from the hospital's words to the short list of ruling 29.

One table to review: a phrase counts when it is the whole of what was said. The words themselves go no
further than this module; what is not in the table is `Reason.OTHER`.
"""

import re
from collections.abc import Iterable

from broker.core.visit_reason import Reason

PHRASES: dict[Reason, tuple[str, ...]] = {
    Reason.ABDOMINAL_PAIN: (
        *("abdominal pain", "abdo pain", "pain abdomen", "stomach pain", "stomach ache", "tummy pain"),
        *("tummy ache", "lower abdominal pain", "right iliac fossa pain", "rif pain"),
    ),
    Reason.ALCOHOL_OR_DRUGS: (
        *("alcohol intoxication", "intoxication", "intoxicated", "drunk", "alcohol", "alcohol related"),
        *("alcohol problem", "drugs", "drug use", "drug misuse", "substance misuse", "recreational drugs"),
    ),
    Reason.ASSAULT: (
        *("assault", "alleged assault", "assaulted", "physical assault", "sexual assault", "stabbing"),
        *("stab wound", "gunshot wound", "fight", "domestic violence", "domestic abuse", "punched"),
    ),
    Reason.BITE_OR_STING: (
        *("bite", "dog bite", "animal bite", "human bite", "insect bite", "cat bite", "sting", "bee sting"),
        *("wasp sting", "bites and stings"),
    ),
    Reason.BREATHING: (
        *("shortness of breath", "short of breath", "sob", "breathing difficulty", "difficulty breathing"),
        *("difficulty in breathing", "breathlessness", "asthma", "asthma attack", "wheeze", "wheezing"),
        *("croup", "bronchiolitis", "choking", "stridor", "breathing difficulties"),
    ),
    Reason.BURN: (
        *("burn", "burns", "scald", "scalds", "burn or scald", "burns and scalds", "chemical burn"),
        *("burn to hand", "scald to hand", "smoke inhalation", "sunburn"),
    ),
    Reason.FALL: (
        *(
            "fall",
            "falls",
            "fell",
            "fall from bed",
            "fall from height",
            "fall down stairs",
            "fell down stairs",
        ),
        *("fell off bed", "fall at home", "fall from bicycle", "fall from trampoline", "fall from sofa"),
        *("fall from changing table", "trip", "trip or fall"),
    ),
    Reason.FEVER: (
        *("fever", "high temperature", "temperature", "pyrexia", "febrile", "febrile child", "raised temp"),
    ),
    Reason.FIT: (
        *("fit", "fits", "seizure", "convulsion", "febrile convulsion", "febrile seizure", "epileptic fit"),
        *("collapse", "collapsed", "faint", "fainted", "syncope", "loss of consciousness", "unconscious"),
        *("unresponsive", "blackout", "epilepsy", "fitting"),
    ),
    Reason.HEAD_INJURY: (
        *("head injury", "minor head injury", "injury to head", "injury head", "bang to head", "banged head"),
        *("bumped head", "hit head", "head wound", "laceration to head", "concussion"),
    ),
    Reason.INJURY: (
        *("injury", "limb injury", "arm injury", "leg injury", "wrist injury", "ankle injury", "hand injury"),
        *("finger injury", "foot injury", "knee injury", "elbow injury", "shoulder injury", "back injury"),
        *(
            "neck injury",
            "facial injury",
            "face injury",
            "eye injury",
            "sports injury",
            "laceration",
            "wound",
        ),
        *("cut", "fracture", "broken arm", "broken leg", "sprain", "dislocation", "bruising", "bruise"),
        *("foreign body", "crush injury", "trauma", "major trauma", "minor injury"),
    ),
    Reason.MENTAL_HEALTH: (
        *("mental health", "mental health problem", "mental health crisis", "mental health issue", "anxiety"),
        *("depression", "low mood", "panic attack", "psychosis", "behaving strangely", "acute confusion"),
        *("suicidal", "suicidal thoughts", "suicidal ideation", "psychiatric", "psychiatric problem"),
        *("eating disorder", "hallucinations", "behavioural disturbance"),
    ),
    Reason.POISONING: (
        *("poisoning", "accidental poisoning", "ingestion", "accidental ingestion", "accidental overdose"),
        *("carbon monoxide poisoning", "swallowed battery", "button battery ingestion", "drank bleach"),
        *("overdose", "overdose and poisoning", "drug overdose", "paracetamol overdose"),
    ),
    Reason.PREGNANCY: (
        *("pregnancy", "pregnant", "pregnancy problem", "bleeding in pregnancy", "pv bleed pregnant"),
        *("abdominal pain in pregnancy", "labour", "in labour", "reduced fetal movements", "miscarriage"),
        *("reduced foetal movements", "waters broken", "pregnancy related problem"),
    ),
    Reason.ROAD_TRAFFIC: (
        *("road traffic", "road traffic accident", "road traffic collision", "rta", "rtc", "car accident"),
        *("hit by car", "pedestrian hit by car", "pedestrian v car", "cyclist v car", "motorbike accident"),
    ),
    Reason.SAFEGUARDING: (
        *("safeguarding", "safeguarding concern", "safeguarding concerns", "child protection", "neglect"),
        *("child protection medical", "non accidental injury", "suspected non accidental injury", "nai"),
        *(
            "suspected nai",
            "suspected abuse",
            "child abuse",
            "child is cause for concern",
            "police protection",
        ),
        # SNOMED CT, dossier 6.6: child or unborn child a concern, suspected injury, family member a concern
        *("836881000000105", "878111000000109", "700255001", "375041000000100"),
    ),
    Reason.SELF_HARM: (
        *("self harm", "deliberate self harm", "dsh", "self injury", "self inflicted injury"),
        *("intentional overdose", "deliberate overdose", "self poisoning", "suicide attempt", "hanging"),
        *("attempted suicide", "cut wrists"),
    ),
    Reason.UNWELL: (
        *(
            "unwell",
            "generally unwell",
            "unwell child",
            "unwell baby",
            "unwell adult",
            "vomiting",
            "diarrhoea",
        ),
        *("diarrhoea and vomiting", "d and v", "d v", "diarrhoea vomiting", "rash", "headache", "chest pain"),
        *(
            "sore throat",
            "earache",
            "ear pain",
            "cough",
            "cold",
            "dehydration",
            "poor feeding",
            "not feeding",
        ),
        *("crying baby", "worried parent", "infection", "sepsis", "allergic reaction", "allergy", "flu"),
        *("back pain", "dizziness", "palpitations", "nausea", "constipation", "unwell newborn", "lethargic"),
    ),
}

_NO_WORD = re.compile(r"[\W_]+")


def fold(text: str) -> str:
    """Return a phrase in small letters, each run of blanks and punctuation as one blank."""
    return _NO_WORD.sub(" ", text.casefold()).strip()


_REASONS = {
    **{fold(reason): reason for reason in Reason},  # a hospital that writes the list's own words
    **{phrase: reason for reason, phrases in PHRASES.items() for phrase in phrases},
}


def reason_for(texts: Iterable[str]) -> Reason | None:
    """
    Return the first reason that the table knows for one of the hospital's codes or texts, in their order.

    `Reason.OTHER` when something was said and the table knows none of it, None when nothing was said.
    """
    said = [folded for folded in map(fold, texts) if folded]
    known = (_REASONS[folded] for folded in said if folded in _REASONS)
    return next(known, Reason.OTHER if said else None)
