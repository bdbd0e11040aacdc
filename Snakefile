"""What does pruning do to a network's uncertainty?

data → train → prune → fine-tune → infer → score → plot; a module of workflow/rules/ each.
"""

import sys
from pathlib import Path

from snakemake.cli import get_argument_parser

from pipeline.errors import PipelineError
from pipeline.running.plan import Plan
from pipeline.study import reading

if not workflow.configfiles:

    configfile: "config.yaml"


# The command line as Snakemake reads it, which tells a Snakefile nothing of it.
asked, _ = get_argument_parser().parse_known_args()

try:
    plan = Plan.load(
        reading.configured(
            config, map(Path, workflow.configfiles), workflow.config_settings.config
        ),
        whole=asked.forceall,
    )
except PipelineError as error:
    sys.exit(f"study: {error}")

# A forced job would leave at once, and would hide from Snakemake what is missing after it.
forced = plan.cached({*asked.forcerun, *(asked.targets if asked.force else ())})
if forced and workflow.is_main_process:
    sys.exit(
        f"{forced[0]}: -R and -f make nothing again here; use: python -m pipeline forget PLACE"
    )

if workflow.is_main_process:
    for note in plan.study.notes:
        print(f"study: {note}", file=sys.stderr)

# One job a device, unless told otherwise; without any, the resource is not limited.
if plan.jobs_on_gpus and "gpu" not in workflow.global_resources:
    workflow.register_resource("gpu", plan.jobs_on_gpus)

# Elsewhere than on this machine, the profile says how many CPUs a job gets.
cores = workflow.resource_settings.cores if workflow.is_main_process else None


wildcard_constraints:
    place="[^~]+",
    fingerprint="[0-9a-f]{8}",


include: "workflow/rules/common.smk"


localrules:
    all,
    figures,
    tables,
    predictions,


rule all:
    """Draw the tables and figures of the study."""
    input:
        unless_misled(plan.drawing),
    message:
        "the whole study"


rule figures:
    """The same: one job draws the figures and the tables, in seconds."""
    input:
        unless_misled(plan.drawing),
    message:
        "all figures"


rule tables:
    """The same: one job draws the figures and the tables, in seconds."""
    input:
        unless_misled(plan.drawing),
    message:
        "all tables"


rule predictions:
    """Everything that wants a GPU: the rest can be done on a laptop."""
    input:
        unless_misled(plan.predictions),
    message:
        "all predictions"


for place in filter(plan.at, asked.targets):

    rule:
        """The artifacts of a place that is named as a target."""
        name:
            place
        input:
            unless_misled(plan.at(place)),
        localrule: True
        message:
            "all at {rule}"


if not plan.frozen:

    include: "workflow/rules/data.smk"
    include: "workflow/rules/train.smk"
    include: "workflow/rules/prune.smk"
    include: "workflow/rules/finetune.smk"
    include: "workflow/rules/infer.smk"


include: "workflow/rules/score.smk"
include: "workflow/rules/plot.smk"


onstart:
    # Snakemake 9 re-arms a timer in each round of scheduling while jobs are ready, so that rounds
    # multiply with every job that ends; nothing here needs to be started more slowly.
    if workflow.executor_plugin.common_settings.local_exec:
        workflow.scheduler.job_rate_limiter = None


onsuccess:
    print(f"tables and figures: {plan.study_folder}")
