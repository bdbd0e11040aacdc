"""The pipeline's own exceptions."""


class PipelineError(ValueError):
    """Something a user can mend: one line that names what is wrong and what is expected."""


class Interrupted(Exception):
    """Training was asked to stop; it has written down where it is."""


def first_line(error: Exception) -> str:
    """What an error says, in one line."""
    return (str(error).strip() or type(error).__name__).splitlines()[0]
