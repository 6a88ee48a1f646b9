"""
The options that several commands have.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import argparse

__all__ = [
    "add_counts",
    "add_destination",
    "add_lake",
    "add_places",
    "add_routing",
    "add_schema_name",
    "add_spool",
]


def add_destination(command: argparse.ArgumentParser, *, required: bool = True) -> None:
    """
    Where the tables are: a lake, or a workspace and how it is reached.
    """
    destination = command.add_mutually_exclusive_group(required=required)
    destination.add_argument("--lake", metavar="DIR", help="folder of the tables")
    destination.add_argument(
        "--databricks",
        action="store_true",
        help="a workspace, as the variables DATABRICKS_FORWARDER_… say",
    )
    command.add_argument(
        "--endpoint",
        metavar="HOST:PORT",
        help="where the workspace is reached, if not at its own host",
    )
    command.add_argument(
        "--ca-file", metavar="FILE", help="certification authorities to trust, as PEM"
    )
    command.add_argument(
        "--proxy", metavar="URL", help="HTTP proxy on the way to the workspace"
    )


def add_places(command: argparse.ArgumentParser) -> None:
    """
    A lake, and a spool.
    """
    add_lake(command)
    add_spool(command)


def add_lake(command: argparse.ArgumentParser) -> None:
    """
    A lake.
    """
    command.add_argument("--lake", metavar="DIR", help="folder of the tables")


def add_spool(command: argparse.ArgumentParser) -> None:
    """
    A spool.
    """
    command.add_argument(
        "--spool",
        metavar="FILE",
        help="file of the upload queue; of a lake by default DIR/_forwarder/spool.db",
    )


def add_routing(command: argparse.ArgumentParser) -> None:
    """
    What decides on the tables.
    """
    command.add_argument(
        "--events-threshold",
        type=int,
        metavar="N",
        help="messages in 30 days that give a kind of event a table (default 10000)",
    )
    add_schema_name(command)
    command.add_argument(
        "--table-name", metavar="T", help="table for all partner feeds"
    )
    command.add_argument(
        "--split-feeds",
        action="store_true",
        help="one table for each event name of a partner feed",
    )
    command.add_argument(
        "--drop-batches-without-events",
        action="store_true",
        help="don't forward a batch without events",
    )


def add_counts(command: argparse.ArgumentParser) -> None:
    """
    Where counts and names are kept.
    """
    command.add_argument(
        "--counts",
        choices=("shared", "local"),
        metavar="WHERE",
        help="where counts and names are kept: shared, as of a workspace by default, "
        "or local, as of a lake",
    )


def add_schema_name(command: argparse.ArgumentParser) -> None:
    """
    What a lake's common table is named after.
    """
    command.add_argument(
        "--schema-name",
        metavar="S",
        help="names a lake's common table, S_otherevents (default mparticle)",
    )
