"""
A validator that is not ours: HAPI FHIR reads resources as base R4 has them, and says what is amiss.

Run as `python -m tests.java.hapi_validator` in a process of its own, as the client beside it. Takes a JSON
list of resources, prints for each a JSON list of the errors. Codes are checked as far as R4 itself lists
them: no terminology server is asked.
"""

import json
import sys
from pathlib import Path
from typing import Any

import jpype

from broker.adapters.embedded_kafka.installation import install

LOCK = Path(__file__).with_name("hapi-fhir.lock")
_ERRORS = frozenset({"ERROR", "FATAL"})


def main() -> None:
    """Validate what is on the standard input."""
    installation = install(LOCK.read_text("utf-8"))
    machine = installation.java.parents[1] / "lib" / "server" / "libjvm.so"
    jpype.startJVM(
        str(machine),
        "--enable-native-access=ALL-UNNAMED",
        "-XX:TieredStopAtLevel=1",  # it reads for seconds, for which the second compiler is of no use
        classpath=installation.jars,
        convertStrings=True,
    )
    validator = _validator()
    json.dump([_errors(validator, one) for one in json.load(sys.stdin)], sys.stdout)
    sys.stdout.flush()
    jpype.shutdownJVM()


def _validator() -> Any:
    """Return a validator of R4 that knows what R4 itself defines."""
    fhir = jpype.JPackage("ca").uhn.fhir
    support = jpype.JPackage("org").hl7.fhir.common.hapi.validation.support
    context = fhir.context.FhirContext.forR4()
    elsewhere = support.UnknownCodeSystemWarningValidationSupport(context)  # SNOMED CT and the NHS's own
    elsewhere.setNonExistentCodeSystemSeverity(fhir.context.support.IValidationSupport.IssueSeverity.WARNING)
    known = support.ValidationSupportChain(
        fhir.context.support.DefaultProfileValidationSupport(context),
        support.CommonCodeSystemsTerminologyService(context),
        support.InMemoryTerminologyServerValidationSupport(context),
        elsewhere,
    )
    module = jpype.JPackage("org").hl7.fhir.common.hapi.validation.validator.FhirInstanceValidator(
        support.CachingValidationSupport(known)
    )
    return context.newValidator().registerValidatorModule(module)


def _errors(validator: Any, resource: Any) -> list[str]:
    """Return what is amiss with a resource, and where."""
    found = validator.validateWithResult(json.dumps(resource)).getMessages()
    return [
        f"{one.getLocationString()}: {one.getMessage()}" for one in found if str(one.getSeverity()) in _ERRORS
    ]


if __name__ == "__main__":
    main()
