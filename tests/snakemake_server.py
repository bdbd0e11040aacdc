"""Snakemake's command line in forks of a process that has imported it, which is most of a plan.

Reads calls as JSON, a line each, and answers each with its exit status.
"""

import json
import os
import sys

from snakemake import cli

for line in sys.stdin:
    call = json.loads(line)
    child = os.fork()
    if not child:
        os.chdir(call["folder"])
        sys.path.insert(0, call["source"])
        sys.argv = ["snakemake", *call["arguments"]]
        printed = os.open(call["printed"], os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        os.dup2(printed, sys.stdout.fileno())
        os.dup2(printed, sys.stderr.fileno())
        cli.main()
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
