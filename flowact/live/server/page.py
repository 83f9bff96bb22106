"""The live page as Gradio Blocks: the markup is ours, the ticket comes through Gradio."""

from __future__ import annotations

from typing import Final

import gradio as gr

from flowact.live.server.gradio_endpoints import add_endpoints
from flowact.live.server.markup import TITLE, Pages, live_markup, new_ticket
from flowact.live.session.manager import SessionManager

_ON_LOAD: Final = "window.flowactTicket = () => server.issue_ticket({});"


def live_blocks(manager: SessionManager, pages: Pages) -> gr.Blocks:
    """Return the page.

    Args:
        manager: issues the tickets and knows the voices.
        pages: the first is this page.
    """

    def issue_ticket(_asked: object = None) -> str:
        return new_ticket(manager)

    with gr.Blocks(title=TITLE, analytics_enabled=False) as blocks:
        gr.HTML(
            live_markup(manager, pages),
            js_on_load=_ON_LOAD,
            server_functions=[issue_ticket],
            apply_default_css=False,
        )
        add_endpoints(manager)
    return blocks


def theme() -> gr.themes.Base:
    """Return a theme whose fonts are on every machine: nothing is fetched from elsewhere."""
    return gr.themes.Base(font=["system-ui", "sans-serif"], font_mono=["ui-monospace", "monospace"])
