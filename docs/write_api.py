"""Write the descriptions of the session interface, as a server gives them, into docs/api.

python docs/write_api.py
"""

from __future__ import annotations

import json
from pathlib import Path

from flowact.live.api import asyncapi
from flowact.live.api.renders import RenderQueue
from flowact.live.api.routes import make_api
from flowact.live.session.manager import SessionManager
from flowact.live.settings import LiveSettings

FOLDER = Path(__file__).parent / "api"


def documents() -> dict[str, dict[str, object]]:
    """Return the documents by file name."""
    manager = SessionManager(LiveSettings())
    openapi = make_api(manager, RenderQueue(manager)).openapi()
    return {"openapi.json": openapi, "asyncapi.json": asyncapi.document()}


def main() -> None:
    """Write both files."""
    for name, document in documents().items():
        text = json.dumps(document, indent=1, sort_keys=True)
        (FOLDER / name).write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
