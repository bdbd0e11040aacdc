"""``code``: which units of code were edited, and what an edit did."""

import argparse
from collections import Counter
from pathlib import Path

from pipeline.cache import code_identity, manifests, paths
from pipeline.cache.graph import ancestors
from pipeline.commands.common import Commands, load_plan
from pipeline.errors import PipelineError
from pipeline.running import provenance
from pipeline.running.plan import Plan

DEFAULT = Path("config.yaml")


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
    parser.add_argument(
        "--study", type=Path, help="the study whose plugins are meant, too (default: config.yaml)"
    )
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> None:
    """Record the named units, or list the edited ones."""
    package = code_identity.units()
    named = [*arguments.same, *arguments.new]
    # A plan takes a while, and is needed only to know plugins, or what an edit makes anew.
    plan = None if named and set(named) <= set(package) else _plan(arguments)
    if not named:
        return _list_edited(plan, arguments.artifacts)
    known = [*package, *code_identity.plugin_units()]
    for unit in named:
        if unit not in known:
            raise PipelineError(f"unknown unit {unit!r}; known: {', '.join(known)}")
    for unit in arguments.same:
        print(f"{unit}: goes by {_record_same(unit, arguments.artifacts)}, as before")
    for unit in arguments.new:
        print(f"{unit}: goes by {code_identity.record(unit, same=False)} from now on")
    return None


def _plan(arguments: argparse.Namespace) -> Plan | None:
    """The plan of the named study, else of ``config.yaml`` if it is there."""
    study = arguments.study or DEFAULT
    return load_plan(study, arguments.artifacts) if arguments.study or study.exists() else None


def _record_same(unit: str, root: Path) -> str:
    if unit not in code_identity.plugin_units() or code_identity.is_recorded(unit):
        return code_identity.record(unit, same=True)
    before = _identity_before(unit, root)
    if before is None:
        raise PipelineError(
            f"{unit}: {code_identity.find(unit).lock} knows no identity of it, and no artifact in "
            f"{root} tells which code made it: undo the edit, say --new {unit}, and edit it again"
        )
    return code_identity.record(unit, same=True, before=before)


def _identity_before(unit: str, root: Path) -> str | None:
    """The identity by which a plugin made the last of its artifacts that other code made."""
    found = []
    for folder in manifests.folders(root):
        code = provenance.read(folder).get("code")
        identity = code.get(unit) if isinstance(code, dict) else None
        if isinstance(identity, str) and identity != code_identity.digest(unit):
            found.append(((folder / paths.PROVENANCE).stat().st_mtime, identity))
    return max(found)[1] if found else None


def _list_edited(plan: Plan | None, root: Path) -> None:
    unrecorded = [
        unit for unit in code_identity.plugin_units() if not code_identity.is_recorded(unit)
    ]
    changed = [unit for unit in unrecorded if _identity_before(unit, root)]
    edited = [*code_identity.edited(), *changed]
    for unit in edited:
        effect = _effect(plan, unit) if plan else "there is no study to tell what it makes anew"
        print(f"{unit}: edited; {effect}")
    if edited:
        print("record with --same UNIT (no result changed) or --new UNIT (results changed)")
    for unit in set(unrecorded).difference(changed):
        print(f"{unit}: a plugin that is not recorded; --new {unit} does so, before an edit of it")
    if not edited and not unrecorded:
        print("every unit of code is recorded")


def _effect(plan: Plan, unit: str) -> str:
    # A check that is made anew is made only where something is trained.
    made = ancestors(each.score for each in plan.combinations)
    remade = Counter(
        spec.stage
        for spec in made.values()
        if any(unit in each.units() for each in ancestors([spec]).values())
    )
    effect = ", ".join(f"{count} {stage}" for stage, count in remade.items()) or "nothing"
    return f"the study {plan.study.study!r} makes anew: {effect}"
