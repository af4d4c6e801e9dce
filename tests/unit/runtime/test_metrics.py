"""Metrics: declared once, named as Prometheus has it, and with labels from closed sets alone."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broker.runtime.metric import OTHER, Kind, Metric
from broker.runtime.metrics import METRICS, PARTITIONS, Metrics
from tests.scrape import samples

_UNITS = (
    *("_seconds", "_total", "_records", "_items", "_open", "_ratio"),
    *("_state", "_ready", "_away", "_silent", "_stale"),
)
_LABEL_VALUES_MAX = 64  # of what is no number of a partition
_NUMBER = re.compile(r"\d{6,}")
STATE = "working"
LABELLED = [metric for metric in METRICS if metric.labels]


def each(metric: Metric) -> str:
    """Name a case."""
    return metric.name


@pytest.mark.parametrize("metric", METRICS, ids=each)
def test_a_metric_is_named_as_prometheus_has_it(metric: Metric) -> None:
    """Ours begin with `cpis_` and end with the unit; a counter, and nothing else, ends in `_total`."""
    assert re.fullmatch(r"cpis_[a-z_]+", metric.name)
    assert metric.name.endswith(_UNITS)
    assert (metric.kind is Kind.COUNTER) == metric.name.endswith("_total")
    assert (metric.kind is Kind.HISTOGRAM) == bool(metric.buckets)
    assert sorted(metric.buckets) == list(metric.buckets)
    assert metric.help.endswith(".")


def test_a_name_is_used_once() -> None:
    """No two metrics have one name."""
    assert len(METRICS) == len({metric.name for metric in METRICS})


@pytest.mark.parametrize("metric", LABELLED, ids=each)
def test_a_label_has_few_values_and_none_could_be_a_person(metric: Metric) -> None:
    """Every label is a closed set of words and codes, or the number of a partition."""
    for values in metric.labels.values():
        words = values - PARTITIONS
        assert len(words) <= _LABEL_VALUES_MAX
        assert not any(_NUMBER.search(word) for word in words)


@given(metric=st.sampled_from(LABELLED), texts=st.lists(st.text(), min_size=2, max_size=2))
def test_whatever_is_counted_only_declared_values_are_shown(metric: Metric, texts: list[str]) -> None:
    """A value that is not of its set stands as `other` where there is one, so nothing else is ever shown."""
    metrics = Metrics()
    closed = {name: values for name, values in metric.labels.items() if OTHER in values}
    labels = {
        name: text if name in closed else next(iter(sorted(metric.labels[name])))
        for (name, text) in zip(metric.labels, texts, strict=False)
    }

    if metric.kind is Kind.COUNTER:
        metrics.add(metric, 1, **labels)
    elif metric.kind is Kind.GAUGE:
        metrics.set(metric, 1.0, **labels)
    else:
        metrics.observe(metric, 1.0, **labels)

    shown = [name for name in samples(metrics.text()) if name.startswith(metric.name + "{")]
    for series in shown:
        for pair in series[len(metric.name) + 1 : -1].split(","):
            name, _, value = pair.partition("=")
            assert name == "le" or value in metric.labels[name]


def test_a_label_outside_its_set_is_other() -> None:
    """A number of ten digits never becomes a label."""
    metrics = Metrics()
    [metric] = [metric for metric in METRICS if metric.name == "cpis_rejected_total"]

    metrics.add(metric, door="mllp", code="9990000018")

    assert 1.0 == metrics.value(metric, door="mllp", code=OTHER)
    assert b"9990000018" not in metrics.text()


def test_a_series_that_was_cleared_is_shown_once_it_is_set_again() -> None:
    """What is set later is seen, and what is not is gone."""
    metrics = Metrics()
    [gauge] = [metric for metric in METRICS if metric.name == "cpis_partition_state"]

    def shown() -> list[float | None]:
        """Return what two series show."""
        return [metrics.value(gauge, partition=partition, state=STATE) for partition in ("0", "1")]

    for partition in ("0", "1"):
        metrics.set(gauge, 2, partition=partition, state=STATE)
    metrics.clear(gauge)
    metrics.set(gauge, 3, partition="1", state=STATE)

    assert [None, 3.0] == shown()


def test_a_value_that_the_settings_name_later_is_counted_from_then_on() -> None:
    """Until then it is another, whatever was counted before."""
    metrics = Metrics()
    [metric] = [metric for metric in METRICS if metric.name == "cpis_provider_refused_total"]

    for _ in range(2):
        metrics.add(metric, provider="RXX")
        metrics.name("provider", ["RXX"])

    assert [1.0, 1.0] == [metrics.value(metric, provider=provider) for provider in (OTHER, "RXX")]


def test_a_counter_is_there_before_anything_is_counted() -> None:
    """A rule about silence needs a series that stands still."""
    assert 0.0 == samples(Metrics().text())["cpis_messages_total{answer=AA}"]


def test_the_page_has_nothing_but_ours() -> None:
    """The registry is our own: no times of creation, nothing of the library's."""
    names = set(samples(Metrics().text()))

    assert names
    assert all(name.startswith("cpis_") for name in names)
    assert not any("_created" in name for name in names)
