"""Run independent tasks on all cores, with results in the order of the tasks."""

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
"""Called with the number of finished tasks and the total."""
_CHUNKS_PER_PROCESS = 24
_MAX_CHUNK = 16
"""Keeps a chunk below the capacity of a pipe: a pool that is terminated during a larger write may deadlock."""
_MIN_REPETITIONS = 2


def _silent(done: int, total: int) -> None:
    """Report nothing."""


@dataclass(frozen=True)
class Runner:
    """How a study runs: repetitions, first seed, processes (None: one per core), and a progress callback."""

    repetitions: int = 30
    seed: int = 1
    processes: int | None = None
    progress: Progress = _silent

    def __post_init__(self) -> None:
        if self.repetitions < _MIN_REPETITIONS:
            raise SimulationError(
                f"repetitions is {self.repetitions}; an interval needs at least {_MIN_REPETITIONS}",
                field="repetitions",
            )
        if self.processes is not None and self.processes < 1:
            raise SimulationError(f"processes is {self.processes}; it must be at least 1", field="processes")

    @property
    def seeds(self) -> range:
        """The seeds, one per repetition."""
        return range(self.seed, self.seed + self.repetitions)

    def map(self, work: Callable[[Task], Answer], tasks: Sequence[Task]) -> list[Answer]:
        """Return the results of `work` in the order of the tasks. `work` and tasks must be picklable."""
        processes = min(self.processes or os.cpu_count() or 1, len(tasks))
        if processes == 1:
            return self._collect((work(task) for task in tasks), len(tasks))
        chunk = min(max(1, len(tasks) // (processes * _CHUNKS_PER_PROCESS)), _MAX_CHUNK)
        with ExitStack() as stack:
            with _ignoring_sigint():
                pool = stack.enter_context(multiprocessing.get_context("spawn").Pool(processes))
            return self._collect(pool.imap(work, tasks, chunk), len(tasks))

    def _collect(self, answers: Iterable[Answer], total: int) -> list[Answer]:
        collected: list[Answer] = []
        for answer in answers:
            collected.append(answer)
            self.progress(len(collected), total)
        return collected


@contextmanager
def _ignoring_sigint() -> Iterator[None]:
    """Let processes that are started inside ignore Ctrl-C. Only the parent handles it, after they have started.

    The resource tracker must start before: its start unblocks SIGINT.
    """
    resource_tracker.ensure_running()
    received: list[int] = []
    in_main_thread = threading.current_thread() is threading.main_thread()
    before = signal.signal(signal.SIGINT, lambda number, _: received.append(number)) if in_main_thread else None
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        if in_main_thread:
            signal.signal(signal.SIGINT, before)
        if received:
            signal.raise_signal(signal.SIGINT)
