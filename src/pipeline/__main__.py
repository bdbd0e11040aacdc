"""Small helpers around the workflow: ``python -m pipeline --help``."""

import argparse
import shutil
import sys
from collections import Counter
from pathlib import Path

import yaml

from pipeline import artifacts, code_identity, paths, specs
from pipeline.errors import PipelineError
from pipeline.plan import Plan, reads


def main() -> None:
    """Run one of the helpers; a PipelineError ends it in one line."""
    arguments = _parser().parse_args()
    try:
        arguments.run(arguments)
    except PipelineError as error:
        sys.exit(str(error))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m pipeline", description=__doc__)
    parser.add_argument("--artifacts", type=Path, default=Path("artifacts"))
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    code = commands.add_parser(
        "code",
        help="list edited units of code, or record what an edit did",
        description="Without options: list the units of code whose edit is not recorded, and how "
        "many artifacts of the study each would make anew.",
    )
    code.add_argument("--same", nargs="+", metavar="UNIT", default=[], help="changed no result")
    code.add_argument("--new", nargs="+", metavar="UNIT", default=[], help="changed results")
    code.add_argument("--study", type=Path, default=Path("config.yaml"))
    code.set_defaults(run=_code)

    where = commands.add_parser("where", help="print the folders of a study's artifacts")
    where.add_argument("study", type=Path, metavar="STUDY")
    where.add_argument("place", nargs="?", default="", help="such as digits/resnet18/plain-0")
    where.set_defaults(run=_where)

    forget = commands.add_parser(
        "forget",
        help="delete artifacts and all that was made from them, so that they are made again",
    )
    forget.add_argument("places", nargs="+", metavar="PLACE", help="a place, or one folder of it")
    forget.add_argument("--dry-run", action="store_true", help="only say what would be deleted")
    forget.set_defaults(run=_forget)
    return parser


def _code(arguments: argparse.Namespace) -> None:
    known = code_identity.units()
    for unit in (*arguments.same, *arguments.new):
        if unit not in known:
            raise PipelineError(f"unknown unit {unit!r}; known: {', '.join(known)}")
    for unit in arguments.same:
        print(f"{unit}: goes by {code_identity.record(unit, same=True)}, as before")
    for unit in arguments.new:
        print(f"{unit}: goes by {code_identity.record(unit, same=False)} from now on")
    if arguments.same or arguments.new:
        return
    edited = code_identity.edited()
    if not edited:
        print("every unit of code is recorded")
        return
    plan = _plan(arguments.study, arguments.artifacts)
    for unit in edited:
        remade = Counter(spec.stage for spec in plan.nodes.values() if _depends_on(spec, unit))
        effect = ", ".join(f"{count} {stage}" for stage, count in remade.items()) or "nothing"
        print(f"{unit}: edited; the study {plan.study.study!r} makes anew: {effect}")
    print("record with --same UNIT (no result changed) or --new UNIT (results changed)")


def _depends_on(spec: specs.AnySpec, unit: str) -> bool:
    return unit in spec.units() or any(_depends_on(parent, unit) for parent in reads(spec))


def _where(arguments: argparse.Namespace) -> None:
    plan = _plan(arguments.study, arguments.artifacts)
    found = [
        (folder, spec)
        for folder, spec in plan.nodes.items()
        if paths.place(spec).startswith(arguments.place)
    ]
    if not found:
        places = sorted({paths.place(spec) for spec in plan.nodes.values()})
        raise PipelineError(
            f"{arguments.place!r} is no place of the study; places: {', '.join(places)}"
        )
    for folder, _ in found:
        there = (arguments.artifacts / folder / paths.MANIFEST).is_file()
        print(f"{arguments.artifacts / folder}{'' if there else '  (not there)'}")


def _forget(arguments: argparse.Namespace) -> None:
    """Delete artifacts, and Snakemake's backups of them, which it would put back."""
    root: Path = arguments.artifacts
    chosen: set[str] = set()
    for place in arguments.places:
        folder = root / place.removeprefix(f"{root}/").rstrip("/")
        found = [folder] if "~" in folder.name else sorted(folder.glob("*~*"))
        found = [each for each in found if each.is_dir()]
        if not found:
            raise PipelineError(f"no artifacts in {folder}")
        chosen.update(str(each.relative_to(root)) for each in found)
    for name in sorted(artifacts.with_descendants(root, chosen)):
        print(f"{'would forget' if arguments.dry_run else 'forgot'} {root / name}")
        if not arguments.dry_run:
            shutil.rmtree(root / name)
            shutil.rmtree(Path(".snakemake") / "backups" / root / name, ignore_errors=True)
    if not arguments.dry_run:
        # What was drawn from them is drawn again.
        for marker in root.glob("studies/*/.plot~*"):
            marker.unlink()


def _plan(study: Path, root: Path) -> Plan:
    try:
        content = yaml.safe_load(study.read_text())
    except (OSError, yaml.YAMLError) as error:
        raise PipelineError(f"{study} cannot be read: {error.__class__.__name__}") from None
    return Plan.load({**content, "artifacts": str(root)})


if __name__ == "__main__":
    main()
