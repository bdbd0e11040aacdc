"""``published``: the paper's own tables and figures, drawn by the code that draws a study."""

import argparse
from pathlib import Path

from pipeline.commands.common import Commands


def add(commands: Commands) -> None:
    """Declare the command."""
    parser = commands.add_parser("published", help="draw the paper's own tables and figures")
    parser.add_argument("folder", type=Path, metavar="DIR")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> None:
    """Draw them into a folder."""
    # Drawing imports matplotlib, which the other commands start without.
    from pipeline.report.paper.page import write

    page, *_ = write(arguments.folder)
    print(f"the paper's tables and figures: {page}")
