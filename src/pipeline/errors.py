"""The pipeline's own exceptions."""


class PipelineError(ValueError):
    """Something a user can mend: one line that names what is wrong and what is expected."""


class Interrupted(Exception):
    """Training was asked to stop; it has written down where it is."""
