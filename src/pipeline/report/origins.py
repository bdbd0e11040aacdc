"""How the artifacts of a study were made, summed up from what lies beside them."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from pipeline.cache.specs import STAGES
from pipeline.report.about import Origins

# What the page says of whom: keys of a provenance record.
SUBJECTS = {
    "device": "Device",
    "engine": "Engine",
    "threads": "Threads",
    "python": "Python",
    "commit": "Commit",
}


def summed(records: Sequence[tuple[str, Mapping[str, Any]]], parents: Mapping[str, int]) -> Origins:
    """The summary of all artifacts.

    Args:
        records: of each artifact its stage and its provenance, which is empty if not recorded.
        parents: see `Origins`.
    """
    made = {stage for stage, _ in records}
    stages = [*(stage for stage in STAGES if stage in made), *sorted(made - STAGES.keys())]
    known = [record for _, record in records if record]
    counts = {label: _counted(known, key) for key, label in SUBJECTS.items()}
    libraries = sorted({name for each in known for name in _mapping(each, "versions")})
    counts |= {
        name: _count(_mapping(each, "versions").get(name) for each in known) for name in libraries
    }
    code: dict[str, set[str]] = {}
    for each in known:
        for unit, identity in _mapping(each, "code").items():
            code.setdefault(str(unit), set()).add(str(identity))
    return Origins(
        [_stage(stage, [each for name, each in records if name == stage]) for stage in stages],
        {label: values for label, values in counts.items() if values},
        {unit: ", ".join(sorted(found)) for unit, found in sorted(code.items())},
        parents,
    )


def _stage(name: str, records: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    known = [each for each in records if each]
    finished = sorted(str(each["finished"]) for each in known if each.get("finished"))
    return {
        "stage": name,
        "artifacts": len(records),
        "known": len(known),
        "wall_seconds": _sum(known, "wall_seconds") or 0.0,
        "cpu_seconds": _sum(known, "cpu_seconds"),
        "first": finished[0] if finished else "",
        "last": finished[-1] if finished else "",
    }


def _sum(records: Sequence[Mapping[str, Any]], key: str) -> float | None:
    """The sum of what is recorded; None where nothing is."""
    found = [each[key] for each in records if isinstance(each.get(key), int | float)]
    return float(sum(found)) if found else None


def _counted(records: Iterable[Mapping[str, Any]], key: str) -> dict[str, int]:
    return _count(each.get(key) for each in records)


def _count(values: Iterable[Any]) -> dict[str, int]:
    found = Counter(str(value) for value in values if value not in (None, ""))
    return dict(sorted(found.items()))


def _mapping(record: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    found = record.get(key)
    return found if isinstance(found, Mapping) else {}
