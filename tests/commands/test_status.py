"""status: what is there, what would run and why, and for how long."""

import fcntl
import shutil

from commands.tree import Tree

from pipeline.cache import files, manifests

STATE = 5  # the column of a combination's line that says what there is to do
TIME = 4  # that of a stage's line which says how long it takes


class Printed:
    """The lines of ``status``, taken apart."""

    def __init__(self, tree: Tree, *arguments: str, study: str = "tiny.yaml") -> None:
        status, self.lines = tree.call("status", study, *arguments)
        assert not status
        blank = self.lines.index("")
        self.states = {}
        for line in self.lines[:blank]:
            dataset, architecture, pruner, sparsity, uncertainty, state = line.split(None, STATE)
            assert (dataset, architecture) == ("digits", "resnet18")
            self.states[f"{uncertainty} {pruner} {sparsity}"] = state
        start = next(n for n, line in enumerate(self.lines) if line.split()[:1] == ["there"])
        table = [line.split(None, TIME) for line in self.lines[start + 1 : start + 9]]
        self.totals = {row[0]: [int(cell) for cell in row[1:TIME]] for row in table}
        self.times = {row[0]: row[TIME] for row in table if len(row) > TIME}

    def not_done(self) -> dict[str, str]:
        return {name: state for name, state in self.states.items() if state != "done"}


def test_a_finished_study(tree: Tree) -> None:
    printed = Printed(tree)
    assert len(printed.states) == 9
    assert printed.not_done() == {}
    assert printed.totals == {
        "data": [1, 0, 0], "check": [1, 0, 0], "train": [3, 0, 0], "prune": [6, 0, 0],
        "finetune": [3, 0, 0], "infer": [9, 0, 0], "score": [9, 0, 0], "all": [32, 0, 0],
    }  # fmt: skip
    assert printed.times == {}
    assert printed.lines[-1] == "tiny: 9 of 9 combinations done; the study is drawn: nothing to do"
    # One line a combination, then a blank one; columns below each other.
    assert printed.lines[0] == "digits  resnet18  none    0    msp         done"
    assert printed.lines[8] == "digits  resnet18  resrep  0.5  ensemble    done"


def test_repeated_measurements_have_a_column_where_a_study_has_them(tree: Tree) -> None:
    tree.write("repeated", uncertainties=["msp"], pruners=["l1"], score={"members": "all"})
    _, lines = tree.call("status", "repeated.yaml")
    cells = [line.split(None, 7)[:7] for line in lines[: lines.index("")]]
    assert cells == [
        ["digits", "resnet18", pruner, sparsity, "msp", "member", member]
        for member in "01"
        for pruner, sparsity in (("none", "0"), ("l1", "0.5"))
    ]


def test_what_would_run(tree: Tree) -> None:
    tree.call("forget", str(tree.at("plain-1/l1-0.5", "finetune")))
    shutil.rmtree(tree.at("plain-0/l1-0.5", "prune"))
    printed = Printed(tree)
    assert printed.not_done() == {
        "ensemble l1 0.5": "makes finetune, infer, score (finetune never made)",
        "msp l1 0.5": "done; not kept prune",
    }
    assert printed.totals["finetune"] == [2, 1, 1]
    assert printed.totals["all"] == [28, 4, 3]
    assert printed.lines[-1] == "tiny: 8 of 9 combinations done; the study is not drawn"


def test_what_is_made_for_one_combination_may_be_in_another(tree: Tree) -> None:
    shutil.rmtree(tree.at("plain-0", "infer"))
    shutil.rmtree(tree.at("msp", "score"))
    printed = Printed(tree)
    assert printed.not_done() == {
        "msp none 0": "makes infer, score (infer never made)",
        "ensemble none 0": "done; others need infer",
    }
    assert printed.totals["infer"] == [8, 1, 1]
    assert printed.totals["score"] == [8, 1, 1]
    assert printed.lines[-1] == (
        "tiny: 8 of 9 combinations done; the study is drawn from scores that are gone"
    )


def test_why(tree: Tree) -> None:
    """Each reason once, on a chain of its own."""
    tree.plan.marker.unlink()

    # Another fingerprint for the same spec, and for another one.
    for place, changes in (("mc_dropout", {}), ("mc_dropout/l1-0.5", {"steps": 7})):
        folder = tree.at(place, "score")
        manifest = manifests.read_manifest(folder)
        content = manifest.spec | changes
        other = folder.rename(folder.with_name("score~00000000"))
        manifests.Manifest("0" * 8, content, manifest.files, manifest.parents).write(other)
    damaged = tree.at("mc_dropout/resrep-0.5", "score")
    (damaged / "manifest.json").write_text("{}")
    (damaged / "curves.npz").unlink()
    (tree.at("msp", "score") / "manifest.json").unlink()
    tuned = tree.at("plain-0/l1-0.5", "finetune")
    for folder in (
        tree.at("msp/l1-0.5", "score"), tree.at("plain-0/l1-0.5", "infer"), tuned,
        tree.at("msp/resrep-0.5", "score"),
    ):  # fmt: skip
        shutil.rmtree(folder)
    files.write_arrays(tuned / "resume.safetensors", {}, {"epoch": 0})
    assert Printed(tree).not_done() == {
        "mc_dropout none 0": "makes score (score made by other code)",
        "mc_dropout l1 0.5": "makes score (score made with other settings)",
        "mc_dropout resrep 0.5": "makes score (score damaged)",
        "msp none 0": "makes score (score unfinished)",
        "msp l1 0.5": "makes finetune, infer, score (finetune interrupted)",
        "ensemble l1 0.5": "done; others need finetune, infer",
        "msp resrep 0.5": "makes score (score never made)",
    }


def test_a_changed_study(tree: Tree) -> None:
    tree.write("longer", finetune={"epochs": 2}, pruners=["l1"])
    printed = Printed(tree, study="longer.yaml")
    assert printed.not_done()["ensemble l1 0.5"] == (
        "makes 2 finetune, 2 infer, score (finetune made with other settings)"
    )
    assert printed.states["ensemble none 0"] == "done"
    assert printed.totals["all"] == [1 + 3 + 3 + 3 + 3, 10, 9]


def test_trainings(tree: Tree) -> None:
    network, tuned = tree.at("plain-0", "train"), tree.at("plain-1/l1-0.5", "finetune")
    pruned = tree.at("plain-1/resrep-0.5", "prune")
    for folder, epoch in ((network, 1), (tuned, 0)):
        (folder / "manifest.json").unlink()
        position = {"fingerprint": folder.name[-8:], "epoch": epoch, "step": 0}
        files.write_arrays(folder / "resume.safetensors", {}, position)
    (pruned / "manifest.json").unlink()
    (pruned / "resume.safetensors").write_bytes(b"half of a fi")
    with (network / ".lock").open("w") as lock:
        lock.write("process 7 on node3")
        lock.flush()
        fcntl.flock(lock, fcntl.LOCK_EX)
        lines = Printed(tree).lines
    start = lines.index("under way or interrupted:")
    assert [" ".join(line.split()) for line in lines[start + 1 : start + 4]] == [
        f"{network} epoch 2 of 2 process 7 on node3",
        f"{tuned} epoch 1 of 1 interrupted",
        f"{pruned} starts over: its resume file is damaged interrupted",
    ]


def test_damaged_artifacts_that_snakemake_takes_as_they_are(tree: Tree) -> None:
    tree.plan.marker.unlink()
    score, pruned = tree.at("msp", "score"), tree.at("plain-0/l1-0.5", "prune")
    (score / "manifest.json").write_text("{}")
    (pruned / "manifest.json").write_text("{}")
    printed = Printed(tree)
    assert printed.not_done() == {
        "msp none 0": "score is damaged",
        "msp l1 0.5": "done; damaged prune",
        "ensemble l1 0.5": "done; damaged prune",
    }
    start = printed.lines.index("damaged, but Snakemake takes them as they are; delete them:")
    assert sorted(printed.lines[start + 1 : start + 3]) == sorted([str(score), str(pruned)])
    assert printed.lines[start + 3] == ""
    assert printed.totals["all"] == [30, 2, 0]


def test_the_time_it_takes(tree: Tree) -> None:
    seconds = {"finetune": 200.0, "infer": 10.0, "score": 1.0}
    for name, spec in tree.plan.nodes.items():
        if spec.stage in seconds:
            provenance = {"wall_seconds": seconds[spec.stage]}
            files.write_json(tree.root / name / "provenance.json", provenance)
    tree.call("forget", str(tree.at("plain-1/l1-0.5", "finetune")))
    printed = Printed(tree)
    assert printed.times == {
        "finetune": "about 3.3 min", "infer": "about 10 s", "score": "about 1 s",
        "all": "about 3.5 min",
    }  # fmt: skip
    assert Printed(tree, "--jobs", "4").times["all"] == "about 53 s, 4 at a time"
    assert Printed(tree, "--jobs", "4").times["finetune"] == "about 3.3 min"
    # No pruning was timed.
    tree.call("forget", "digits/resnet18/plain-1/l1-0.5", "digits/resnet18/plain-0/l1-0.5")
    printed = Printed(tree)
    assert printed.times["prune"] == "unknown: no like job is there to go by"
    assert printed.times["all"] == "about 7.0 min, and 2 jobs of unknown time"


def test_no_job_at_a_time_is_refused(tree: Tree) -> None:
    assert tree.call("status", "tiny.yaml", "--jobs", "0")[0] == 2
    assert tree.call("status", "tiny.yaml", "--jobs", "many")[0] == 2
