"""The CapabilityStatement of the FHIR door: what it takes, and how."""

from collections.abc import Mapping
from typing import Any, Final

from broker.wire.fhir_answer import FHIR_JSON

_DAY: Final = "2026-11-29"  # of the last change of what is said here
_EVENTS: Final = "http://hl7.org/fhir/us/davinci-alerts/MessageDefinition/notification"


def capabilities() -> Mapping[str, Any]:
    """Return the statement."""
    return {
        "resourceType": "CapabilityStatement",
        "status": "active",
        "date": _DAY,
        "kind": "instance",
        "implementation": {"description": "An intake of the CP-IS event broker"},
        "fhirVersion": "4.0.1",
        "format": [FHIR_JSON],
        "name": "CpisIntake",
        "title": "CP-IS event broker: the FHIR door of hospitals",
        "description": "Visits are told in message Bundles, in transactions, or by putting an Encounter. "
        "Nothing can be read here.",
        "rest": [
            {
                "mode": "server",
                "documentation": "Versions of a visit are ordered by meta.lastUpdated, whenever they come.",
                "security": {
                    "cors": False,
                    "description": "A client certificate or a bearer token of a known sender.",
                },
                "resource": [
                    {
                        "type": "Encounter",
                        "documentation": "PUT Encounter?identifier=system|value, and by no id. No version "
                        "is kept: If-Match is compared with meta.versionId of what is put.",
                        "interaction": [{"code": "update"}],
                        "versioning": "no-version",
                        "updateCreate": False,
                        "conditionalUpdate": True,
                        "searchParam": [{"name": "identifier", "type": "token"}],
                    }
                ],
                "interaction": [{"code": "transaction"}],
                "operation": [
                    {
                        "name": "process-message",
                        "definition": "http://hl7.org/fhir/OperationDefinition/MessageHeader-process-message",
                    }
                ],
            }
        ],
        "messaging": [
            {
                "supportedMessage": [
                    {"mode": "receiver", "definition": f"{_EVENTS}-{event}"}
                    for event in ("admit", "transfer", "discharge")
                ]
            }
        ],
    }
