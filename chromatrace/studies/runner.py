"""Runs independent pieces of work on all cores, in an order that does not depend on them."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from multiprocessing import resource_tracker
from typing import TypeVar

from chromatrace.studies.errors import SimulationError

Task = TypeVar("Task")
Answer = TypeVar("Answer")
Progress = Callable[[int, int], None]
"""Called with how many are done and how many there are."""
_CHUNKS_PER_PROCESS = 24
_MOST_IN_A_CHUNK = 16
"""Some kilobytes: a pool that is ended while it writes more than a pipe takes at once may wait for itself for ever."""
_LEAST_REPETITIONS = 2


def _silent(done: int, total: int) -> None:
    """Shows nothing."""


@dataclass(frozen=True)
class Runner:
    """How a study is run: repetitions, first seed, processes (None: one per core), and who hears of its progress."""

    repetitions: int = 30
    seed: int = 1
    processes: int | None = None
    progress: Progress = _silent

    def __post_init__(self) -> None:
        if self.repetitions < _LEAST_REPETITIONS:
            raise SimulationError(
                f"at least {_LEAST_REPETITIONS} repetitions are needed for an interval, got {self.repetitions}",
                field="repetitions",
            )
        if self.processes is not None and self.processes < 1:
            raise SimulationError("at least one process is needed", field="processes")

    @property
    def seeds(self) -> range:
        """One per repetition."""
        return range(self.seed, self.seed + self.repetitions)

    def map(self, work: Callable[[Task], Answer], tasks: Sequence[Task]) -> list[Answer]:
        """`work` of each task, in their order; `work` and tasks must be picklable."""
        processes = min(self.processes or os.cpu_count() or 1, len(tasks))
        if processes == 1:
            return self._collect((work(task) for task in tasks), len(tasks))
        chunk = min(max(1, len(tasks) // (processes * _CHUNKS_PER_PROCESS)), _MOST_IN_A_CHUNK)
        with ExitStack() as stack:
            with _deaf_to_ctrl_c():
                pool = stack.enter_context(multiprocessing.get_context("spawn").Pool(processes))
            return self._collect(pool.imap(work, tasks, chunk), len(tasks))

    def _collect(self, answers: Iterable[Answer], total: int) -> list[Answer]:
        collected: list[Answer] = []
        for answer in answers:
            collected.append(answer)
            self.progress(len(collected), total)
        return collected


@contextmanager
def _deaf_to_ctrl_c() -> Iterator[None]:
    """Processes started inside leave Ctrl-C, which a terminal sends to all of them, to their parent for good.

    The parent hears it when all of them have begun. What counts their semaphores is started before: its start ends
    with SIGINT unblocked, and they would hear.
    """
    resource_tracker.ensure_running()
    heard: list[int] = []
    ours = threading.current_thread() is threading.main_thread()
    before = signal.signal(signal.SIGINT, lambda number, _: heard.append(number)) if ours else None
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        if ours:
            signal.signal(signal.SIGINT, before)
        if heard:
            signal.raise_signal(signal.SIGINT)
