"""A SLURM cluster of this machine alone, started for the tests and stopped after them.

Two nodes, the first with four GPUs that are none: SLURM only wants to see character devices. It
does without systemd, cgroups and job accounting, and listens on this machine's own address only.
"""

import os
import shutil
import signal
import socket
import subprocess
from contextlib import suppress
from pathlib import Path

from support import is_alive, wait_for

PROGRAMS = ("munged", "slurmctld", "slurmd", "sbatch")
CLIENTS = (
    "srun",
    "sbatch",
    "squeue",
    "scancel",
    "scontrol",
    "sinfo",
    "sacct",
    "sacctmgr",
    "sshare",
)

CONFIGURATION = """\
ClusterName=test
SlurmctldHost={host}({address})
SlurmctldPort={port}
SlurmUser={user}
SlurmdUser={user}
CommunicationParameters=NoCtldInAddrAny,NoInAddrAny
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket,cred_expire=5
CredType=cred/munge
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool.%n
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/%n.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/%n.log
MailProg=/bin/true
ProctrackType=proctrack/pgid
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
SlurmdParameters=config_overrides
SchedulerParameters=bf_interval=3,sched_interval=3
ReturnToService=2
SlurmctldTimeout=30
SlurmdTimeout=10
KillWait=5
MinJobAge=3600
GresTypes=gpu
NodeName=n1 NodeHostname={host} NodeAddr={address} Port={port1} CPUs=16 RealMemory=64000 Gres=gpu:4
NodeName=n2 NodeHostname={host} NodeAddr={address} Port={port2} CPUs=16 RealMemory=64000
PartitionName=cpu Nodes=n[1-2] Default=YES MaxTime=1440
PartitionName=gpu Nodes=n1 MaxTime=1440
"""


def missing() -> list[str]:
    """The programs of SLURM that this machine lacks."""
    return [name for name in PROGRAMS if _program(name) is None]


class Cluster:
    """A running cluster; :meth:`stop` ends all that it started."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.bin = folder / "bin"
        self.configuration = folder / "slurm.conf"
        for name in ("bin", "state", "spool.n1", "spool.n2", "gpus"):
            (folder / name).mkdir(parents=True)
        folder.chmod(0o711)

    def start(self) -> None:
        """Start the daemons and wait until both nodes are idle."""
        host = socket.gethostname().split(".")[0]
        port, port1, port2 = _free_ports(3)
        self.configuration.write_text(
            CONFIGURATION.format(
                folder=self.folder,
                host=host,
                address=_address(host),
                user=_run("id", "-un").strip(),
                port=port,
                port1=port1,
                port2=port2,
            )
        )
        for number, device in enumerate(("null", "zero", "full", "random")):
            (self.folder / "gpus" / f"gpu{number}").symlink_to(f"/dev/{device}")
        gpus = f"NodeName=n1 Name=gpu File={self.folder}/gpus/gpu[0-3]\n"
        (self.folder / "gres.conf").write_text(gpus)
        self._write_clients()
        self._start_munge()
        _run("slurmctld", "-c", "-f", str(self.configuration))
        for node in ("n1", "n2"):
            self.start_node(node)
        wait_for(lambda: self.nodes() == {"n1": "idle", "n2": "idle"}, 60, "idle nodes")

    def _write_clients(self) -> None:
        """Clients that find the cluster: its jobs lose every SLURM_ variable, SLURM_CONF too."""
        for name in CLIENTS:
            if program := _program(name):
                client = self.bin / name
                client.write_text(
                    f'#!/bin/sh\nSLURM_CONF={self.configuration} exec {program} "$@"\n'
                )
                client.chmod(0o755)

    def _start_munge(self) -> None:
        key = self.folder / "munge.key"
        key.write_bytes(os.urandom(1024))
        key.chmod(0o400)
        _run(
            "munged",
            "--force",
            f"--key-file={key}",
            *(f"--{what}={self.folder}/munge.{what.split('-')[0]}"
              for what in ("socket", "pid-file", "seed-file", "log-file")),
        )  # fmt: skip

    def call(self, client: str, *arguments: str) -> str:
        """What one of SLURM's clients prints."""
        return _run(str(self.bin / client), *arguments)

    def nodes(self) -> dict[str, str]:
        """The state of each node."""
        with suppress(subprocess.CalledProcessError):
            lines = self.call("sinfo", "--noheader", "--Node", "--format=%N %T").splitlines()
            return dict(line.split() for line in lines)
        return {}

    def jobs(self, form: str = "%T", *arguments: str) -> dict[str, list[str]]:
        """By job id, a column of ``squeue --format`` for each part of `form` between bars."""
        lines = self.call("squeue", "--noheader", "--states=all", f"--format=%i|{form}", *arguments)
        return {job: columns for job, *columns in (x.split("|") for x in lines.splitlines())}

    def start_node(self, node: str) -> None:
        """Start a node's daemon."""
        _run("slurmd", "-f", str(self.configuration), "-N", node)

    def kill_node(self, node: str) -> None:
        """Kill a node's daemon without warning; the jobs on it live on."""
        os.kill(int((self.folder / f"{node}.pid").read_text()), signal.SIGKILL)

    def lose_node(self, node: str, job: str) -> None:
        """Kill a node's daemon and all of a job that runs on it, as a power cut does."""
        self.kill_node(node)
        # First those that would report how the job's own processes end.
        for is_lost in (self._is_step, self._is_within):
            for process in Path("/proc").glob("[0-9]*"):
                with suppress(OSError):
                    if is_lost(process, job):
                        os.kill(int(process.name), signal.SIGKILL)

    def _is_step(self, process: Path, job: str) -> bool:
        command = (process / "cmdline").read_bytes()
        return (
            command.startswith(f"slurmstepd: [{job}.".encode())
            and (process / "cwd").resolve() == self.folder
        )

    def _is_within(self, process: Path, job: str) -> bool:
        environment = (process / "environ").read_bytes()
        return f"SLURM_JOB_ID={job}\0".encode() in environment and bytes(self.bin) in environment

    def stop(self) -> None:
        """Cancel all jobs and end all daemons."""
        with suppress(subprocess.SubprocessError, OSError):
            self.call("scancel", "--user", _run("id", "-un").strip())
            wait_for(self._is_idle, 20, "the end of all jobs")
        for file in ("n1.pid", "n2.pid", "slurmctld.pid", "munge.pid"):
            with suppress(OSError, ValueError):
                _end(int((self.folder / file).read_text()))

    def _is_idle(self) -> bool:
        return not self.call("squeue", "--noheader")


def _program(name: str) -> str | None:
    # Daemons lie where only root's PATH leads.
    return shutil.which(name, path=f"{os.environ['PATH']}{os.pathsep}/usr/sbin")


def _run(name: str, *arguments: str) -> str:
    command = [_program(name) or name, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=30)
    return done.stdout


def _end(process: int) -> None:
    os.kill(process, signal.SIGTERM)
    with suppress(TimeoutError):
        wait_for(lambda: not is_alive(process), 10, "its end")
        return
    os.kill(process, signal.SIGKILL)


def _address(host: str) -> str:
    """The address of this machine under its own name."""
    try:
        return socket.gethostbyname(host)
    except OSError:
        return "127.0.0.1"


def _free_ports(count: int) -> list[int]:
    """Ports that nobody uses."""
    sockets = [socket.create_server(("", 0)) for _ in range(count)]
    try:
        return [each.getsockname()[1] for each in sockets]
    finally:
        for each in sockets:
            each.close()
