"""FlowAct: streaming generation of talking humanoids (FlowAct-R1, arXiv 2601.10103).

Importing the package is cheap; `FlowActPipeline` and what it needs are imported at first use.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from flowact.pipeline import FlowActPipeline

# Threads that spin while they wait make a busy machine slower; PyTorch reads this when it loads.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

__version__ = "0.2.0"
__all__ = ["FlowActPipeline", "__version__"]


def __getattr__(name: str) -> object:
    """Import `FlowActPipeline` when somebody asks for it (PEP 562)."""
    if name != "FlowActPipeline":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from flowact.pipeline import FlowActPipeline

    return FlowActPipeline
