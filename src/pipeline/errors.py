"""The one error type that the pipeline raises for what a user can mend."""


class PipelineError(ValueError):
    """Something a user can mend; its message is one line that names what is wrong and what is expected."""
