"""``code``: which units of code were edited, and what an edit did."""

import argparse
from collections import Counter
from pathlib import Path

from pipeline.cache import code_identity
from pipeline.cache.graph import ancestors
from pipeline.commands.common import Commands, load_plan
from pipeline.errors import PipelineError


def add(commands: Commands) -> None:
    """Declare the command."""
    parser = commands.add_parser(
        "code",
        help="list edited units of code, or record what an edit did",
        description="Without options: list the units of code whose edit is not recorded, and how "
        "many artifacts of the study each would make anew.",
    )
    parser.add_argument("--same", nargs="+", metavar="UNIT", default=[], help="changed no result")
    parser.add_argument("--new", nargs="+", metavar="UNIT", default=[], help="changed results")
    parser.add_argument("--study", type=Path, default=Path("config.yaml"))
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> None:
    """Record the named units, or list the edited ones."""
    known = code_identity.units()
    for unit in (*arguments.same, *arguments.new):
        if unit not in known:
            raise PipelineError(f"unknown unit {unit!r}; known: {', '.join(known)}")
    for unit in arguments.same:
        print(f"{unit}: goes by {code_identity.record(unit, same=True)}, as before")
    for unit in arguments.new:
        print(f"{unit}: goes by {code_identity.record(unit, same=False)} from now on")
    if not (arguments.same or arguments.new):
        _list_edited(arguments)


def _list_edited(arguments: argparse.Namespace) -> None:
    edited = code_identity.edited()
    if not edited:
        print("every unit of code is recorded")
        return
    plan = load_plan(arguments.study, arguments.artifacts)
    # A check that is made anew is made only where something is trained.
    made = ancestors(each.score for each in plan.combinations)
    for unit in edited:
        remade = Counter(
            spec.stage
            for spec in made.values()
            if any(unit in each.units() for each in ancestors([spec]).values())
        )
        effect = ", ".join(f"{count} {stage}" for stage, count in remade.items()) or "nothing"
        print(f"{unit}: edited; the study {plan.study.study!r} makes anew: {effect}")
    print("record with --same UNIT (no result changed) or --new UNIT (results changed)")
