"""
A sender that is not ours: HAPI HL7v2 reads messages, sends them over MLLP and parses each answer strictly.

Run as `python -m tests.java.hapi_client HOST PORT` in a process of its own, since a Java machine never leaves
the one that it is in. Takes a JSON list of messages, prints a JSON list of what it was answered.
"""

import json
import sys
from pathlib import Path
from typing import Any

import jpype

from broker.adapters.embedded_kafka.installation import install

LOCK = Path(__file__).with_name("hapi-hl7v2.lock")
_TIMEOUT_MS = 20_000
_FIELDS = {
    "code": "/MSA-1",
    "control_id": "/MSA-2",
    "version": "/MSH-12",
    "kind": "/MSH-9-1",
    "event": "/MSH-9-2",
    "segment": "/ERR-1-1",
    "field": "/ERR-1-3",
    "error": "/ERR-1-4-1",
}
"""What is told of an answer, and where HAPI finds it."""


def main(host: str, port: int) -> None:
    """Send what is on the standard input."""
    installation = install(LOCK.read_text("utf-8"))
    machine = installation.java.parents[1] / "lib" / "server" / "libjvm.so"
    jpype.startJVM(
        str(machine), "--enable-native-access=ALL-UNNAMED", classpath=installation.jars, convertStrings=True
    )
    sent = json.load(sys.stdin)
    json.dump(_converse(host, port, sent), sys.stdout)
    sys.stdout.flush()
    jpype.shutdownJVM()


def _converse(host: str, port: int, sent: list[str]) -> list[dict[str, Any]]:
    """Send one message after the other on one connection; return what is told of each answer."""
    hapi = jpype.JPackage("ca").uhn.hl7v2
    rules = hapi.validation.impl.ValidationContextFactory
    context = hapi.DefaultHapiContext(rules.noValidation())  # by default every telephone is an American one
    context.setLowerLayerProtocol(hapi.llp.MinLowerLayerProtocol(True))  # in the character set of MSH-18
    strict = hapi.DefaultHapiContext(rules.defaultValidation())
    strict.getParserConfiguration().setUnexpectedSegmentBehaviour(
        hapi.parser.UnexpectedSegmentBehaviourEnum.THROW_HL7_EXCEPTION
    )
    connection = context.newClient(host, port, False)
    try:
        initiator = connection.getInitiator()
        initiator.setTimeout(_TIMEOUT_MS, jpype.JClass("java.util.concurrent.TimeUnit").MILLISECONDS)
        answers = []
        for text in sent:
            said = initiator.sendAndReceive(context.getPipeParser().parse(text))
            answers.append(_told(hapi, strict, said))
        return answers
    finally:
        connection.close()
        context.close()
        strict.close()


def _told(hapi: Any, strict: Any, said: Any) -> dict[str, Any]:
    """Parse an answer once more, strictly; return its structure and fields."""
    answer = strict.getPipeParser().parse(said.encode())
    terser = hapi.util.Terser(answer)
    fields = {}
    for name, place in _FIELDS.items():
        fields[name] = terser.get(place)
    return {"structure": str(answer.getClass().getName()), **fields}


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
