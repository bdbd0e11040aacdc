"""The graph of artifacts: what each is made from, and what is made from it.

Above an artifact, its spec says everything; below it, only the manifests that are there can tell.
"""

from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path

from pipeline.cache import paths
from pipeline.cache.specs import Spec
from pipeline.errors import PipelineError


def ancestors(
    chosen: Iterable[Spec],
    *,
    above: Callable[[Spec], Iterable[Spec]] = lambda spec: spec.reads(),
    leave_out: Callable[[Spec], bool] | None = None,
) -> dict[str, Spec]:
    """Specs and all that must be there for them, by folder, each after what it needs.

    Args:
        chosen: Where to begin.
        above: What a spec needs: what it reads, or only its parents.
        leave_out: Tells which specs are left out, with what only these need.
    """
    found: dict[str, Spec] = {}

    def visit(spec: Spec) -> None:
        folder = paths.folder(spec)
        if folder in found or (leave_out and leave_out(spec)):
            return
        for parent in above(spec):
            visit(parent)
        found[folder] = spec

    for spec in chosen:
        visit(spec)
    return found


def descendants(root: Path, chosen: Iterable[str]) -> set[str]:
    """Artifacts' folders, relative to `root`, and those of all that was made from them."""
    # Planning does without reading files, and what reads them takes longer to import.
    from pipeline.cache import manifests

    children: dict[str, set[str]] = {}
    for folder in manifests.folders(root):
        with suppress(PipelineError):
            manifest = manifests.read_manifest(folder)
            # What lies between may have been deleted: a checkpoint whose predictions are there.
            spec = manifests.recorded_spec(manifest)
            made_from = ancestors([spec], above=lambda each: each.parents()) if spec else ()
            for parent in {*manifest.parents, *made_from}:
                children.setdefault(parent, set()).add(str(folder.relative_to(root)))
    found: set[str] = set()
    waiting = set(chosen)
    while waiting:
        name = waiting.pop()
        found.add(name)
        waiting |= children.get(name, set()) - found
    return found
