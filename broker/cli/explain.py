"""`cpis explain`: the chain of facts, rules and decisions behind an alert, or behind none."""

import asyncio
import json
from pathlib import Path

import click

from broker.adapters.memory_sealing import MemorySealer
from broker.cli.desk import at_desk, grounds_options, json_option, servers_option, visit_named
from broker.core.desk_errors import GroundsRefused
from broker.core.explanation import Answer
from broker.core.explanation_words import sentences
from broker.core.operators import Grounds
from broker.runtime.authorities_file import policy_with
from broker.runtime.parts import assemble
from broker.runtime.recorded import offline, play
from broker.runtime.settings import load_settings
from broker.services.explanations import AlertAsked, Asked, ItemAsked, explain_replayed
from broker.wire.readable import readable
from broker.wire.stream import read_stream

_File = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.command()
@click.option("--visit", help="A visit: PROVIDER/NUMBER, the codes of MSH-4 and PV1-19.")
@click.option("--system", help="With --visit: the sending system (MSH-3); with it finding is faster.")
@click.option("--alert", help="An alert, by its id.")
@click.option("--item", help="An open item of the worklist, by its id: what it is about.")
@click.option("--stream", type=_File, help="Explain a recorded stream (JSON Lines), without Kafka.")
@click.option("--policy-file", type=_File, help="With --stream: decide by this policy.")
@grounds_options
@json_option
@servers_option
def explain(  # noqa: PLR0913 - the options of a command are its arguments
    *,
    visit: str | None,
    system: str | None,
    alert: str | None,
    item: str | None,
    stream: Path | None,
    policy_file: Path | None,
    reason: str,
    by: str,
    bootstrap_servers: str | None,
    as_json: bool,
) -> None:
    """
    Say in plain English why a visit led to which alerts, or to none: facts, rules, decisions.

    It opens a person's record, so it needs --reason and --by: both are in the audit trail before a word is
    shown. It prints days, codes and organisations, no number and no name. With --stream nothing is noted.
    """
    asked = _asked(visit, system, alert, item)
    if stream is not None:
        if by or reason or bootstrap_servers:
            raise GroundsRefused("--by and --reason are for a cluster: with --stream nothing is noted")
        answer = _recorded(asked, stream, policy_file)
    elif policy_file is not None:
        raise click.UsageError("--policy-file goes with --stream: a cluster decides by the settings' policy")
    else:
        grounds = Grounds(by=by, reason=reason)
        answer = at_desk(bootstrap_servers, lambda desk: desk.explanations.explain(asked, grounds))
    said = sentences(answer)
    if as_json:
        told = {"kind": type(answer).__name__, **readable(answer), "text": list(said)}
        click.echo(json.dumps(told, ensure_ascii=False))
    else:
        click.echo("\n".join(said))


def _asked(visit: str | None, system: str | None, alert: str | None, item: str | None) -> Asked:
    """Return what is asked for, which is one thing."""
    if sum(one is not None for one in (visit, alert, item)) != 1:
        raise click.UsageError("Name a visit, an alert or an item, one of them.")
    if visit is not None:
        return visit_named(visit, system)
    if system is not None:
        raise click.UsageError("--system goes with --visit.")
    return AlertAsked(alert_id=alert) if alert is not None else ItemAsked(item_id=item or "")


def _recorded(asked: Asked, stream: Path, policy_file: Path | None) -> Answer:
    """Return the answer from a recorded stream."""
    parts = assemble(load_settings(), sealer=MemorySealer())
    policy = policy_with(policy_file, parts.authorities) if policy_file else parts.policy
    replay = offline(parts, policy=policy)
    with stream.open(encoding="utf-8") as lines:
        asyncio.run(play(replay, read_stream(lines)))
    return explain_replayed(replay, asked, policy, parts.key)
