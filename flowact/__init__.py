"""FlowAct: streaming generation of talking humanoids (FlowAct-R1, arXiv 2601.10103).

Importing the package is cheap; its classes and what they need are imported at first use.
"""

from __future__ import annotations

import os
from importlib import import_module
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from flowact.avatar import AvatarHost, AvatarSession, open_avatar
    from flowact.pipeline import FlowActPipeline

# Threads that spin while they wait make a busy machine slower; PyTorch reads this when it loads.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

__version__ = "0.2.0"
__all__ = ["AvatarHost", "AvatarSession", "FlowActPipeline", "__version__", "open_avatar"]
_HOMES: Final = {
    "AvatarHost": "flowact.avatar",
    "AvatarSession": "flowact.avatar",
    "FlowActPipeline": "flowact.pipeline",
    "open_avatar": "flowact.avatar",
}


def __getattr__(name: str) -> object:
    """Import one of the classes when somebody asks for it (PEP 562)."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)
