import gc
import os
import subprocess
import sys
import time
import weakref
from pathlib import Path

from flowact.processes import keep_what_is_loaded

PARENT = """
import multiprocessing, os, time
from concurrent.futures import ProcessPoolExecutor
from flowact.processes import end_with_parent

if __name__ == "__main__":
    spawn = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(1, spawn, end_with_parent)
    print(pool.submit(os.getpid).result(), flush=True)
    pool.submit(time.sleep, 600)
    time.sleep(600)
"""


def test_a_child_ends_when_its_parent_is_killed(tmp_path) -> None:
    script = tmp_path / "parent.py"
    script.write_text(PARENT)
    root = str(Path(__file__).parents[1])
    with subprocess.Popen(
        [sys.executable, str(script)], stdout=subprocess.PIPE, env=os.environ | {"PYTHONPATH": root}
    ) as parent:
        assert parent.stdout is not None
        child = int(parent.stdout.readline())
        parent.kill()
    late = time.monotonic() + 20
    while _runs(child):
        assert time.monotonic() < late, "it goes on for nobody"
        time.sleep(0.1)


class Knot:
    """Refers to itself, so that only the collector takes it away."""

    def __init__(self) -> None:
        self.end = self


def test_what_is_loaded_is_kept_and_what_comes_after_is_not() -> None:
    before, loaded = gc.get_freeze_count(), weakref.ref(knot := Knot())
    keep_what_is_loaded()
    assert gc.get_freeze_count() > before
    later = weakref.ref(Knot())
    del knot
    gc.collect()
    assert loaded() is not None and later() is None


def test_forked_processes_share_what_was_imported_and_collect_again() -> None:
    code = (
        "import gc, sys, flowact.parallel.preloaded\n"
        "print(gc.isenabled(), gc.get_freeze_count() > 100_000, 'flowact.pipeline' in sys.modules)"
    )
    root = str(Path(__file__).parents[1])
    told = subprocess.check_output(
        [sys.executable, "-c", code], env=os.environ | {"PYTHONPATH": root}, text=True
    )
    assert told.split() == ["True"] * 3


def _runs(pid: int) -> bool:
    """Whether a process is there and is no zombie."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False
