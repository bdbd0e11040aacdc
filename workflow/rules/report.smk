# A report shows what is drawn. To Snakemake these files are inputs that no rule makes: the rule
# that draws keeps its one output, and other runs know nothing of them.
drawn = []

if asked.report and workflow.is_main_process:
    # Planning does without what reads files.
    from pipeline.report import shown as reported

    try:
        drawn = reported.shown(plan.marker)
    except PipelineError as error:
        sys.exit(f"study: {error}")

shown = [
    snakemake_internals.in_report(
        each.file,
        category=each.category,
        caption=f"workflow/report/{each.caption}",
        labels={"shows": each.name, "format": each.file.suffix[1:]},
    )
    for each in drawn
]


report: "../report/study.rst"
