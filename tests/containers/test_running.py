"""A broker in its container beside a Kafka in another: health, visits from outside, alerts read outside."""

import asyncio
import json
import subprocess
import sys
from itertools import islice
from typing import Any

import pytest

from broker.core.identifiers import NhsNumber
from tests.builders.matcher import numbers
from tests.containers.conftest import OLD
from tests.containers.hospital import Hospital
from tests.containers.stack import GRACE_SECONDS, Broker, Stack, said_by
from tests.containers.traffic import AUTHORITY, plans, visit
from tests.fault.load import PROVIDERS
from tests.starting import environment
from tests.waiting import wait_until

pytestmark = [pytest.mark.docker, pytest.mark.timeout(1200)]  # the first run builds the images

_HEALTH_SECONDS = 180.0
_TOLD_SECONDS = 120.0


def listened(stack: Stack, *recipient: str) -> list[dict[str, Any]]:
    """Return what `cpis listen` shows to a recipient outside the containers."""
    command = [sys.executable, "-m", "broker", "listen", *recipient, "--from-beginning", "--once", "--json"]
    settings = environment(CPIS_KAFKA_BOOTSTRAP_SERVERS=stack.cluster.bootstrap_servers)
    ended = subprocess.run(command, env=settings, capture_output=True, text=True, check=True)
    return [json.loads(line) for line in ended.stdout.splitlines()]


def told_of(stack: Stack, child: NhsNumber, *recipient: str) -> list[dict[str, Any]]:
    """Wait until a recipient has been told of a child; return the events."""
    told: list[dict[str, Any]] = []

    def is_told() -> bool:
        """Look once more."""
        told[:] = [event for event in listened(stack, *recipient) if child.digits in json.dumps(event)]
        return bool(told)

    wait_until(is_told, _TOLD_SECONDS, "the alert")
    return told


def test_visits_from_outside_become_alerts_outside(stack: Stack, broker: Broker) -> None:
    """The hospital is answered AA; authority and provider read of the child with a plan, and of no other."""
    child, other = islice(numbers(), 2)
    provider = str(PROVIDERS[0])
    hospital = Hospital(stack.mllp_port)
    stack.drop(broker, "plans.xml", plans([child], "F-1"))

    messages = [visit(name, number, provider=provider) for name, number in (("M1", child), ("M2", other))]
    asyncio.run(asyncio.wait_for(hospital.send_all(messages, every_s=0.0), _TOLD_SECONDS))

    assert (["M1", "M2"], 2) == (hospital.accepted, hospital.answers["AA"])
    for recipient in (("--authority", AUTHORITY), ("--provider", provider)):
        [told] = told_of(stack, child, *recipient)
        assert "raised" == told["event"]["kind"]
        assert [] == [event for event in listened(stack, *recipient) if other.digits in json.dumps(event)]


def test_its_log_is_json_without_a_person(stack: Stack, broker: Broker) -> None:
    """Each line is one object; no number that was sent stands in it."""
    [person] = islice(numbers(), 7, 8)
    message = visit("M3", person, provider=str(PROVIDERS[0]))
    asyncio.run(Hospital(stack.mllp_port).send_all([message], every_s=0.0))
    stack.drop(broker, "plan.xml", plans([person], "F-2"))

    said = said_by(broker.container)

    events = [json.loads(line)["event"] for line in said.splitlines() if line.strip()]
    assert "ready" in events
    assert person.digits not in said


def test_it_is_healthy_and_stays_so_while_kafka_is_away(stack: Stack, broker: Broker) -> None:
    """A restart would not bring Kafka back: that is for `/readyz` to say."""
    wait_until(lambda: broker.health == "healthy", _HEALTH_SECONDS, "healthy")

    kafka = stack.kafka.get_wrapped_container()
    kafka.pause()
    try:
        wait_until(lambda: broker.answers("/readyz", 503), _HEALTH_SECONDS, "not ready")
        alive = broker.answers("/livez", 200)
    finally:
        kafka.unpause()

    assert (True, "healthy") == (alive, broker.health)
    broker.wait_until_ready()


def test_one_that_hangs_is_unhealthy(broker: Broker) -> None:
    """The engine says so once the process does not turn any more, and healthy again when it does."""
    wait_until(lambda: broker.health == "healthy", _HEALTH_SECONDS, "healthy")
    wrapped = broker.container.get_wrapped_container()

    wrapped.kill("SIGSTOP")
    wait_until(lambda: broker.health == "unhealthy", _HEALTH_SECONDS, "unhealthy")
    wrapped.kill("SIGCONT")

    wait_until(lambda: broker.health == "healthy", _HEALTH_SECONDS, "healthy again")


def test_it_ends_in_good_order_when_it_is_told_to(broker: Broker) -> None:
    """With 0, within the time that the composition grants."""
    code, seconds = broker.stop()

    assert 0 == code
    assert seconds < GRACE_SECONDS


def test_the_command_is_there_for_operators(broker: Broker) -> None:
    """`docker exec` reaches the same program with the same settings."""
    assert (0, True) == ((ran := broker.run("cpis", "--version"))[0], OLD in ran[1])
    assert 0 == broker.run("cpis", "topics", "list")[0]
