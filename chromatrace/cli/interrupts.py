"""Ctrl-C and SIGTERM.

A command that ends by itself is interrupted: it prints one word on standard error and exits with status 130 (128 +
SIGINT). A long-running command (`chain start`, `demo`, `portal serve`, `plant`, `gateway run`, `ingest opcua`,
`ingest mqtt`, `ingest modbus`, `log anchor --watch`, `index sync --watch`, `inspection run`, `twin run`) shuts down and
exits with status 0, or 1 if it has an error to report. SIGTERM, which supervisors send, has the same effect on
long-running commands.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import click

from chromatrace.cli.output import err

INTERRUPTED = 128 + signal.SIGINT


@contextmanager
def interruptible() -> Iterator[None]:
    """Turn Ctrl-C in the block, also at a prompt, into one word and exit status 130."""
    try:
        yield
    except (KeyboardInterrupt, click.Abort) as error:
        if not _by_ctrl_c(error):
            raise
        err().print("\ninterrupted" if err().is_terminal else "interrupted")
        raise SystemExit(INTERRUPTED) from None


def stop_event() -> threading.Event:
    """Return an event that Ctrl-C and SIGTERM set from now on, instead of raising an exception."""
    event = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: event.set())
    return event


@contextmanager
def stopped_by_signal() -> Iterator[None]:
    """End the block at any point, also at a prompt, on Ctrl-C and SIGTERM."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    except (KeyboardInterrupt, click.Abort) as error:
        if not _by_ctrl_c(error):
            raise


def _by_ctrl_c(error: BaseException) -> bool:
    """Distinguish Ctrl-C from the end of the input: click raises `Abort` at a prompt for both."""
    return isinstance(error, KeyboardInterrupt) or isinstance(error.__context__, KeyboardInterrupt)
