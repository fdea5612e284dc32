"""A machine with variables and methods over OPC UA: the program, its name, and start and stop."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from typing import Any, Self, TypeVar

from asyncua import ua

from chromatrace.ingest.opcua.session import CONNECTION_ERRORS, Session, connected
from chromatrace.ingest.opcua.settings import OpcUaSettings
from chromatrace.plant.program_plans import OpcUaPort
from chromatrace.programs.errors import MachineUnavailableError
from chromatrace.programs.port import Loaded
from chromatrace.storage.closing import Closing

_Result = TypeVar("_Result")


class OpcUaProgramPort(Closing):
    """See `ProgramPort`. Keeps one connection. Raises as `connected`."""

    def __init__(self, settings: OpcUaSettings, nodes: OpcUaPort) -> None:
        self._url, self._nodes = settings.url, nodes
        self._runner = asyncio.Runner()
        self._stack = AsyncExitStack()
        try:
            self._session: Session = self._runner.run(self._stack.enter_async_context(connected(settings)))
        except BaseException:
            self._runner.close()
            raise

    def __enter__(self) -> Self:
        return self

    def close(self) -> None:
        """Close the connection."""
        try:
            self._runner.run(self._stack.aclose())
        finally:
            self._runner.close()

    def load(self, name: str, content: bytes) -> None:
        """Write the program and its name."""
        self._run(lambda: self._session.write(self._nodes.program, content))
        self._run(lambda: self._session.write(self._nodes.name, name))

    def loaded(self) -> Loaded | None:
        """Read the program and its name."""
        content: Any = self._run(lambda: self._session.read(self._nodes.program))
        name: Any = self._run(lambda: self._session.read(self._nodes.name))
        return Loaded(str(name or ""), bytes(content)) if content else None

    def unload(self) -> None:
        """Write an empty program."""
        self.load("", b"")

    def start(self) -> None:
        """Call the method start."""
        self._run(lambda: self._session.call(self._nodes.object, self._nodes.start, []))

    def stop(self) -> None:
        """Call the method stop."""
        self._run(lambda: self._session.call(self._nodes.object, self._nodes.stop, []))

    def running(self) -> bool:
        """Read whether the machine runs."""
        return bool(self._run(lambda: self._session.read(self._nodes.running)))

    def _run(self, request: Callable[[], Awaitable[_Result]]) -> _Result:
        async def send() -> _Result:
            return await request()

        try:
            return self._runner.run(send())
        except (*CONNECTION_ERRORS, ua.UaError) as error:
            raise MachineUnavailableError(
                f"{self._url}: {error or type(error).__name__}", field="source", hint="check the machine and the nodes"
            ) from error
