"""
The commands that ask before anything is done: ``plan``, ``explain``, ``simulate``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs

from databricks_forwarder._cli_opening import MAX_PAYLOAD_BYTES, open_shadow
from databricks_forwarder._cli_reading import found_in
from databricks_forwarder._cli_sources import require_readable
from databricks_forwarder._door import admit
from databricks_forwarder.errors import ConfigurationError, PayloadError
from databricks_forwarder.model import EventKey

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

    from databricks_forwarder._cli_output import Output
    from databricks_forwarder._cli_sources import Found
    from databricks_forwarder.answers import Outcome, Reason
    from databricks_forwarder.plans import Plan, PlannedTable

__all__ = ["explain", "plan", "simulate"]

_IS = {True: "there", False: "new", None: "not looked at"}


def plan(arguments: argparse.Namespace, output: Output) -> int:
    """
    Tell what would happen to the batches of the sources; touch nothing.
    """
    require_readable(arguments.files)
    if arguments.look and not arguments.databricks:
        msg = "--look goes with --databricks; what a lake has is always looked at"
        raise ConfigurationError(msg)
    problems: list[str] = []
    admitted = _admitted(arguments.files, problems, output)
    with open_shadow(arguments) as forwarder:
        documents = (each.document for each in admitted)
        planned = forwarder.plan(documents, look=arguments.look)
    problems += [
        f"{admitted[index].place} would be dead: {reason}"
        for index, reason in planned.dead.items()
    ]
    problems += [
        f"table {table.table} can't be loaded as it is: {table.problem}"
        for table in planned.tables
        if table.problem is not None
    ]
    _tell_plan(planned, arguments, output)
    output.complete({**_plan_as_json(planned), "problems": problems})
    output.complain(*problems)
    return 1 if problems else 0


def explain(arguments: argparse.Namespace, output: Output) -> int:
    """
    Tell where messages of one key would go, and why.
    """
    key = EventKey(
        arguments.event_type,
        event_name=arguments.event_name,
        custom_event_type=arguments.custom_event_type,
        feed=arguments.feed,
        environment=arguments.environment,
    )
    with open_shadow(arguments) as forwarder:
        reason = forwarder.explain(key, messages=arguments.messages)
    output.tell(str(reason))
    output.complete(_reason_as_json(reason))
    return 0


def simulate(arguments: argparse.Namespace, output: Output) -> int:
    """
    Tell what other thresholds would have done.
    """
    with open_shadow(arguments) as forwarder:
        simulation = forwarder.simulate(arguments.thresholds)
    output.tell(str(simulation))
    output.complete(
        {
            "first_day": simulation.first_day,
            "last_day": simulation.last_day,
            "is_sticky": simulation.is_sticky,
            "messages": simulation.message_count,
            "kinds": simulation.kind_count,
            "today": _outcome_as_json(simulation.today),
            "outcomes": [_outcome_as_json(each) for each in simulation.outcomes],
        }
    )
    return 0


def _admitted(
    names: Sequence[str], problems: list[str], output: Output
) -> Sequence[Found]:
    """
    Read the sources; what the door would refuse is a problem, and left out.
    """
    admitted: list[Found] = []
    for each in found_in(names, problems, output):
        try:
            admit(each.document, MAX_PAYLOAD_BYTES)
        except PayloadError as error:  # noqa: PERF203 (each payload is refused alone)
            problems.append(f"{each.place} would be refused: {error}")
        else:
            admitted.append(each)
    return admitted


def _tell_plan(planned: Plan, arguments: argparse.Namespace, output: Output) -> None:
    output.tabulate(
        ("table", "event type", "messages", "files", "bytes", "is", "why"),
        [
            (
                each.table,
                each.event_type or "any",
                each.message_count,
                len(each.files),
                each.size_bytes,
                _IS[each.is_there],
                ", ".join(sorted({reason.rule for reason in each.reasons.values()})),
            )
            for each in planned.tables
        ],
    )
    output.tell(f"{len(planned.loads)} loads")
    output.tell(f"{planned.dropped} messages would be dropped by rule")
    output.tell(f"{planned.rescued_row_count} rows would have _rescued_data")
    if arguments.why:
        for reason in _reasons(planned):
            output.tell(f"\n{reason}")
    if arguments.sql:
        for statement in planned.statements:
            output.tell(f"\n{statement};")


def _reasons(planned: Plan) -> Sequence[Reason]:
    return [each for table in planned.tables for each in table.reasons.values()]


def _plan_as_json(planned: Plan) -> dict[str, Any]:
    return {
        "tables": [_table_as_json(each) for each in planned.tables],
        "loads": [attrs.asdict(load) for load in planned.loads],
        "dropped": planned.dropped,
        "rescued_rows": planned.rescued_row_count,
    }


def _table_as_json(table: PlannedTable) -> dict[str, Any]:
    return {
        "table": table.table,
        "event_type": table.event_type,
        "messages": table.message_count,
        "files": [attrs.asdict(file) for file in table.files],
        "is_there": table.is_there,
        "preparing": list(table.preparing),
        "loading": list(table.loading),
        "reasons": [_reason_as_json(each) for each in table.reasons.values()],
        "problem": table.problem,
    }


def _reason_as_json(reason: Reason) -> dict[str, Any]:
    window = reason.window
    counted = None if window is None else attrs.asdict(window)
    if counted is not None and window is not None:
        counted["missing"] = window.missing
    return {
        "key": attrs.asdict(reason.key),
        "table": reason.table and reason.table.name,
        "rule": reason.rule,
        "router": reason.router,
        "window": counted,
        "is_sticky": reason.is_sticky,
        "setting": reason.setting,
        "was_named": reason.was_named,
        "naming": reason.naming,
        "text": str(reason),
    }


def _outcome_as_json(outcome: Outcome) -> dict[str, Any]:
    return {
        "threshold": outcome.threshold,
        "tables": [attrs.asdict(each) for each in outcome.tables],
        "gained": list(outcome.gained),
        "lost": list(outcome.lost),
        "common_messages": outcome.common_message_count,
    }
