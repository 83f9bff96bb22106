"""The live page as Gradio Blocks: the markup is ours, the ticket comes through Gradio."""

from __future__ import annotations

import html
import json
import logging
import secrets
from collections.abc import Sequence
from string import Template
from typing import Final

import gradio as gr

from flowact import assets
from flowact.live.server.gradio_endpoints import add_endpoints
from flowact.live.server.routes import STATIC
from flowact.live.session.manager import SessionManager
from flowact.live.session.session import sample_names

_log = logging.getLogger(__name__)

QUICK_ACTIONS: Final = (
    *("smile", "nod", "shake your head", "wave", "think", "laugh", "look surprised", "shrug"),
    *("point at me", "thumbs up", "listen"),
)
HEAD: Final = (
    '<meta name="viewport" content="width=device-width, initial-scale=1">'
    '<link rel="stylesheet" href="live/static/live.css">'
    '<script type="module" src="live/static/page.js"></script>'
)
_ON_LOAD: Final = "window.flowactTicket = () => server.issue_ticket({});"


def live_blocks(manager: SessionManager, pages: Sequence[tuple[str, str]]) -> gr.Blocks:
    """Return the page.

    Args:
        manager: issues the tickets and knows the voices.
        pages: titles and paths for the navigation; the first is this page.
    """

    def issue_ticket(_asked: object = None) -> str:
        return manager.tickets.issue("visit", secrets.token_hex(8))

    with gr.Blocks(title="FlowAct live", analytics_enabled=False) as blocks:
        gr.HTML(
            _markup(manager, pages),
            js_on_load=_ON_LOAD,
            server_functions=[issue_ticket],
            apply_default_css=False,
        )
        add_endpoints(manager)
    return blocks


def theme() -> gr.themes.Base:
    """Return a theme whose fonts are on every machine: nothing is fetched from elsewhere."""
    return gr.themes.Base(font=["system-ui", "sans-serif"], font_mono=["ui-monospace", "monospace"])


def about(pages: Sequence[tuple[str, str]]) -> str:
    """Return the page about FlowAct; the last of `pages` is this one."""
    template = Template((STATIC / "about.html").read_text(encoding="utf-8"))
    return template.substitute(navigation=_navigation(pages, len(pages) - 1))


def stage(manager: SessionManager) -> str:
    """Return the page that shows the picture alone; every load is a visitor of its own."""
    template = Template((STATIC / "stage.html").read_text(encoding="utf-8"))
    return template.substitute(ticket=manager.tickets.issue("visit", secrets.token_hex(8)))


def _markup(manager: SessionManager, pages: Sequence[tuple[str, str]]) -> str:
    template = Template((STATIC / "live.html").read_text(encoding="utf-8"))
    return template.substitute(
        navigation=_navigation(pages, 0),
        people=_people(),
        voices=_voices(manager),
        samples=_samples(),
        actions=_actions(),
        conversation="yes" if manager.client.endpoint.configured else "no",
    )


def _navigation(pages: Sequence[tuple[str, str]], current: int) -> str:
    return "".join(
        f'<a href="{html.escape(path)}"{" aria-current=page" if index == current else ""}>'
        f"{html.escape(title)}</a>"
        for index, (title, path) in enumerate(pages)
    )


def _people() -> str:
    names = assets.character_names()
    chosen = assets.default_character().name
    return "".join(
        f'<button type="button" data-character="{name}" aria-pressed="{str(name == chosen).lower()}">'
        f'<img src="live/portrait/{name}" alt="" width="96" height="96">{html.escape(_title(name))}'
        "</button>"
        for name in map(html.escape, names)
    )


def _title(name: str) -> str:
    """Return how a character is called, from the card or else from the name."""
    try:
        card = json.loads(assets.character(name).card.read_text(encoding="utf-8"))
        return str(card["title"])
    except (OSError, ValueError, KeyError) as error:
        _log.warning("the card of %s cannot be read: %r", name, error)
        return name.capitalize()


def _voices(manager: SessionManager) -> str:
    return "".join(
        f'<option value="{html.escape(engine.name)}" title="{html.escape(engine.licence)}">'
        f"{html.escape(engine.name)}</option>"
        for engine in manager.engines.values()
    )


def _samples() -> str:
    return "".join(
        f'<button type="button" data-sample="{name}">Play “{name}”</button>'
        for name in map(html.escape, sample_names())
    )


def _actions() -> str:
    return "".join(
        f'<button type="button" data-action="{action}">{action}</button>'
        for action in QUICK_ACTIONS
    )
