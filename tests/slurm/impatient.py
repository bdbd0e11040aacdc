"""Snakemake that looks for the end of its SLURM jobs each second.

The executor waits ten seconds longer each time that nothing has ended, which no setting changes.
"""

from snakemake.cli import main
from snakemake_executor_plugin_slurm import Executor

Executor.next_seconds_between_status_checks = property(lambda self: 1, lambda self, seconds: None)

if __name__ == "__main__":
    main()
