"""
Kill intake and matcher at step 1, 2, … n, start them again: nothing may be missing and nothing double.

Run alone as `python -m tests.fault.crash_points`: every suspension of every task, on a genuine Kafka. What a
step is, and how a process dies there, is told in `tests.fault.dying`.
"""

import argparse
import asyncio
import multiprocessing
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from broker.runtime.logs import configure_logs
from tests.builders.declared_kafka import declared_kafka
from tests.fault import crash_doors, crash_intake, crash_matcher
from tests.fault.checker import check
from tests.fault.dying import Breadth, Death, Life, functions_of
from tests.fault.fleet import Fleet, send
from tests.fault.kills import wait_until_caught_up
from tests.fault.load import Load

LANES = 3  # points at a time: much of each is waiting
_WAKING, _FREE, _FIRST = range(3)  # numbers: the one that wakes the cluster up, the crash-free one, point 1
_IMPORTED = ["tests.fault.crash_doors", "tests.fault.crash_releases"]  # by lanes before they are forked
_PARTITIONS = {Breadth.OWN: 180, Breadth.ALL: 480}  # for each step: a third more than were ever needed
FOR_EACH_PLACE = 110
"""Partitions for a point at each place of the matcher's steps."""

Play = Callable[[int, Death], Sequence[Life]]
"""Plays a number, which has its own people and place, to its end; returns the lives that death could meet."""


@dataclass(frozen=True, slots=True)
class Enumerated:
    """What was played: the crash-free lives, then the lives of each point, of which death met some."""

    free: Sequence[Life]
    points: Sequence[Sequence[Life]]

    @property
    def numbers(self) -> range:
        """The numbers that were played."""
        return range(_FIRST + len(self.points))

    @property
    def deaths(self) -> int:
        """How many processes were killed."""
        return sum(life.died for lives in self.points for life in lives)

    def places(self) -> set[str]:
        """Return where processes were killed."""
        return {life.steps[-1] for lives in self.points for life in lives if life.died}

    def functions(self) -> set[str]:
        """Return the functions in which processes were killed."""
        return {function for place in self.places() for function in functions_of(place)}


Choose = Callable[[Sequence[Life]], Sequence[int]]
"""Picks, of the steps of the crash-free lives, those at which a process dies."""


def each_step(free: Sequence[Life]) -> Sequence[int]:
    """Return every step."""
    return range(1, max(len(life.steps) for life in free) + 1)


def each_place(free: Sequence[Life]) -> Sequence[int]:
    """Return the steps at which a life meets a place for the first time or for the last."""
    steps: set[int] = set()
    for life in free:
        last = {place: step for step, place in enumerate(life.steps, start=1)}
        first = {place: len(life.steps) - back for back, place in enumerate(reversed(life.steps))}
        steps.update(last.values(), first.values())
    return sorted(steps)


def play_points(
    play: Play, death: Death, *, choose: Choose = each_step, functions: bool = True
) -> Enumerated:
    """
    Play without a death, then with one at each step of the crash-free lives that is chosen.

    With all of them it goes on until no process gets that far. Chance orders the steps of tasks that run side
    by side, and may keep every death out of a function; so with `functions` one is played within each that
    was met at such a step and had none.
    """
    forked = multiprocessing.get_context("forkserver")  # from a process of one thread
    forked.set_forkserver_preload(_IMPORTED)
    with ProcessPoolExecutor(
        LANES, mp_context=forked, initializer=configure_logs, initargs=("error",)
    ) as lanes:
        lanes.submit(play, _WAKING, Death()).result()
        free = lanes.submit(play, _FREE, replace(death, last=None)).result()
        points: list[Sequence[Life]] = []

        def play_more(deaths: Sequence[Death]) -> bool:
            numbers = range(_FIRST + len(points), _FIRST + len(points) + len(deaths))
            played = list(lanes.map(play, numbers, deaths))
            points.extend(played)
            return any(life.died for lives in played for life in lives)

        def at(steps: Sequence[int]) -> list[Death]:
            return [replace(death, last=step) for step in steps]

        enumerated = Enumerated(free, points)
        chosen = choose(free)
        more = play_more(at(chosen))
        while more and choose is each_step:  # chance makes some lives a few steps longer
            more = play_more(at(range(len(points) + 1, len(points) + 1 + 2 * LANES)))
        if functions:
            places = {life.steps[step - 1] for life in free for step in chosen if step <= len(life.steps)}
            met = {function for place in places for function in functions_of(place)}
            play_more([replace(death, within=function) for function in sorted(met - enumerated.functions())])
    return enumerated


def matcher_points(
    site: crash_matcher.Site, death: Death, choose: Choose = each_step
) -> tuple[Enumerated, dict[str, int]]:
    """Play the points of the matcher and check what was told; return them and the checker's counts."""
    played = play_points(partial(crash_matcher.play, site), death, choose=choose)
    return played, check_matchers(site, played)


def check_matchers(site: crash_matcher.Site, played: Enumerated) -> dict[str, int]:
    """Check what the matchers of these points told; return the checker's counts."""
    load = crash_matcher.load(played.numbers)
    return asyncio.run(check(site.cluster, load, crash_matcher.codecs_of(site)))


def intake_points(
    site: crash_intake.Site, death: Death, choose: Choose = each_step
) -> tuple[list[Enumerated], dict[str, int]]:
    """
    Play the points of intake, at both doors, and check what is durable and what is told because of it.

    Return the points of the messages, those of the file, and the checker's counts.
    """
    played = [
        play_points(partial(play, site), death, choose=choose)
        for play in (crash_intake.play_messages, crash_intake.play_upload)
    ]
    messages, files = (door.numbers for door in played)
    expected = crash_intake.crash_free(site, messages=messages, files=files)
    asyncio.run(crash_intake.check_durable(site, expected))
    with Fleet(site.cluster, site.directory) as fleet:
        load = Load(crash_intake.counterparts(messages, files), expected.facts)
        return played, asyncio.run(_told(fleet, load, expected.items))


def door_points(
    site: crash_intake.Site, death: Death, *, topic_steps: Choose
) -> tuple[list[Enumerated], dict[str, int]]:
    """
    Play the points of intake at the FHIR door and at providers' topics, and check as `intake_points` does.

    `topic_steps` picks those of the latter: whoever dies keeps a topic for as long as its session lasts.
    """
    fhir = play_points(partial(crash_doors.play_fhir, site), death, choose=each_place)
    topic = play_points(partial(crash_doors.play_topic, site), death, choose=topic_steps)
    expected = crash_doors.crash_free(site, fhir=fhir.numbers, topic=topic.numbers)
    asyncio.run(crash_intake.check_durable(site, expected))
    with Fleet(site.cluster, site.directory) as fleet:
        load = Load(crash_doors.counterparts(fhir.numbers, topic.numbers), expected.facts)
        return [fhir, topic], asyncio.run(_told(fleet, load, expected.items))


async def _told(fleet: Fleet, load: Load, items: frozenset[bytes]) -> dict[str, int]:
    """Let a matcher take everything and check what it tells; return the checker's counts."""
    await send(fleet.cluster, fleet.codecs(), load.first)
    fleet.start()
    await wait_until_caught_up(fleet)
    return await check(fleet.cluster, load, fleet.codecs(), items=items)


def main() -> None:
    """Run all of it by itself and print what was found."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--breadth", type=Breadth, choices=list(Breadth), default=Breadth.ALL)
    death = Death(breadth=parser.parse_args().breadth)
    configure_logs("error")  # the figures are to be seen, and not what the twin of intake tells
    for role, play in (("matcher", _matcher), ("intake", _intake)):
        began = time.monotonic()
        with tempfile.TemporaryDirectory() as directory:
            doors, counts = play(Path(directory), death)
        for name, played in doors.items():
            steps = " and ".join(str(len(life.steps)) for life in played.free)
            sys.stdout.write(
                f"{role}, {name}: {steps} steps without a crash; {len(played.points)} points, "
                f"{played.deaths} deaths at {len(played.places())} places\n"
            )
        told = ", ".join(f"{number} {what}" for what, number in counts.items())
        took = time.monotonic() - began
        sys.stdout.write(f"{role}: {told}; nothing missing, nothing double; {took:.0f} s\n")
        sys.stdout.flush()


def _matcher(directory: Path, death: Death) -> tuple[dict[str, Enumerated], dict[str, int]]:
    """Play the matcher on a Kafka of its own."""
    with declared_kafka(partitions=_PARTITIONS[death.breadth]) as kafka:
        site = crash_matcher.Site(servers=kafka.cluster.bootstrap_servers, directory=directory)
        played, counts = matcher_points(site, death)
    return {"first start and restart": played}, counts


def _intake(directory: Path, death: Death) -> tuple[dict[str, Enumerated], dict[str, int]]:
    """Play intake on a Kafka of its own."""
    with declared_kafka() as kafka:
        site = crash_intake.Site(servers=kafka.cluster.bootstrap_servers, directory=directory)
        doors, counts = intake_points(site, death)
    return dict(zip(("messages", "upload file"), doors, strict=True)), counts


if __name__ == "__main__":
    main()
