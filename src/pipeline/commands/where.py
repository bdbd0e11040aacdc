"""``where``: the folders of a study's artifacts, or of one place's and all that it is made from."""

import argparse
from pathlib import Path

from pipeline.cache import paths
from pipeline.cache.graph import ancestors
from pipeline.commands.common import Commands, load_plan, relative
from pipeline.errors import PipelineError


def add(commands: Commands) -> None:
    """Declare the command."""
    parser = commands.add_parser(
        "where",
        help="print the folders of a study's artifacts",
        usage="%(prog)s [-h] [STUDY] [PLACE]",
        description="Of a place such as digits/resnet18/ensemble/l1-0.4: its artifacts last, after "
        "all that they are made from. Of the beginning of a place: what is there. The study is "
        "config.yaml unless one is given.",
    )
    parser.add_argument("words", nargs="*", metavar="STUDY PLACE")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> None:
    """Print the folders, and which of them are not there."""
    study, place = _study_and_place(arguments.words)
    plan = load_plan(study, arguments.artifacts)
    place = relative(arguments.artifacts, place)
    exact = [spec for spec in plan.nodes.values() if spec.place == place]
    found = exact or [spec for spec in plan.nodes.values() if spec.place.startswith(place)]
    if not found:
        places = sorted({spec.place for spec in plan.nodes.values()})
        raise PipelineError(f"{place!r} is no place of the study; places: {', '.join(places)}")
    for spec in ancestors(exact).values() if exact else found:
        there = "" if plan.is_there(spec) else "  (not there)"
        print(f"{arguments.artifacts / paths.folder(spec)}{there}")


def _study_and_place(words: list[str]) -> tuple[Path, str]:
    """What each word is: a study is a file, a place is none."""
    match words:
        case []:
            return Path("config.yaml"), ""
        case [word] if word.endswith((".yaml", ".yml")) or Path(word).is_file():
            return Path(word), ""
        case [word]:
            return Path("config.yaml"), word
        case [study, place]:
            return Path(study), place
    raise PipelineError(f"where: one study and one place, not {' '.join(words)}")
