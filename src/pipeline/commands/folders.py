"""Whether the folders that studies name hold what their data sets were read from: every file."""

import os
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path

from pipeline.cache import manifests, origins
from pipeline.cache.specs import Data
from pipeline.errors import PipelineError
from pipeline.running.comparisons import Comparisons
from pipeline.running.plan import Plan


def compared(plans: Iterable[Plan], remarks: Counter[str]) -> Iterator[str]:
    """The problems of the studies' folders, in words; what is none, yet worth a word, is counted.

    A folder that holds the same needs no further look before its artifact is used.
    """
    # With torch, which other commands do without.
    from pipeline.running.job import Job
    from pipeline.stages import data

    done: set[tuple[str, Path]] = set()
    for plan in plans:
        for name, parts in Comparisons(plan).parts.items():
            spec, folder = plan.nodes[name], plan.artifacts / name
            assert isinstance(spec, Data)
            root = origins.root(spec)
            if (name, root) in done or not manifests.is_finished(folder, spec):
                continue
            done.add((name, root))
            if not root.exists():
                remarks["without a folder to compare"] += 1
                continue
            try:
                data.compare(spec, Job(spec, plan.switches, threads=os.cpu_count() or 1), parts)
                origins.record(folder / origins.name(spec, parts), root, parts)
                remarks["compared with all files of its folder"] += 1
            except PipelineError as error:
                yield str(error)
