"""Commands in forks of a process that has imported Snakemake, which is most of what a plan costs.

Reads calls as JSON, a line each, and answers each with its exit status. What forks can use again
lies in this process: libraries, Snakemake's plugins, and the syntax trees of the package's sources
as they are here, by their content. The package itself is imported by each fork, from its project.
"""

import ast
import atexit
import gc
import importlib
import json
import os
import runpy
import signal
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

from snakemake import cli

# What a plan imports besides.
LIBRARIES = ("jinja2", "jsonschema", "numpy", "packaging.requirements", "requests", "smart_open",
             "snakemake.report.html_reporter", "snakemake.storage", "yaml", "yte")  # fmt: skip
PACKAGE = Path(__file__).parents[1] / "src" / "pipeline"
SECONDS = 3600


def remembering(parse: Callable[..., ast.AST]) -> Callable[..., ast.AST]:
    """`ast.parse` that parses each of the package's sources once."""
    trees = {source: parse(source) for source in map(Path.read_bytes, PACKAGE.rglob("*.py"))}

    def parsed(source: Any, *arguments: Any, **words: Any) -> ast.AST:
        if "/src/pipeline/" in words.get("filename", "") and source in trees:
            return trees[source]
        return parse(source, *arguments, **words)

    return parsed


def answer(call: dict[str, Any]) -> None:
    """Run a module as ``python -m`` does, and end this process with its exit status."""
    signal.alarm(SECONDS)
    os.chdir(call["folder"])
    os.environ.clear()
    os.environ.update(call["environment"])
    sys.path[:0] = [call["folder"], *call["environment"]["PYTHONPATH"].split(os.pathsep)]
    module, *arguments = call["command"]
    sys.argv = [module, *arguments]
    printed = [
        os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND)
        for file in (call["printed"], call["complained"])
    ]
    for stream, file in enumerate((os.open(os.devnull, os.O_RDONLY), *printed)):
        os.dup2(file, stream)
    sys.stdin = open(0)  # noqa: SIM115
    status: Any = 0
    try:
        if module == "snakemake":
            cli.main()
        else:
            runpy.run_module(module, run_name="__main__", alter_sys=True)
    except SystemExit as ended:
        status = ended.code or 0
        if isinstance(status, str):
            print(status, file=sys.stderr)
            status = 1
    except BaseException:
        traceback.print_exc()
        status = 1
    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)  # Taking the libraries down would cost a third of a plan.


for library in LIBRARIES:
    importlib.import_module(library)
cli.get_argument_parser()
ast.parse = remembering(ast.parse)  # type: ignore[assignment]
gc.disable()
gc.freeze()
for line in sys.stdin:
    child = os.fork()
    if not child:
        answer(json.loads(line))
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
