"""What all rules share: the plan of the study, and what Snakemake is told beside it."""

import sys
from pathlib import Path

# The package that belongs to this workflow, installed or not.
sys.path.insert(0, str(Path(workflow.basedir) / "src"))

from pipeline.errors import PipelineError
from pipeline.running import snakemake_internals
from pipeline.running.plan import Plan
from pipeline.running.rules import Rules
from pipeline.study import reading

asked = snakemake_internals.command_line()

try:
    plan = Plan.load(
        reading.configured(
            config,
            map(Path, workflow.configfiles),
            snakemake_internals.configuration(workflow),
        )
    )
    jobs = Rules(
        plan,
        whole=asked.forceall,
        cores=snakemake_internals.cores(workflow),
        python=snakemake_internals.interpreter(workflow),
    )
    forced = {*asked.forcerun, *(asked.targets if asked.force else ())}
    if workflow.is_main_process:
        jobs.refuse(asked.targets, forced)
        for note in plan.study.notes:
            print(f"study: {note}", file=sys.stderr)
except PipelineError as error:
    sys.exit(f"study: {error}")

# One job per device, unless told otherwise; without any, the resource is not limited.
snakemake_internals.limit(workflow, "gpu", jobs.jobs_on_gpus)
snakemake_internals.ignore_clocks()


def unless_misled(files):
    """The function of a rule's input, which refuses settings that would plan too much or too little.

    Snakemake knows them no sooner than it calls this.
    """

    def checked(_):
        if not snakemake_internals.makes_missing_files_only(workflow):
            sys.exit(
                "only missing files are made: a profile needs all keys of profiles/default"
            )
        return files

    return checked


onstart:
    snakemake_internals.start_at_once(workflow)
    snakemake_internals.retry_what_can_succeed(workflow)


onsuccess:
    if jobs.draws(asked.targets):
        print(f"tables and figures: {plan.study_folder}")
