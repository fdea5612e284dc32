"""The worker processes of a portal. gunicorn starts, watches and stops them; `app.server` serves HTTP in each."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from functools import partial
from typing import TYPE_CHECKING

from gunicorn.app.base import BaseApplication
from gunicorn.arbiter import Arbiter
from gunicorn.workers.base import Worker

from app import background
from app.factory import create_app
from app.server import DRAIN_S, HttpServer
from app.settings import PortalSettings
from chromatrace.plant.erp import ERP
from chromatrace.services.orders.desk import OrderDesk, desk_of_portal
from chromatrace.services.orders.outgoing import Webhooks
from chromatrace.services.records import plant_of
from chromatrace.services.workspace import Workspace

if TYPE_CHECKING:
    from types import FrameType

    from flask import Flask


_HUNG_S = 60
"""Seconds without a sign of life after which gunicorn replaces a worker."""
_STOP_SIGNALS = {signal.SIGINT, signal.SIGQUIT, signal.SIGTERM}

Start = Callable[[], AbstractContextManager["Flask"]]
"""Starts the portal in a worker: yields the application, with its background tasks running."""


def serve(start: Start, config: PortalSettings, listening: Callable[[], None]) -> None:
    """Serve until SIGINT or SIGTERM, then raise `SystemExit`: 0, or another status if a worker cannot start.

    listening  called once connections are accepted
    A worker that ends is replaced. Call this without running threads and open connections: the workers are forks.
    """
    _Arbiter(_Gunicorn(start, config, listening)).run()


def prepare(workspace: Workspace, config: PortalSettings) -> Start:
    """Check the configuration, bring the index up to date, and return a function that starts a worker."""
    config.require_proxy()
    signer = workspace.signer if config.capture_department else None
    plant = plant_of(workspace.settings.plant)

    def create(own: Workspace) -> Flask:
        return create_app(config, own.spool, signer, plant, partial(desk_of_portal, own, plant))

    create(workspace).extensions["portal"].close()
    _ = workspace.index

    @contextmanager
    def start() -> Iterator[Flask]:
        with workspace.with_settings() as own:  # opens connections of its own
            app = create(own)
            tasks: dict[str, background.Task] = {
                "follower": lambda stop: _follow(own, stop),
                "delivery": lambda stop: background.deliver(app, stop),
            }
            orders: OrderDesk = app.extensions["portal"].orders
            if plant.section(ERP).webhooks:
                tasks["webhooks"] = Webhooks(orders).run
            with background.elected(config.data_folder / "portal.lock", tasks):
                yield app
            app.extensions["portal"].close()

    return start


def _follow(workspace: Workspace, stop: threading.Event) -> None:
    from chromatrace.index import Follower

    Follower(workspace.open_index(), workspace.rpc, workspace.manifest).run(stop)


class _Arbiter(Arbiter):
    """The parent process."""

    def spawn_worker(self) -> int:
        """Start a worker. A signal that reaches it before it has installed its handlers waits for them."""
        signal.pthread_sigmask(signal.SIG_BLOCK, _STOP_SIGNALS)
        try:
            return int(super().spawn_worker())
        finally:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, _STOP_SIGNALS)


class _Gunicorn(BaseApplication):
    """gunicorn's configuration."""

    def __init__(self, start: Start, config: PortalSettings, listening: Callable[[], None]) -> None:
        self.start, self.config, self._listening = start, config, listening
        super().__init__()

    def load_config(self) -> None:
        host = f"[{self.config.host}]" if ":" in self.config.host else self.config.host
        settings = {
            "bind": f"{host}:{self.config.port}",
            "workers": self.config.worker_count,
            "worker_class": _PortalWorker,
            "timeout": _HUNG_S,
            "graceful_timeout": 3 * DRAIN_S,
            "when_ready": lambda _: self._listening(),
            "loglevel": "warning",
            "control_socket_disable": True,
            "proc_name": "chromatrace portal",
        }
        for name, value in settings.items():
            self.cfg.set(name, value)

    def load(self) -> None:
        """Load nothing: each worker starts the portal itself."""


class _PortalWorker(Worker):
    """One worker process."""

    alive: bool
    server: HttpServer | None = None

    def init_signals(self) -> None:
        super().init_signals()
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _STOP_SIGNALS)

    def load_wsgi(self) -> None:
        """Start the portal. An error ends all workers: a replacement would fail as well."""
        self.running = ExitStack()
        self.flask = self.running.enter_context(self.app.start())

    def run(self) -> None:
        with self.running:
            self.server = HttpServer(self.flask, self.app.config, self.sockets[0].sock)
            self.server.run(self._proceed)

    def _proceed(self) -> bool:
        self.notify()
        return bool(self.alive and self.ppid == os.getppid())

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Finish running requests, then end. A second signal has no effect."""
        if self.alive and self.server is not None:
            self.server.wake()
        self.alive = False

    handle_quit = handle_exit
