"""How processes that hold the model are started, with a pipe to each.

On Linux they are forked from a server of `multiprocessing` that has imported PyTorch and diffusers and nothing else:
it computes nothing and has no threads of its own. Imports take most of a start, so a new process is there in a third
of the time, and all share the memory of what was imported. Elsewhere every process is spawned.
"""

from __future__ import annotations

import multiprocessing
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from typing import Any, Final, NamedTuple

PRELOADED: Final = ("flowact.parallel.preloaded",)


class Started(NamedTuple):
    """A process, and this side's end of the pipe to it."""

    process: BaseProcess
    pipe: Connection


def start(
    target: Callable[..., None],
    *arguments: Any,
    name: str,
    preloaded: Sequence[str] = PRELOADED,
) -> Started:
    """Start a process that ends with this one at the latest.

    Args:
        target: called there with its end of the pipe and the arguments.
        arguments: are pickled.
        name: of the process.
        preloaded: modules that the server imports; only the first call of all can choose.
    """
    context: Any = multiprocessing.get_context("forkserver" if sys.platform == "linux" else "spawn")
    if sys.platform == "linux":
        context.set_forkserver_preload(list(preloaded))  # heard by a server that is yet to start
    ours, theirs = context.Pipe()
    process = context.Process(
        target=_run, args=(dict(os.environ), target, theirs, *arguments), name=name, daemon=True
    )
    process.start()
    theirs.close()
    return Started(process, ours)


def _run(environment: Mapping[str, str], target: Callable[..., None], *arguments: Any) -> None:
    """Run a target in the environment of now; the server keeps the one that it was started in."""
    os.environ.clear()
    os.environ.update(environment)
    target(*arguments)
