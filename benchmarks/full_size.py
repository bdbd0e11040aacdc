"""What is worth measuring on a GPU of full size, in pieces, the most valuable ones first.

    python benchmarks/full_size.py --data DIR --out DIR --minutes 10

CIFAR-100 lies in the first folder; without it only step 1 runs, on random images. Each piece leaves
a record, networks and predictions become artifacts of `studies/cifar100.yaml` under the second
folder, which a run of that study finds there, and `compact` in it holds logits and checkpoints as
float16. The same command goes on where the last one stopped. Neither Snakemake nor SLURM is needed.

    step 1   ceilings; GPU tests; epochs of each way and engine; HRank, inference, members
    step 2   member 0 of ResNet18 and the network with dropout, scored; epochs beside the textbook's
    step 3   the other members side by side, scored as an ensemble
    step 4   L1 and random at sparsity 0.6, fine-tuned; bfloat16 against float32 over seeds
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import measuring
import torch
import yaml
from pieces import Pieces, artifact, compact, script, side_by_side

from pipeline.cache import payloads, specs
from pipeline.cache.graph import ancestors
from pipeline.engine import Run
from pipeline.engine.inference import predict
from pipeline.engine.training import fit
from pipeline.metrics.scoring import score
from pipeline.models import build
from pipeline.running.plan import Plan
from pipeline.study import Combination

ROOT = Path(__file__).parents[1]
GPU_TESTS = ("tests/engine/test_cuda_graphs.py", "tests/engine/test_engine.py")
SPARSITY = 0.6
# The paper's.
TARGETS = {"accuracy": 0.7797, "ause": 0.0319, "ece": 0.0491}

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
            "jobs_per_gpu": arguments.at_once,
        }
        self.plan = Plan.load(content | (TINY if self.tiny else {}))

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
        lines = (done.stdout + done.stderr).splitlines()
        return {"exit_status": done.returncode, "last_lines": lines[-12:]}

    def script(self, name: str, *arguments: object) -> dict[str, Any]:
        """Another benchmark, on this device."""
        given = (*arguments, "--device", self.device, "--threads", self.arguments.threads)
        return script(name, self.pieces.folder, *given)

    def step_1(self) -> None:
        """How fast the device is, and how fast the engine is on it."""
        do, tiny = self.pieces.do, self.tiny
        narrow = ("--width", 1 / 32) if tiny else ()
        images = ("--random", 64 if tiny else 50_000, "--epochs", 2 if tiny else 4)
        do("1-ceilings", self.ceilings)
        do("1-gpu-tests", self.gpu_tests, least=1 if tiny else 60)
        one = ("training", *images, *narrow)
        least = 1 if tiny else 40
        do("1-training", lambda: self.script(*one), least=1 if tiny else 90)
        engine = (*one, "--ways", "resident", "engine", "--engine")
        do("1-without-graphs", lambda: self.script(*engine, "cuda_graphs=false"), least)
        if not tiny:
            do("1-compiled", lambda: self.script(*engine, "compile=true"), 100)
        few = ("--repeats", 1 if tiny else 5)
        size = (1, "--size", 8) if tiny else (128,)
        do("1-hrank", lambda: self.script("hrank", *narrow, *few, "--images", *size), least)
        size = (2,) if tiny else (512,)
        do("1-inference", lambda: self.script("inference", *few, *narrow, "--images", *size), least)
        # Not stacked, which was slower wherever it was tried, and for one member crashes torch.
        members = (
            (1, "--random", 128, "--epochs", 2, "--ways", "engine", "processes")
            if tiny
            else (5, "--random", 10_000, "--ways", "textbook", "engine", "processes")
        )
        do("1-members", lambda: self.script("members", *narrow, "--members", *members), least)

    def make(self, step: int, chosen: list[Combination]) -> None:
        """The scores of combinations, and all that they are made from."""
        nodes = ancestors(each.score for each in chosen)
        # The check comes before the networks that it is for.
        order = ancestors(check for name in nodes if (check := self.plan.checks.get(name))) | nodes
        for spec in order.values():
            # What two steps need is made, and recorded, by the first.
            name = f"{spec.place.replace('/', '_')}-{spec.stage}"
            if not list(self.pieces.folder.glob(f"[1-4]-{name}.json")):
                self.pieces.do(f"{step}-{name}", lambda spec=spec: self._made(spec))

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
        least = 1 if self.tiny else 60
        self.pieces.do("2-epochs", lambda: self.script("training", *data, *epochs), least)
        self.make(2, self._at("none", "mc_dropout"))

    def step_3(self) -> None:
        """The other members of the ensemble, side by side, and their score."""
        members = self._at("none", "ensemble")
        trainings = [
            spec
            for spec in ancestors(each.score for each in members).values()
            if isinstance(spec, specs.Train) and spec.member and not self.plan.is_there(spec)
        ]
        at_once = self.arguments.at_once
        for first in range(0, len(trainings), at_once):
            part = trainings[first : first + at_once]
            numbers = "-".join(str(spec.member) for spec in part)
            self.pieces.do(f"3-members-{numbers}", lambda part=part: self._trained(part))
        self.make(3, members)

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
                self.pieces.do(name, lambda p=precision, s=seed, n=name: self.short(p, s, n))

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
        for definition, numbers in content["numbers"].items():
            shown = (f"{name} {numbers[name]:.4f}" for name in TARGETS if name in numbers)
            lines.append(f"{definition}: {', '.join(shown)}")
        return "; ".join(lines)
    if "bfloat16_tflops" in content:
        return (f"{content['bfloat16_tflops']:.3g} TFLOP/s in bfloat16, "
                f"{content['float32_tflops']:.3g} in float32, "
                f"{content['copy_gb_per_second']:.4g} GB/s")  # fmt: skip
    for key in (
        "ratios",
        "ratio",
        "textbook_over",
        "seconds_an_epoch_of_all",
        "last_lines",
        "by_map_size",
        "artifact",
        "members_at_once",
    ):
        if content.get(key):
            told = content[key]
            if key == "by_map_size":
                told = f"{told['all']['ratio']:.3g} times the loop"
            return str(told[-1] if isinstance(told, list) else told).strip("{}")
    return ""


def table(pieces: Pieces) -> str:
    """A line for each piece that is done or failed, then the numbers to compare with."""
    rows = []
    records = pieces.folder.glob("[1-4]-*.json")
    for file in sorted(records, key=lambda file: (file.name[0], file.stat().st_mtime)):
        content = json.loads(file.read_text())
        rows.append((file.stem, f"{content['seconds_of_the_last_call']:.1f}", summary(content)))
    rows += [(name, "failed", why) for name, why in pieces.failed.items()]
    width = max((len(row[0]) for row in rows), default=0)
    lines = [f"{name:{width}}  {seconds:>7}  {told}" for name, seconds, told in rows]
    paper = ", ".join(f"{name} {value}" for name, value in TARGETS.items())
    lines.append(f"the paper's ResNet18 (AUSE: MC dropout's): {paper}")
    lines.append("to reach: textbook ÷ engine 5, resident ÷ engine 2.5")
    return "\n".join(lines)


def main() -> None:
    """Do what is not done yet, until the time is over."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--out", type=Path, required=True, help="where everything goes")
    parser.add_argument("--data", type=Path, help="where CIFAR-100 lies")
    parser.add_argument("--minutes", type=float, default=10.0, help="the time limit of this call")
    parser.add_argument("--steps", type=int, nargs="+", default=[1, 2, 3, 4], choices=range(1, 5))
    parser.add_argument("--at-once", type=int, default=4, help="members that share the device")
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
