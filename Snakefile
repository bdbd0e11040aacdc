"""What does pruning do to a network's uncertainty?

data → train → prune → fine-tune → infer → score → plot; a module of workflow/rules/ each.
"""

import sys

from pipeline.errors import PipelineError
from pipeline.plan import Plan

if not workflow.configfiles:

    configfile: "config.yaml"


try:
    plan = Plan.load(config)
except PipelineError as error:
    sys.exit(f"study: {error}")

# A forced job would hide missing files that come after it, and would leave at once anyway.
if any(argument.startswith(("-R", "--forcerun")) for argument in sys.argv):
    sys.exit("-R makes nothing again here; use: python -m pipeline forget PLACE")

# One job a device, unless told otherwise; without any, the resource is not limited.
if plan.jobs_on_gpus and "gpu" not in workflow.global_resources:
    workflow.register_resource("gpu", plan.jobs_on_gpus)


wildcard_constraints:
    place="[^~]+",
    fingerprint="[0-9a-f]{8}",


localrules:
    all,
    predictions,


rule all:
    """Draw the tables and figures of the study."""
    input:
        plan.marker,
    message:
        "the whole study"


rule predictions:
    """Everything that wants a GPU: the rest can be done on a laptop."""
    input:
        plan.predictions,
    message:
        "all predictions"


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
