"""The card of an archive of predictions: what a stranger must know to use it, in Markdown."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping

from pipeline.cache import files, paths
from pipeline.cache.archives import Contents
from pipeline.cache.graph import ancestors
from pipeline.cache.specs import Infer, Spec
from pipeline.commands.common import counted, in_bytes
from pipeline.commands.record import made_with, provenances
from pipeline.running.plan import Plan

# What a hub reads, then what only people can fill in.
HEAD = """---
license: other  # TO FILL IN: such as cc-by-4.0; the data sets' own terms hold, too
tags: [pruning, uncertainty, calibration, predictions]
---

# Predictions of the study {study}

{counts} of networks, pruned and not, on test images: what is needed to measure what pruning does to
a network's uncertainty, without training a network. No images and no networks are in this archive.

- TO FILL IN: who made it, when, and for which publication
- TO FILL IN: under which licence it may be used
- TO FILL IN: how to cite it
"""

FILES = """
## What is in it

| file | what |
| --- | --- |
| `study.yaml` | which networks, pruners, sparsities and uncertainties |
| `contents.json` | size and SHA-256 of each file |
| `artifacts/…/infer~…/predictions.safetensors` | the predictions of one network |
| `artifacts/…/manifest.json` | what an artifact is, and the SHA-256 of its files and parents |
| `artifacts/…/ancestor.json` | the same of what predictions were made from, which is not here |
| `artifacts/…/provenance.json` | versions, device, time and memory of a job |
| `artifacts/…/history.csv` | the epochs of a training |

A file of predictions holds three arrays, and in its description the network's number of parameters
and of multiply-accumulate operations for one image:

| array | type | shape | what |
| --- | --- | --- | --- |
| `logits` | float | [S, N, C] | S passes (1 without dropout), N test images, C classes |
| `labels` | int64 | [N] | the true classes |
| `ids` | int64 | [N] | which image of the test set each row is |

## How to use it

In a checkout of the pipeline, at the commit below:

    python -m pipeline unpack FILE
    snakemake --configfile artifacts/studies/{study}/study.yaml --config frozen=true

Without it, each file can be read by itself:

    from safetensors.numpy import load_file
    logits = load_file("predictions.safetensors")["logits"]
"""


def card(plan: Plan, predictions: Iterable[Spec], contents: Contents) -> str:
    """The card of a study's archive."""
    chosen = list(predictions)
    study = plan.study.study
    made = made_with(provenances(plan, ancestors(chosen))).removeprefix("# Made with\n")
    parts = [
        HEAD.format(study=study, counts=counted(len(chosen), "prediction").capitalize()),
        FILES.format(study=study),
        "## How much",
        "\n".join(_counts(plan, chosen)),
        "## How it was made",
        made,
        *_elsewhere("Plugins that the study needs", contents.plugins),
        *_elsewhere("Given weights that networks began with", contents.init),
    ]
    return "\n\n".join(part.strip("\n") for part in parts) + "\n"


def _counts(plan: Plan, predictions: Iterable[Spec]) -> Iterator[str]:
    """A row for predictions of the same shape on the same test images."""
    found: dict[tuple[str, str, tuple[int, ...]], list[int]] = defaultdict(list)
    for spec in predictions:
        path = plan.root(spec.stage) / paths.folder(spec) / spec.payload[0]
        arrays, _ = files.map_arrays(path)
        if isinstance(spec, Infer):
            about = spec.images.place, spec.model.trained.architecture
            found[*about, arrays["logits"].shape].append(path.stat().st_size)
    yield "| test images of | architecture | predictions | [S, N, C] | together |"
    yield "| --- | --- | ---: | ---: | ---: |"
    for (data, architecture, shape), sizes in sorted(found.items()):
        cells = (data, architecture, str(len(sizes)), str(list(shape)), in_bytes(sum(sizes)))
        yield f"| {' | '.join(cells)} |"


def _elsewhere(title: str, digests: Mapping[str, str]) -> list[str]:
    rows = [f"- `{name}`, SHA-256 `{digest}`" for name, digest in digests.items()]
    return [f"## {title}", "\n".join(rows)] if rows else []
