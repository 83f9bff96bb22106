"""What files that leave the server say about their making."""

from __future__ import annotations

import datetime

from flowact import __version__
from flowact.live.session.recorder import AI_SOURCE


def provenance(session: str) -> dict[str, object]:
    """Return what a kept file says about its making."""
    return {
        "generator": f"FlowAct {__version__}",
        "ai_generated": True,
        "digital_source_type": AI_SOURCE,
        "session": session,
        "created": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
    }
