"""FlowAct: streaming generation of talking humanoids (FlowAct-R1, arXiv 2601.10103).

Importing the package is cheap; its classes and what they need are imported at first use.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from flowact.lazy_exports import lazy_exports

if TYPE_CHECKING:
    from flowact.avatar import AvatarHost, AvatarSession, open_avatar
    from flowact.pipeline import FlowActPipeline

# Threads that spin while they wait make a busy machine slower; PyTorch reads this when it loads.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

__version__ = "0.2.0"
__all__ = ["AvatarHost", "AvatarSession", "FlowActPipeline", "__version__", "open_avatar"]
__getattr__ = lazy_exports(
    __name__,
    {
        "AvatarHost": "flowact.avatar",
        "AvatarSession": "flowact.avatar",
        "FlowActPipeline": "flowact.pipeline",
        "open_avatar": "flowact.avatar",
    },
)
