"""The profile for SLURM, where there is none."""

from pathlib import Path

import yaml

PROFILES = Path(__file__).parents[2] / "profiles"


def test_it_repeats_the_default_profile() -> None:
    """It replaces that one; only the number of cores is a matter of this machine."""
    default, slurm = (
        yaml.safe_load((PROFILES / name / "profile.yaml").read_text())
        for name in ("default", "slurm")
    )
    del default["cores"]
    assert default.items() <= slurm.items()


def test_jobs_of_a_group_agree_on_what_is_not_a_number() -> None:
    """Snakemake refuses a group whose jobs want different partitions, or some of them a signal."""
    slurm = yaml.safe_load((PROFILES / "slurm" / "profile.yaml").read_text())
    texts = [
        {
            key: value
            for key, value in (slurm["default-resources"] | slurm["set-resources"][rule]).items()
            if isinstance(value, str)
        }
        for rule, group in slurm["groups"].items()
        if group == "combination"
    ]
    assert len(texts) == 3
    assert texts[0] == texts[1] == texts[2]
