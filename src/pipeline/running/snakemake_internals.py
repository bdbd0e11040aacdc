"""What the Snakefile takes from inside Snakemake, where its language has no word for it.

Each function says what happens where a version of Snakemake has it no longer. All were tried with
9.19 and 9.27. The workflow that they are given is the one that a Snakefile knows as ``workflow``.
"""

import argparse
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from pipeline.running import failure


def command_line() -> argparse.Namespace:
    """The command line as Snakemake reads it, which tells a Snakefile nothing of it.

    Without it, ``-R`` and ``-f`` would hide from Snakemake what is missing after the forced job,
    and no place could be a target.
    """
    from snakemake.cli import get_argument_parser

    found: argparse.Namespace = get_argument_parser().parse_known_args()[0]
    return found


def configuration(workflow: Any) -> dict[str, Any]:
    """What ``--config`` gives, as Snakemake reads it.

    Without it, numbers inside of brackets would be text.
    """
    found: dict[str, Any] = workflow.config_settings.config or {}
    return found


def in_report(file: Path, **described: Any) -> str:
    """A file that ``--report`` shows, with its ``category``, ``caption`` and ``labels``.

    The function of Snakemake's language, which cannot begin a line there: the word is a directive.
    """
    from snakemake.io import report

    found: str = report(str(file), **described)
    return found


def limit(workflow: Any, resource: str, number: int) -> None:
    """Let jobs that run at once ask for so many of a resource, unless the user gave a number.

    Without it, all jobs that are ready would run on the GPUs at once.
    """
    if number and resource not in workflow.global_resources:
        workflow.register_resource(resource, number)


def cores(workflow: Any) -> int | None:
    """The CPUs of this machine that jobs may use; None where the profile gives each job its own.

    Without it, jobs that wait for a GPU would use one CPU each.
    """
    found: int | None = workflow.resource_settings.cores if workflow.is_main_process else None
    return found


def interpreter(workflow: Any) -> str:
    """The Python of the jobs: the one that runs Snakemake, or that of the rules' environments.

    Without it, ``--sdm conda`` would not use the environment that it made.
    """
    from snakemake.settings.types import DeploymentMethod

    deployed = DeploymentMethod.CONDA in workflow.deployment_settings.deployment_method
    return "python" if deployed else sys.executable


def makes_missing_files_only(workflow: Any) -> bool:
    """Whether time stamps alone make Snakemake run a job again.

    It is known no sooner than Snakemake asks for inputs. Without it, a profile that lacks
    ``rerun-triggers: [mtime]`` would plan half of the work.
    """
    from snakemake.settings.types import RerunTrigger

    return bool(workflow.rerun_triggers == {RerunTrigger.MTIME})


def ignore_clocks() -> None:
    """Take outputs that are older than an input for what they are: made from it.

    A job fails by "clock skew" where its input has a time stamp in the future. Here a path says
    what a file was made from, and time stamps say nothing. Without it, a run ends after each job
    whose input is from the future.
    """
    from snakemake.dag import DAG

    async def unchecked(*_: Any, **__: Any) -> None:
        pass

    DAG.check_output_mtime = unchecked


def start_at_once(workflow: Any) -> None:
    """Start local jobs as soon as they are ready.

    Snakemake 9 re-arms a timer in each round of scheduling while jobs are ready, so that rounds
    multiply with every job that ends. Without it, thousands of short jobs take some times longer.
    """
    if workflow.executor_plugin.common_settings.local_exec:
        workflow.scheduler.job_rate_limiter = None


def retry_what_can_succeed(workflow: Any) -> None:
    """Submit a job again only if it did not fail for good, as :mod:`pipeline.running.failure` says.

    Snakemake knows the number of retries, but not why a job ended. Without it, a job that cannot
    succeed is submitted as often as one that was stopped.
    """
    handle: Callable[..., None] = workflow.scheduler._handle_error

    def handle_error(job: Any, *arguments: Any, **settings: Any) -> None:
        if _is_hopeless(list(job.jobs) if job.is_group() else [job]):
            # Not by the property, which would compute resources anew that are about to be freed.
            job._attempt = max(job.attempt, job.restart_times + 1)
        handle(job, *arguments, **settings)

    workflow.scheduler._handle_error = handle_error


def _is_hopeless(jobs: list[Any]) -> bool:
    """Whether jobs that were submitted together all are done, failed for good, or wait for such."""
    # Each is asked, so that what is left over misleads no later run.
    lost = [job for job in jobs if failure.forget(Path(job.output[0]).parent)]
    undecided = [job for job in jobs if job not in lost]
    for _ in jobs:
        gone = {str(file) for job in lost for file in job.output}
        lost += [job for job in undecided if gone.intersection(map(str, job.input))]
        undecided = [job for job in undecided if job not in lost]
    done = all(Path(file).exists() for job in undecided for file in job.output)
    return bool(lost) and done
