"""Small helpers around the workflow: ``python -m pipeline --help``."""

import argparse
import os
import signal
import sys
from pathlib import Path

from pipeline.commands import (
    code,
    forget,
    gc,
    pack,
    published,
    record,
    status,
    unpack,
    verify,
    where,
)
from pipeline.errors import PipelineError

COMMANDS = (status, where, verify, forget, gc, code, pack, unpack, published, record)


def main() -> None:
    """Run one of the helpers; what a user can mend ends it in one line."""
    arguments = _parser().parse_args()
    try:
        result = arguments.run(arguments)
        sys.stdout.flush()
    except PipelineError as error:
        sys.exit(str(error))
    except BrokenPipeError:
        # Whoever read the output has closed it, as `head` does: nothing can be said any more.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        result = 128 + signal.SIGPIPE
    except OSError as error:
        sys.exit(f"{error.filename or arguments.artifacts}: {error.strerror or error}")
    sys.exit(result)


def _name() -> str:
    """What the program was called as: the installed script, or the module."""
    called = Path(sys.argv[0]).name
    return "python -m pipeline" if called == "__main__.py" else called


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog=_name(), description=__doc__)
    parser.add_argument("--artifacts", type=Path, default=Path("artifacts"), metavar="DIR")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for command in COMMANDS:
        command.add(commands)
    return parser


if __name__ == "__main__":
    main()
