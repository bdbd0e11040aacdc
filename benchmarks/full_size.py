"""What is worth measuring on a GPU of full size, in pieces, the most valuable ones first.

    python benchmarks/full_size.py --data DIR --out DIR --minutes 9

CIFAR-100 lies in the first folder; without it only step 1 runs, on random images. Each piece leaves
a record, networks and predictions become artifacts of `studies/cifar100.yaml` under the second
folder, which a run of that study finds there, and `compact` in it holds logits and checkpoints as
float16. The same command goes on where the last one stopped; what other code measured it measures
anew. Neither Snakemake nor SLURM is needed. The limit does not hold the imports before and the
writing after it, which take up to half a minute.

    step 1   ceilings; GPU tests; epochs of each way and engine; members, inference, HRank
    step 2   member 0 of ResNet18 and the network with dropout, scored; epochs beside the textbook's
    step 3   the other members side by side, scored as an ensemble
    step 4   L1 and random at sparsity 0.6, fine-tuned; bfloat16 against float32 over seeds
"""

import argparse
import functools
import json
import os
import statistics
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import measuring
import torch
import yaml
from pieces import Pieces, artifact, compact, script, side_by_side

from pipeline.cache import code_identity, payloads, specs
from pipeline.cache.graph import ancestors
from pipeline.engine import Run
from pipeline.engine.inference import predict
from pipeline.engine.training import fit
from pipeline.errors import PipelineError
from pipeline.metrics.scoring import score
from pipeline.models import build
from pipeline.running.plan import Plan
from pipeline.study import Combination

ROOT = Path(__file__).parents[1]
GPU_TESTS = ("tests/engine/test_cuda_graphs.py", "tests/engine/test_engine.py")
SPARSITY = 0.6
# The paper's, of the maximum softmax probability.
TARGETS = {"accuracy": 0.7797, "ause": 0.0319, "ece": 0.0491}
# How much faster processes must be, all at once, for members to share the device.
WORTH_SHARING = 1.2
SHARING = 4

# Everything, in seconds on a CPU.
TINY: dict[str, Any] = {
    "datasets": ["digits"],
    "architectures": [{"name": "resnet18", "width": 1 / 32}],
    "ensemble_size": 2,
    "mc_samples": 2,
    "train": {"epochs": 1, "batch_size": 300, "lr": 0.02, "drop_last": True},
    "finetune": {"epochs": 1},
    "score": {"bootstrap": 20},
}


class FullSize:
    """The steps, with the sizes that they run at."""

    def __init__(self, arguments: argparse.Namespace, pieces: Pieces) -> None:
        self.arguments, self.pieces, self.tiny = arguments, pieces, arguments.tiny
        self.device = torch.device(arguments.device)
        content = yaml.safe_load((ROOT / "studies" / "cifar100.yaml").read_text())
        del content["score"]
        content |= {
            "datasets": [{"name": "cifar100", "path": str(arguments.data)}],
            "architectures": ["resnet18"],
            "pruners": ["l1", "random"],
            "sparsities": [SPARSITY],
            "artifacts": str(arguments.out / "artifacts"),
            "device": "cpu" if self.device.type == "cpu" else "auto",
            "jobs_per_gpu": arguments.at_once or SHARING,
        }
        self.plan = Plan.load(content | (TINY if self.tiny else {}))
        # What step 1 measures is this code.
        self.code = code_identity.digest("stages.train")

    def do(self, name: str, call: Callable[[], dict[str, Any]], least: float = 1.0) -> None:
        """A piece that measures the code as it is."""
        self.pieces.do(name, call, 1.0 if self.tiny else least, self.code)

    def ceilings(self) -> dict[str, Any]:
        """What the device can do at most: products of matrices and copies."""
        size = 256 if self.tiny else 8192
        numbers = 2**20 if self.tiny else 2**30
        found: dict[str, Any] = {}
        for name, kind in (("bfloat16", torch.bfloat16), ("float32", torch.float32)):
            a, b = (torch.randn(size, size, device=self.device).to(kind) for _ in range(2))
            out = torch.empty_like(a)
            taken = self._median(lambda a=a, b=b, out=out: torch.mm(a, b, out=out))
            found[f"{name}_tflops"] = 2 * size**3 / taken / 1e12
        source = torch.ones(numbers, dtype=torch.float32, device=self.device)
        target = torch.empty_like(source)
        found["copy_gb_per_second"] = 8 * numbers / self._median(lambda: target.copy_(source)) / 1e9
        found |= {"size": size, "copied_bytes": 4 * numbers}
        if self.device.type == "cuda":
            del source, target
            torch.cuda.empty_cache()
        return measuring.hardware(self.device) | found

    def _median(self, call: Any, repeats: int = 10) -> float:
        """The median seconds of a call, after three to warm up."""
        for _ in range(3):
            call()
        return statistics.median(measuring.seconds(call, self.device) for _ in range(repeats))

    def gpu_tests(self) -> dict[str, Any]:
        """The tests of the engine's GPU code."""
        chosen = ("--version",) if self.tiny else (*GPU_TESTS, "-q", "-n0")
        command = [sys.executable, "-m", "pytest", *chosen]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300)
        lines = (done.stdout + done.stderr).splitlines()[-12:]
        if done.returncode:
            raise PipelineError("\n".join(lines))
        return {"last_lines": lines}

    def script(self, name: str, *arguments: object) -> dict[str, Any]:
        """Another benchmark, on this device."""
        given = (*arguments, "--device", self.device, "--threads", self.arguments.threads)
        return script(name, self.pieces.folder, given, lambda: self.pieces.left)

    def step_1(self) -> None:
        """How fast the device is, and how fast the engine is on it."""
        do, tiny = self.do, self.tiny
        narrow = ("--width", 1 / 32) if tiny else ()
        images = ("--random", 64 if tiny else 50_000, "--epochs", 2 if tiny else 4)
        do("1-ceilings", self.ceilings)
        do("1-gpu-tests", self.gpu_tests, 60)
        one = ("training", *images, *narrow)
        do("1-training", lambda: self.script(*one), 90)
        engine = (*one, "--ways", "resident", "engine", "--engine")
        do("1-without-graphs", lambda: self.script(*engine, "cuda_graphs=false"), 40)
        if not tiny:
            do("1-compiled", lambda: self.script(*engine, "compile=true"), 100)
        # Not stacked, which was slower wherever it was tried, and for one member crashes torch.
        members = (
            (1, "--random", 128, "--epochs", 2, "--ways", "engine", "processes")
            if tiny
            else (5, "--random", 10_000, "--ways", "textbook", "engine", "processes")
        )
        do("1-members", lambda: self.script("members", *narrow, "--members", *members), 60)
        inference = ("--images", 2, "--repeats", 1) if tiny else ("--images", 512, "--repeats", 5)
        do("1-inference", lambda: self.script("inference", *narrow, *inference), 40)
        # The loop that HRank is held against waits for the device once a map, and an image of
        # ResNet18 has 3,904 maps.
        hrank = ("--repeats", 1, "--images", *((1, "--size", 8) if tiny else (2,)))
        do("1-hrank", lambda: self.script("hrank", *narrow, *hrank), 60)

    def make(self, step: int, chosen: list[Combination]) -> None:
        """The scores of combinations, and all that they are made from."""
        nodes = ancestors(each.score for each in chosen)
        # The check comes before the networks that it is for.
        order = ancestors(check for name in nodes if (check := self.plan.checks.get(name))) | nodes
        for spec in order.values():
            # What two steps need is made, and recorded, by the first.
            name = f"{spec.place.replace('/', '_')}-{spec.stage}"
            known = (file.stem for file in self.pieces.folder.glob(f"[1-4]-{name}.json"))
            name = next(known, f"{step}-{name}")
            if not self.plan.is_there(spec):
                self.pieces.record(name).unlink(missing_ok=True)
            call = functools.partial(self._made, spec)
            self.pieces.do(name, call, stamp=spec.fingerprint)

    def _made(self, spec: specs.Spec) -> dict[str, Any]:
        made = artifact(self.plan, spec, self.arguments.threads)
        compact(self.plan, spec, self.arguments.out / "compact")
        return made

    def _at(self, pruner: str, *uncertainties: str) -> list[Combination]:
        return [
            each
            for each in self.plan.combinations
            if each.pruner == pruner and each.uncertainty in uncertainties
        ]

    def step_2(self) -> None:
        """The first networks of full size."""
        self.make(2, self._at("none", "msp"))
        epochs = ("--ways", "textbook", "engine", "--epochs", 2 if self.tiny else 3)
        data = ("--width", 1 / 32, "--images", 64) if self.tiny else ("--data", self.arguments.data)
        self.do("2-epochs", lambda: self.script("training", *data, *epochs), 60)
        self.make(2, self._at("none", "mc_dropout"))

    def step_3(self) -> None:
        """The other members of the ensemble, side by side, and their score."""
        members = self._at("none", "ensemble")
        trainings = [
            spec
            for spec in ancestors(each.score for each in members).values()
            if isinstance(spec, specs.Train) and spec.member and not self.plan.is_there(spec)
        ]
        at_once = self.at_once()
        for first in range(0, len(trainings), at_once):
            part = trainings[first : first + at_once]
            numbers = "-".join(str(spec.member) for spec in part)
            self.pieces.do(f"3-members-{numbers}", lambda part=part: self._trained(part))
        self.make(3, members)

    def at_once(self) -> int:
        """How many trainings are to share the device, by what step 1 measured of members.

        One after another, the first members are done when the time is over.
        """
        if self.arguments.at_once:
            return int(self.arguments.at_once)
        file = self.pieces.record("1-members")
        found = json.loads(file.read_text())["seconds_an_epoch_of_all"] if file.exists() else {}
        gain = found.get("engine", 0) / found.get("processes", 1)
        return SHARING if gain >= WORTH_SHARING else 1

    def _trained(self, part: list[specs.Spec]) -> dict[str, Any]:
        side_by_side(self.plan, part, self.arguments.threads, lambda: self.pieces.left)
        return {"members_at_once": len(part)}

    def step_4(self) -> None:
        """Pruned networks, and what bfloat16 changes."""
        self.make(4, self._at("l1", "msp"))
        self.make(4, self._at("random", "msp"))
        for seed in range(1 if self.tiny else 3):
            for precision in ("bfloat16", "float32"):
                name = f"4-{precision}-{seed}"
                self.do(name, functools.partial(self.short, precision, seed, name))

    def short(self, precision: str, seed: int, name: str) -> dict[str, Any]:
        """Metrics of a network that a short training in one precision arrives at."""
        train = next(spec for spec in self.plan.nodes.values() if isinstance(spec, specs.Train))
        (file, *_) = (Path(file) for file in self.plan.files(train.data))
        data = payloads.load_dataset(file, train.data)
        recipe = replace(train.recipe, epochs=1 if self.tiny else 15, precision=precision)
        torch.manual_seed(seed)
        model = build("resnet18", len(data.classes), **dict(train.options))
        folder = self.arguments.out / "short" / name
        folder.mkdir(parents=True, exist_ok=True)
        run = Run(self.device, folder=folder, stamp=f"{name} {recipe}")
        history = fit(model, data, recipe, seed=seed, run=run)
        logits = predict(model, data, device=self.device)
        content, _ = score(
            [logits.cpu().numpy()], data.test.labels.numpy(), method="msp", options={}, bootstrap=0
        )
        numbers = {key: each["value"] for key, each in content["definitions"]["msp"].items()}
        return {
            "seconds_an_epoch": statistics.median(each.seconds for each in history),
            "default": "msp",
            "numbers": {"msp": numbers},
        }


def summary(content: dict[str, Any]) -> str:
    """The numbers of a record that fit on a line."""
    if "numbers" in content:
        lines = []
        for definition in dict.fromkeys((content["default"], "probability_variance")):
            numbers = content["numbers"].get(definition, {})
            shown = (
                f"{name} {numbers[name]:.4f}" for name in TARGETS if numbers.get(name) is not None
            )
            if told := ", ".join(shown):
                lines.append(f"{definition}: {told}")
        return "; ".join(lines)
    if "bfloat16_tflops" in content:
        return (f"{content['bfloat16_tflops']:.3g} TFLOP/s in bfloat16, "
                f"{content['float32_tflops']:.3g} in float32, "
                f"{content['copy_gb_per_second']:.4g} GB/s")  # fmt: skip
    if "by_map_size" in content:
        return f"{content['by_map_size']['all']['ratio']:.3g} times the loop"
    if "seconds_an_epoch" in content and "artifact" in content:
        return f"{content['seconds_an_epoch']:.3g} s an epoch, {content['artifact']}"
    for key in (
        "ratios",
        "ratio",
        "textbook_over",
        "seconds_an_epoch_of_all",
        "last_lines",
        "artifact",
        "members_at_once",
    ):
        if content.get(key):
            told = content[key]
            return str(told[-1] if isinstance(told, list) else told).strip("{}")
    return ""


def of_precisions(records: dict[str, dict[str, Any]]) -> list[str]:
    """How far short trainings in bfloat16 and float32 are apart, and those of one precision."""
    found: dict[str, list[dict[str, float]]] = {"bfloat16": [], "float32": []}
    for name, content in records.items():
        _, precision, *_ = name.split("-")
        if precision in found:
            found[precision].append(content["numbers"]["msp"])
    if min(map(len, found.values())) < 2:
        return []
    lines = []
    for metric in TARGETS:
        half, full = ([each[metric] for each in numbers] for numbers in found.values())
        apart = statistics.mean(half) - statistics.mean(full)
        spread = max(statistics.stdev(half), statistics.stdev(full))
        lines.append(f"{metric}, bfloat16 - float32: {apart:+.4f}; over seeds ± {spread:.4f}")
    return lines


def table(pieces: Pieces) -> str:
    """A line for each piece that is done or failed, then the numbers to compare with."""
    files = sorted(
        pieces.folder.glob("[1-4]-*.json"),
        key=lambda file: (file.name[0], file.stat().st_mtime),
    )
    records = {file.stem: json.loads(file.read_text()) for file in files}
    rows = [
        (name, f"{content['seconds_of_the_last_call']:.1f}", summary(content))
        for name, content in records.items()
    ]
    rows += [(name, "failed", why.splitlines()[-1]) for name, why in pieces.failed.items()]
    width = max((len(row[0]) for row in rows), default=0)
    lines = [f"{name:{width}}  {seconds:>7}  {told}" for name, seconds, told in rows]
    paper = ", ".join(f"{name} {value}" for name, value in TARGETS.items())
    return "\n".join(
        [
            *lines,
            *of_precisions(records),
            f"the paper's ResNet18, msp: {paper}; its ensemble's AUSE: 0.19",
            "to reach: textbook ÷ engine 5, resident ÷ engine 2.5, five members 6",
        ]
    )


def main() -> None:
    """Do what is not done yet, until the time is over."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--out", type=Path, required=True, help="where everything goes")
    parser.add_argument("--data", type=Path, help="where CIFAR-100 lies")
    parser.add_argument("--minutes", type=float, default=9.0, help="the time limit of this call")
    parser.add_argument("--steps", type=int, nargs="+", default=[1, 2, 3, 4], choices=range(1, 5))
    parser.add_argument("--at-once", type=int, help="members that share the device")
    parser.add_argument("--tiny", action="store_true", help="a rehearsal: all of it, of tiny size")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    arguments = parser.parse_args()
    measuring.device(arguments)
    pieces = Pieces(arguments.out / "records", arguments.minutes)
    with pieces.limit():
        full_size = FullSize(arguments, pieces)
        for step in arguments.steps:
            if step > 1 and not (arguments.data or arguments.tiny):
                print(f"step {step} needs CIFAR-100: --data DIR")
            else:
                getattr(full_size, f"step_{step}")()
    print(table(pieces))
    sys.exit(1 if pieces.failed else 0)


if __name__ == "__main__":
    main()
