"""The alerting rules name metrics, labels and values that exist, and runbooks that are there."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from broker.runtime.metric import Kind, Metric
from broker.runtime.metrics import METRICS

REPOSITORY = Path(__file__).resolve().parents[2]
RULES_FILE = REPOSITORY / "deploy" / "prometheus" / "alerts.yaml"

_SELECTOR = re.compile(r"(cpis_[a-z_]+|up)(?:\{([^}]*)\})?")
_MATCHER = re.compile(r'([a-z_]+)(=~|=)"([^"]*)"')
_PAIRS = {")": "(", "]": "[", "}": "{"}
_SERIES = {Kind.HISTOGRAM: ("_bucket", "_sum", "_count")}


def rules() -> Iterator[dict[str, Any]]:
    """Yield every rule."""
    for group in yaml.safe_load(RULES_FILE.read_text("utf-8"))["groups"]:
        yield from group["rules"]


RULES = tuple(rules())
BY_SERIES: dict[str, Metric] = {
    metric.name + suffix: metric for metric in METRICS for suffix in _SERIES.get(metric.kind, ("",))
}


def named(rule: dict[str, Any]) -> str:
    """Name a case."""
    return str(rule["alert"])


def balanced(expression: str) -> bool:
    """Return whether every bracket outside of texts is closed by its like."""
    stack: list[str] = []
    for sign in re.sub(r'"[^"]*"', "", expression):
        if sign in "([{":
            stack.append(sign)
        elif sign in _PAIRS and (not stack or stack.pop() != _PAIRS[sign]):
            return False
    return not stack


@pytest.mark.parametrize("rule", RULES, ids=named)
def test_a_rule_asks_for_what_there_is(rule: dict[str, Any]) -> None:
    """Every series of ours exists, with these labels, and each value asked for is one that it may have."""
    found = _SELECTOR.findall(rule["expr"])

    assert found
    for series, matchers in found:
        if series == "up":
            continue
        metric = BY_SERIES[series]
        for label, operator, value in _MATCHER.findall(matchers):
            allowed = metric.labels[label]
            if operator == "=":
                assert value in allowed
            else:
                assert any(re.fullmatch(value, word) for word in allowed)
                for part in value.split("|"):
                    assert any(re.fullmatch(part, word) for word in allowed)


@pytest.mark.parametrize("rule", RULES, ids=named)
def test_a_rule_is_whole(rule: dict[str, Any]) -> None:
    """It compares, its brackets close, its period is one, and somebody knows how urgent it is."""
    assert balanced(rule["expr"])
    assert re.search(r" (==|>|<) [0-9.]+$", rule["expr"])
    assert re.fullmatch(r"[0-9]+[smh]", rule.get("for", "0s"))
    assert rule["labels"]["severity"] in {"page", "ticket"}
    assert rule["annotations"]["summary"].endswith(".")


@pytest.mark.parametrize("rule", RULES, ids=named)
def test_a_rule_leads_to_a_page(rule: dict[str, Any]) -> None:
    """Whoever is woken finds what to do."""
    assert (REPOSITORY / rule["annotations"]["runbook"]).is_file()


def test_every_name_is_used_once() -> None:
    """No two rules have one name."""
    assert len(RULES) == len({rule["alert"] for rule in RULES})


@pytest.mark.parametrize("expression", ["sum(x > 1", "x) > 1", "rate(x[5m)]) > 1", "x{a=1) > 1"])
def test_brackets_that_do_not_close_are_found(expression: str) -> None:
    """The check above can fail."""
    assert not balanced(expression)
