"""A local development chain: Anvil as a subprocess that ends with its context.

The hard fork is pinned, because Anvil's default changes between releases. Transactions are limited to 2^24 gas
(EIP-7825), as on public chains.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Literal, Self

from chromatrace.chain.dev_state import keep_one_genesis, lock_state
from chromatrace.domain.errors import NotFound, Unavailable
from chromatrace.ethereum.errors import ChainUnavailableError, RpcError
from chromatrace.ethereum.rpc import RpcClient
from chromatrace.storage.lock import ProcessLock
from chromatrace.storage.ports import held_port

_START_S = 180.0
_BLOCK_GAS = 10**9
"""With Anvil's default of 3e7, a burst fills a block and the rest waits until the next transaction arrives."""
_STOP_S = 60.0
_ENDS_WITH_STARTER = """
import ctypes, os, signal, sys
try:
    ctypes.CDLL(None).prctl(1, signal.SIGTERM)
except (OSError, AttributeError):
    pass
if os.getppid() == int(sys.argv[1]):
    os.execv(sys.argv[2], sys.argv[2:])
"""
"""Ask Linux to send SIGTERM when the starting thread ends (PR_SET_PDEATHSIG), then become the node. On SIGTERM the node
writes its state and ends."""


def ends_with_starter(command: Sequence[str]) -> list[str]:
    """Return a command line that runs `command` and, on Linux, ends it if the thread that starts it dies."""
    return [sys.executable, "-I", "-S", "-c", _ENDS_WITH_STARTER, str(os.getpid()), *command]


class DevNode:
    """A development chain that lasts as long as its context, and on Linux no longer than the thread that started it.

    port          0: any free port
    state_path    file that keeps the chain across restarts; None: discard the chain at the end
    block_time_s  seconds between blocks; None: a block as soon as there is a transaction
    history       keep old states: needed for reorganisations and reads at old blocks; slower with each block
    rules         hard fork; "cancun" has no precompiles of EIP-2537
    options       further command-line options of the node
    """

    def __init__(
        self,
        port: int = 0,
        state_path: str | Path | None = None,
        block_time_s: float | None = None,
        chain_id: int = 31337,
        *,
        history: bool = False,
        rules: Literal["prague", "cancun"] = "prague",
        options: Sequence[str] = (),
    ) -> None:
        self.port = port
        self._any_port = port == 0
        self.chain_id = chain_id
        self._state_path = Path(state_path) if state_path is not None else None
        self._block_time_s = block_time_s
        self._history = history
        self._rules = rules
        self._options = list(options)
        self._process: subprocess.Popen[bytes] | None = None
        self._log: Path | None = None
        self._lock: ProcessLock | None = None

    @property
    def url(self) -> str:
        """The URL of its JSON-RPC endpoint."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def running(self) -> bool:
        """Whether the process is running."""
        return self._process is not None and self._process.poll() is None

    def rpc(self, timeout_s: float = 120.0) -> RpcClient:
        """Return a new client."""
        return RpcClient(self.url, timeout_s)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def start(self) -> None:
        """Start the node and return when it answers.

        Raises `Conflict` if the port or the state is in use, `Unavailable` if the node does not start.
        """
        if self.running:
            return
        with held_port("127.0.0.1", 0 if self._any_port else self.port, field="chain_port") as port:
            self.port = port
            inherited: tuple[int, ...] = ()
            if self._state_path is not None:
                self._lock = lock_state(self._state_path)
                inherited = (self._lock.descriptor,)
            try:
                self._launch(inherited)
            except BaseException:
                self.stop()
                raise

    def _launch(self, inherited: tuple[int, ...]) -> None:
        if self._state_path is not None:
            keep_one_genesis(self._state_path)
        descriptor, name = tempfile.mkstemp(prefix="chromatrace-anvil-", suffix=".log")
        self._log = Path(name)
        with os.fdopen(descriptor, "wb") as log:
            self._process = subprocess.Popen(  # noqa: S603 - a fixed command
                ends_with_starter(self._command()),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                pass_fds=inherited,
            )
        if self._lock is not None:
            self._lock.name_holder(self._process.pid)
        deadline = time.monotonic() + _START_S
        # The process must be alive before and after the answer: otherwise another server answered.
        while not (self.running and self._answers() and self.running):
            if not self.running or time.monotonic() > deadline:
                tail = self._log.read_text(encoding="utf-8", errors="replace")[-400:]
                raise Unavailable(f"Anvil did not start: {tail.strip()}", field="devnode")
            time.sleep(0.02)

    def stop(self) -> None:
        """Stop the node. It writes its state first, if it keeps one."""
        if self._process is not None:
            self._process.terminate()
            try:
                self._process.wait(_STOP_S)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
            self._process = None
        if self._log is not None:
            self._log.unlink(missing_ok=True)
            self._log = None
        if self._lock is not None:
            self._lock.close()
            self._lock = None

    def _answers(self) -> bool:
        try:
            return int(RpcClient(self.url, 5.0).call("eth_chainId"), 16) == self.chain_id
        except (ChainUnavailableError, RpcError):
            return False

    def _command(self) -> list[str]:
        command = [_program("anvil"), "--host", "127.0.0.1", "--port", str(self.port)]
        command += ["--chain-id", str(self.chain_id), "--hardfork", self._rules, "--enable-tx-gas-limit", "--quiet"]
        command += ["--gas-limit", str(_BLOCK_GAS)]
        command += [] if self._history else ["--prune-history"]
        command += ["--state", str(self._state_path)] if self._state_path else []
        command += ["--block-time", f"{self._block_time_s:g}"] if self._block_time_s else []
        return command + self._options


def _program(name: str) -> str:
    for folder in (Path.cwd(), *Path.cwd().parents, *Path(__file__).resolve().parents):
        candidate = folder / "node_modules" / ".bin" / name
        if candidate.exists():
            return str(candidate)
    program = shutil.which(name)
    if program is None:
        raise NotFound(f"the program {name!r} is not installed", field="devnode", hint="run `make setup`")
    return program
