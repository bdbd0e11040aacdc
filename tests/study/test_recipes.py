"""The recipes' defaults, and what a study changes of them."""

from study.small import STUDY

from pipeline.cache.specs import Recipe
from pipeline.study import Study


def test_recipes() -> None:
    study = Study.load(STUDY)
    assert study.train == Recipe(epochs=2, lr=0.05)
    assert study.finetune == Recipe(epochs=1, lr=0.05)
    assert study.prune == Recipe(
        epochs=180, batch_size=64, lr=0.01, weight_decay=1e-4, schedule="cosine_iteration",
        drop_last=True, decay_normalisation=False, bias_lr=2.0,
    )  # fmt: skip
    assert Study.load({k: v for k, v in STUDY.items() if k != "train"}).train == Recipe(epochs=200)


def test_the_penalty_on_scales_ends_with_the_training() -> None:
    study = Study.load(STUDY | {"train": {"epochs": 2, "gamma_l1": 1e-4}})
    assert (study.train.gamma_l1, study.finetune.gamma_l1) == (1e-4, 0.0)


def test_resrep_is_the_old_name_of_prune() -> None:
    recipe = {"epochs": 3, "lr": 0.02}
    old, new = Study.load(STUDY | {"resrep": recipe}), Study.load(STUDY | {"prune": recipe})
    assert old.notes == ("the key `resrep:` is called `prune:` now; the old name goes on working",)
    assert new.notes == ()
    assert list(old.combinations()) == list(new.combinations())
    # What is handed on to the drawing has the new name, so that nothing is told twice.
    assert old.content == new.content
    assert Study.load(old.content).notes == ()
