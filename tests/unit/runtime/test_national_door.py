"""The door of the national event services as a deployment has it: the source has the time of its settings."""

import asyncio
from pathlib import Path

import pytest

from broker.adapters.memory import MemoryFactLog, MemoryKafka
from broker.adapters.memory_demographics import MemoryDemographics
from broker.adapters.memory_tail import MemoryInputTail
from broker.core.demographics import NumberAnswer
from broker.core.errors import DemographicsUnavailable
from broker.core.identifiers import NhsNumber
from broker.ports import Topic
from broker.runtime.asking import Source
from broker.runtime.metrics import Metrics
from broker.runtime.national_door import national_events
from broker.runtime.parts import assemble, present
from broker.runtime.settings import Settings
from tests.builders.national_events import cloud_event


class Hesitating(MemoryDemographics):
    """A source that answers after a few turns of the event loop."""

    async def get(self, number: NhsNumber) -> NumberAnswer:
        """Take some turns, then answer."""
        for _ in range(5):
            await asyncio.sleep(0)
        return await super().get(number)


def test_the_source_has_as_long_as_the_settings_give_it(tmp_path: Path) -> None:
    """And no time of our own: a slow source would be given up each time, and be left alone (ruling 38)."""
    settings, kafka = Settings(sealing_keys_dir=tmp_path), MemoryKafka()

    def take(seconds: float) -> None:
        """Take an event whose source may take so long."""
        notices = MemoryInputTail(kafka, Topic.IDENTITY)
        source = Source(demographics=Hesitating(), notices=notices, answer_seconds=seconds)
        events = national_events(
            settings,
            assemble(settings),
            MemoryFactLog(kafka),
            source=source,
            clock=present,
            metrics=Metrics(),
        )
        asyncio.run(events.take(cloud_event("pds-record-change-2", "9990000018")))

    take(3_600)
    with pytest.raises(DemographicsUnavailable):
        take(0)
