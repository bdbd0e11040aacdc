"""What does pruning do to a network's uncertainty?

data → train → prune → fine-tune → infer → score → plot; a module of workflow/rules/ each.
"""

from snakemake.utils import min_version

min_version("9.19")


if not workflow.configfiles:

    configfile: "config.yaml"


wildcard_constraints:
    place="[^~]+",
    fingerprint="[0-9a-f]{8}",


include: "workflow/rules/common.smk"


for stage in jobs.stages:

    include: f"workflow/rules/{stage}.smk"


include: "workflow/rules/compare.smk"
include: "workflow/rules/plot.smk"
include: "workflow/rules/places.smk"
include: "workflow/rules/report.smk"


localrules:
    all,
    figures,
    tables,
    predictions,


rule all:
    """Draw the tables and figures of the study."""
    default_target: True
    input:
        unless_misled(jobs.report),
        shown,
    message:
        "the whole study"


rule figures:
    """The same: one job draws the figures and the tables, in seconds."""
    input:
        unless_misled(jobs.report),
        shown,
    message:
        "all figures"


rule tables:
    """The same: one job draws the figures and the tables, in seconds."""
    input:
        unless_misled(jobs.report),
        shown,
    message:
        "all tables"


rule predictions:
    """Everything that wants a GPU: the rest can be done on a laptop."""
    input:
        unless_misled(jobs.predictions),
    message:
        "all predictions"
