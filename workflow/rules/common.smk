import sys

from snakemake.settings.types import RerunTrigger


def unless_misled(files):
    """The function of a rule's input, which refuses settings that would plan too much or too little.

    Snakemake knows them no sooner than it calls this.
    """

    def checked(_):
        if workflow.rerun_triggers != {RerunTrigger.MTIME}:
            sys.exit(
                "only missing files are made: a profile needs all keys of profiles/default"
            )
        return files

    return checked
