"""What processes that hold the model are forked with; see `flowact.parallel.launch`.

Imports make a million objects and leave none behind. Without the collector they take three quarters of the time, and
what it never looks at stays shared with the processes that are forked.
"""

import gc
from importlib import import_module
from typing import Final

MODULES: Final = ("flowact.pipeline", "flowact.parallel.lockstep")

gc.disable()
for name in MODULES:
    import_module(name)
gc.freeze()
gc.enable()
