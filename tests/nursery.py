"""Programs of ours as processes that begin where their imports are done.

A nursery is a process that has imported what a program needs and forks for each start of it. What runs then is a
process of its own, with its own environment, files and signals; only the seconds that imports take are saved.
"""

from __future__ import annotations

import contextlib
import json
import os
import runpy
import select
import signal
import socket
import struct
import subprocess
import sys
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BROWNIE_PYTHON = ROOT / ".venv-brownie" / "bin" / "python"
_NUMBER = struct.Struct("i")


@cache
def command_line():
    """Starts `chromatrace` with the words given."""
    inspector = ("chromatrace.inspector.process", "chromatrace.inspector.adapters")
    return Nursery("chromatrace.cli", *inspector, "app.cli", "app.factory", "waitress")


@cache
def script(name):
    """Starts a script of `scripts/`."""
    return Nursery(f"scripts.{name}", "scripts.connection", "chromatrace.ethereum.manifest", python=BROWNIE_PYTHON)


class Nursery:
    """Runs `module` again and again as `python -m` does, with `others` imported before; ends with this process."""

    def __init__(self, module, *others, python=sys.executable):
        self._socket, theirs = socket.socketpair()
        command = [python, __file__, str(theirs.fileno()), module, *others]
        subprocess.Popen(  # its end is that of the socket
            command, pass_fds=[theirs.fileno()], cwd=ROOT, env=os.environ | {"COLUMNS": "200"}, stdin=subprocess.DEVNULL
        )
        theirs.close()

    def start(self, *arguments, stdin=None, stdout=None, stderr=None, env=None):
        """One run, in the project's folder; the streams are files or descriptors, `env` the whole environment."""
        request = json.dumps({"argv": list(map(str, arguments)), "env": dict(env or os.environ)}).encode()
        reads, tells = os.pipe()
        with Path(os.devnull).open("r+b", buffering=0) as nothing:
            streams = (nothing if one is None else one for one in (stdin, stdout, stderr))
            descriptors = [one if isinstance(one, int) else one.fileno() for one in streams]
            socket.send_fds(self._socket, [_NUMBER.pack(len(request))], [*descriptors, tells])
        self._socket.sendall(request)
        os.close(tells)
        return Offspring(reads)

    def run(self, *arguments, env=None):
        """One run to its end: its exit status, and what it wrote to its output and its errors."""
        with Path(os.devnull).open("rb") as nothing, _Capture() as out, _Capture() as err:
            status = self.start(*arguments, stdin=nothing, stdout=out.file, stderr=err.file, env=env).wait()
            return status, out.text(), err.text()


class Offspring:
    """A process that a nursery started; used as `subprocess.Popen` is."""

    def __init__(self, told):
        self._told, self.returncode = told, None
        self.pid = self._number()

    def poll(self):
        """Its exit status, or the negative signal that ended it; None while it runs."""
        return self._look(0)

    def wait(self, timeout=None):
        """Its exit status, as soon as there is one."""
        if self._look(timeout) is None:
            raise subprocess.TimeoutExpired(f"process {self.pid}", timeout)
        return self.returncode

    def send_signal(self, number):
        """A signal, unless it has ended; its end may be waiting to be told."""
        if self.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, number)

    def kill(self):
        self.send_signal(signal.SIGKILL)

    def _look(self, timeout):
        if self.returncode is None and select.select([self._told], [], [], timeout)[0]:
            self.returncode = self._number()
            os.close(self._told)
        return self.returncode

    def _number(self):
        return _NUMBER.unpack(os.read(self._told, _NUMBER.size))[0]


class _Capture:
    """A file in memory."""

    def __enter__(self):
        self.file = os.fdopen(os.memfd_create("said"), "w+b")
        return self

    def __exit__(self, *_):
        self.file.close()

    def text(self):
        self.file.seek(0)
        return self.file.read().decode()


def _fork_for_each_request(control, module):
    """Until the other end is closed. Returns in each program's process, ready to become the program."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    while True:
        size, descriptors, _, _ = socket.recv_fds(control, _NUMBER.size, 4)
        if not size:
            sys.exit()
        request = json.loads(control.recv(_NUMBER.unpack(size)[0], socket.MSG_WAITALL))
        if os.fork() == 0:
            control.close()
            _become(module, request, *descriptors)
            return
        for one in descriptors:
            os.close(one)


def _become(module, request, stdin, stdout, stderr, tells):
    """Forks once more: the one waits for the other, tells its number and at last its exit status."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)  # ignored where the tests run in the background
    os.setsid()
    if child := os.fork():
        for one in (0, 1, 2, stdin, stdout, stderr):
            os.close(one)
        os.write(tells, _NUMBER.pack(child))
        status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        signal.signal(signal.SIGPIPE, signal.SIG_DFL)  # nobody may want to know any more
        os.write(tells, _NUMBER.pack(status))
        os._exit(0)
    os.close(tells)
    for number, one in enumerate((stdin, stdout, stderr)):
        os.dup2(one, number)
        os.close(one)
    sys.stdin = os.fdopen(0, closefd=False)
    sys.stdout = os.fdopen(1, "w", buffering=1 if os.isatty(1) else -1, closefd=False)
    sys.stderr = os.fdopen(2, "w", buffering=1, errors="backslashreplace", closefd=False)
    os.environ.clear()
    os.environ.update(request["env"])
    sys.argv = [module, *request["argv"]]


if __name__ == "__main__":
    sys.path[0] = str(ROOT)
    for name in sys.argv[2:]:
        __import__(name)
    program = sys.argv[2]
    _fork_for_each_request(socket.socket(fileno=int(sys.argv[1])), program)
    runpy.run_module(program, run_name="__main__", alter_sys=True)
