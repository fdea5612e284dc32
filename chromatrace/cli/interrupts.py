"""How commands end by Ctrl-C.

A command that would have ended by itself is cut short: one word on standard error, exit status 130 (128 + SIGINT), as
shells expect. A command that serves until Ctrl-C (`up`, `demo`, `portal serve`, `plant`, `ingest opcua`,
`anchor --watch`, `index sync --watch`, `inspector run`) is at its ordinary end: it shuts down and ends with 0, or with
1 where it has something to complain about. To those SIGTERM, which supervisors send, is the same.
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
def cut_short() -> Iterator[None]:
    """Turns Ctrl-C inside the block, also at a question, into one word and exit status 130."""
    try:
        yield
    except (KeyboardInterrupt, click.Abort) as error:
        if not _by_ctrl_c(error):
            raise
        err.print("\ninterrupted" if err.is_terminal else "interrupted")
        raise SystemExit(INTERRUPTED) from None


def told_to_end() -> threading.Event:
    """From now on Ctrl-C and SIGTERM raise nothing, they set this: whoever serves closes in its own time."""
    ended = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: ended.set())
    return ended


@contextmanager
def broken_off() -> Iterator[None]:
    """A block that serves, and that Ctrl-C and SIGTERM may leave at any moment, a question at the terminal included."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    except (KeyboardInterrupt, click.Abort) as error:
        if not _by_ctrl_c(error):
            raise


def _by_ctrl_c(error: BaseException) -> bool:
    """click makes the same `Abort` of Ctrl-C at a question and of an input that ends."""
    return isinstance(error, KeyboardInterrupt) or isinstance(error.__context__, KeyboardInterrupt)
