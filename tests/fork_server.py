"""Start the project's programs without the time that imports take.

A fork server is a process that has imported what a program needs, and forks for each start of it. The program then runs
in its own process, with its own environment, files and signals.
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
    """Return the fork server of the `chromatrace` command."""
    inspector = ("chromatrace.inspector.process", "chromatrace.inspector.adapters")
    libraries = ("chromatrace.ethereum.strict_abi", "eth_account", "rlp", "waitress")
    return ForkServer("chromatrace.cli", *inspector, "app.cli", "app.factory", *libraries)


@cache
def script(name):
    """Return the fork server of a script in `scripts/`."""
    return ForkServer(f"scripts.{name}", "scripts.connection", "chromatrace.ethereum.manifest", python=BROWNIE_PYTHON)


class ForkServer:
    """Runs `module` like `python -m`, with `others` already imported. It ends with the process that created it."""

    def __init__(self, module, *others, python=sys.executable):
        self._socket, child_socket = socket.socketpair()
        command = [python, __file__, str(child_socket.fileno()), module, *others]
        subprocess.Popen(  # ends when the socket closes
            command,
            pass_fds=[child_socket.fileno()],
            cwd=ROOT,
            env=os.environ | {"COLUMNS": "200"},
            stdin=subprocess.DEVNULL,
        )
        child_socket.close()

    def start(self, *arguments, stdin=None, stdout=None, stderr=None, env=None):
        """Start the program in the project's folder. Streams are files or descriptors; `env` is the environment."""
        request = json.dumps({"argv": list(map(str, arguments)), "env": dict(env or os.environ)}).encode()
        status_reader, status_writer = os.pipe()
        with Path(os.devnull).open("r+b", buffering=0) as null:
            streams = (null if stream is None else stream for stream in (stdin, stdout, stderr))
            descriptors = [stream if isinstance(stream, int) else stream.fileno() for stream in streams]
            socket.send_fds(self._socket, [_NUMBER.pack(len(request))], [*descriptors, status_writer])
        self._socket.sendall(request)
        os.close(status_writer)
        return ForkedProcess(status_reader)

    def run(self, *arguments, env=None):
        """Run the program to its end; return its exit status, output and errors."""
        with Path(os.devnull).open("rb") as null, _Capture() as out, _Capture() as err:
            status = self.start(*arguments, stdin=null, stdout=out.file, stderr=err.file, env=env).wait()
            return status, out.text(), err.text()


class ForkedProcess:
    """A process that a fork server started; used like `subprocess.Popen`."""

    def __init__(self, status_reader):
        self._status_reader, self.returncode = status_reader, None
        self.pid = self._number()

    def poll(self):
        """Return its exit status, or the negative number of the signal that ended it; None while it runs."""
        return self._read_status(0)

    def wait(self, timeout=None):
        """Wait for its end and return its exit status."""
        if self._read_status(timeout) is None:
            raise subprocess.TimeoutExpired(f"process {self.pid}", timeout)
        return self.returncode

    def send_signal(self, number):
        """Send a signal, unless the process has ended."""
        if self.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, number)

    def kill(self):
        self.send_signal(signal.SIGKILL)

    def _read_status(self, timeout):
        if self.returncode is None and select.select([self._status_reader], [], [], timeout)[0]:
            self.returncode = self._number()
            os.close(self._status_reader)
        return self.returncode

    def _number(self):
        return _NUMBER.unpack(os.read(self._status_reader, _NUMBER.size))[0]


class _Capture:
    """A file in memory."""

    def __enter__(self):
        self.file = os.fdopen(os.memfd_create("output"), "w+b")
        return self

    def __exit__(self, *_):
        self.file.close()

    def text(self):
        self.file.seek(0)
        return self.file.read().decode()


def _fork_for_each_request(control, module):
    """Serve requests until the other end closes. Returns in the process of each program."""
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
        for descriptor in descriptors:
            os.close(descriptor)


def _become(module, request, stdin, stdout, stderr, status_writer):
    """Fork again: the parent waits for the child and reports its process id and its exit status."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)  # ignored if the tests run in the background
    os.setsid()
    if child := os.fork():
        for descriptor in (0, 1, 2, stdin, stdout, stderr):
            os.close(descriptor)
        os.write(status_writer, _NUMBER.pack(child))
        status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        signal.signal(signal.SIGPIPE, signal.SIG_DFL)  # the reader may have closed
        os.write(status_writer, _NUMBER.pack(status))
        os._exit(0)
    os.close(status_writer)
    for number, descriptor in enumerate((stdin, stdout, stderr)):
        os.dup2(descriptor, number)
        os.close(descriptor)
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
