"""Processes that work beside this one: ended with it, and deaf to Ctrl-C, which is for the first one alone."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from typing import Self, TypeVar

from seqrec.errors import SeqrecError
from seqrec.files import cores

_T = TypeVar("_T")


class Processes:
    """`jobs` processes, one per core where nothing is said; they are started when the first task comes."""

    def __init__(self, jobs: int | None = None) -> None:
        self.jobs = jobs or cores()
        self._pool: ProcessPoolExecutor | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """Tasks that were not begun are dropped, those that were are waited for."""
        if self._pool is not None:
            self._pool.shutdown(cancel_futures=True)

    def submit(self, task: Callable[..., _T], *args: object) -> Future[_T]:
        """Have a function of a module called in one of the processes."""
        with _a_process_died():
            if self._pool is None:
                # Forking a process with TensorFlow's threads can hang.
                context = multiprocessing.get_context("spawn")
                self._pool = ProcessPoolExecutor(self.jobs, context, initializer=_end_with_parent)
            with _interrupts_held():
                return self._pool.submit(task, *args)


def at_once(task: Callable[..., _T], *args: object) -> Future[_T]:
    """The same as `submit`, done here and now."""
    done: Future[_T] = Future()
    done.set_result(task(*args))
    return done


def result(future: Future[_T]) -> _T:
    """What a task gave, or raised. Raises SeqrecError when its process was killed."""
    with _a_process_died():
        return future.result()


@contextmanager
def _a_process_died() -> Iterator[None]:
    try:
        yield
    except BrokenProcessPool:
        mend = "perhaps memory ran out: free some, or use fewer processes"
        raise SeqrecError("a worker process", "was killed from outside or crashed", "", mend) from None


@contextmanager
def _interrupts_held() -> Iterator[None]:
    """Processes started here never see Ctrl-C, which a terminal sends to all of them."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _end_with_parent() -> None:
    """A process whose parent was killed would wait for work for ever."""
    parent = multiprocessing.parent_process()
    assert parent is not None

    def wait() -> None:
        parent.join()
        os._exit(1)

    threading.Thread(target=wait, daemon=True).start()
