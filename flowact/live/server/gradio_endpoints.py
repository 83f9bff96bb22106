"""Two named endpoints for `gradio_client`: who there is, and a video of somebody saying a text."""

from __future__ import annotations

import tempfile
from pathlib import Path

import gradio as gr
from gradio.events import api

from flowact import assets
from flowact.errors import UserError
from flowact.live.api.avatar_session import check_text
from flowact.live.api.rendering import RenderScript, render
from flowact.live.protocol.events import LONGEST_TEXT
from flowact.live.session.manager import SessionManager


def add_endpoints(manager: SessionManager) -> None:
    """Declare `/characters` and `/speak` in the Blocks that are being made.

    Args:
        manager: gives the places; a video takes one as long as it is spoken.
    """

    def characters() -> list[str]:
        return list(assets.character_names())

    async def speak(text: str, character: str, action: str) -> str:
        try:
            check_text(text, "", manager.engines)
            if len(text) > LONGEST_TEXT:
                raise UserError(f"At most {LONGEST_TEXT} characters at once.")
            script = RenderScript(manager.picture("", character, ""), text, action=action)
            video = await render(manager, script)
        except UserError as error:
            raise gr.Error(str(error)) from error
        path = Path(tempfile.mkdtemp(prefix="flowact-speak-")) / "speech.mp4"
        path.write_bytes(video)
        return str(path)

    api(characters, api_name="characters")
    with gr.Row(visible=False):
        text, character, action = (
            gr.Textbox(label=name) for name in ("text", "character", "action")
        )
        shown, asked = gr.Video(), gr.Button()
    asked.click(speak, [text, character, action], shown, api_name="speak", concurrency_limit=1)
