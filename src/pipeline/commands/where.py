"""``where``: the folders of a study's artifacts."""

import argparse
from pathlib import Path

from pipeline import paths
from pipeline.commands.common import Commands, load_plan
from pipeline.errors import PipelineError


def add(commands: Commands) -> None:
    """Declare the command."""
    parser = commands.add_parser("where", help="print the folders of a study's artifacts")
    parser.add_argument("study", type=Path, metavar="STUDY")
    parser.add_argument("place", nargs="?", default="", help="such as digits/resnet18/plain-0")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> None:
    """Print the folders, and which of them are not there."""
    plan = load_plan(arguments.study, arguments.artifacts)
    found = [
        folder
        for folder, spec in plan.nodes.items()
        if paths.place(spec).startswith(arguments.place)
    ]
    if not found:
        places = sorted({paths.place(spec) for spec in plan.nodes.values()})
        raise PipelineError(
            f"{arguments.place!r} is no place of the study; places: {', '.join(places)}"
        )
    for folder in found:
        there = (arguments.artifacts / folder / paths.MANIFEST).is_file()
        print(f"{arguments.artifacts / folder}{'' if there else '  (not there)'}")
