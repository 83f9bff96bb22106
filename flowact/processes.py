"""What processes that were started by others have in common."""

import gc
import os
import threading
from multiprocessing import parent_process
from multiprocessing.connection import wait


def end_with_parent() -> None:
    """End this process as soon as the one that started it has ended, even while it computes or hangs.

    A parent that is killed cannot end its children, which would go on for nobody.
    """
    threading.Thread(target=_watch, daemon=True).start()


def keep_what_is_loaded() -> None:
    """Let the garbage collector pass over all that is there now, which stays for as long as this process.

    Looking at imported modules takes a third of a second, in the middle of a stream.
    """
    gc.collect()
    gc.freeze()


def _watch() -> None:
    parent = parent_process()
    if parent is not None:
        wait([parent.sentinel])
        os._exit(0)
