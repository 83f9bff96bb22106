"""What the live page consists of, as HTML: the same whether Gradio shows it or a fleet's gateway."""

from __future__ import annotations

import html
import secrets
from collections.abc import Sequence
from string import Template
from typing import Final

from flowact import assets
from flowact.live.persona import read_persona
from flowact.live.server.routes import STATIC
from flowact.live.session.manager import SessionManager
from flowact.live.session.session import sample_names

QUICK_ACTIONS: Final = (
    *("smile", "nod", "shake your head", "wave", "think", "laugh", "look surprised", "shrug"),
    *("point at me", "thumbs up", "listen"),
)
SPOKEN_LANGUAGES: Final = {
    "en": "English",
    "de": "Deutsch",
    "es": "español",
    "fr": "français",
    "it": "italiano",
    "pt": "português",
    "ru": "русский",
    "zh": "中文",
    "ja": "日本語",
    "ko": "한국어",
    "ar": "العربية",
    "hi": "हिन्दी",
}
HEAD: Final = (
    '<meta name="viewport" content="width=device-width, initial-scale=1">'
    '<link rel="stylesheet" href="live/static/live.css">'
    '<script type="module" src="live/static/page.js"></script>'
)
TITLE: Final = "FlowAct live"
Pages = Sequence[tuple[str, str]]
"""Titles and paths for the navigation."""


def new_ticket(manager: SessionManager) -> str:
    """Return the ticket of somebody who sees the page, and may therefore begin a session."""
    return manager.tickets.issue("visit", secrets.token_hex(8))


def stage(manager: SessionManager, *, asked: bool = False) -> str:
    """Return the page that shows the picture alone; every load is a visitor of its own."""
    template = Template((STATIC / "stage.html").read_text(encoding="utf-8"))
    return template.substitute(ticket=new_ticket(manager), places=_yes(asked))


def plain_page(manager: SessionManager, pages: Pages, presets: Sequence[str]) -> str:
    """Return the live page as a document of its own, for many gateways that keep nothing of a visitor.

    Args:
        manager: knows the voices.
        pages: the first is this page.
        presets: that may be chosen; the first is the usual one.
    """
    template = Template((STATIC / "plain.html").read_text(encoding="utf-8"))
    page = live_markup(manager, pages, asked=True, presets=presets)
    return template.substitute(title=TITLE, head=HEAD, page=page)


def _yes(value: bool) -> str:
    return "yes" if value else "no"


def live_markup(
    manager: SessionManager, pages: Pages, *, asked: bool = False, presets: Sequence[str] = ()
) -> str:
    """Return what the visitor sees and touches.

    Args:
        manager: knows the voices.
        pages: the first is this page.
        asked: the page asks for a place before it connects.
        presets: that may be chosen.
    """
    template = Template((STATIC / "live.html").read_text(encoding="utf-8"))
    return template.substitute(
        places=_yes(asked),
        presets=_presets(presets),
        navigation=navigation(pages, 0),
        people=_people(),
        voices=_voices(manager),
        samples=_samples(),
        actions=_actions(),
        languages=_languages(manager.settings.endpoints.language),
        **_conversation(manager),
    )


def navigation(pages: Pages, current: int) -> str:
    """Return the links to all pages, the current one marked."""
    return "".join(
        f'<a href="{html.escape(path)}"{" aria-current=page" if index == current else ""}>'
        f"{html.escape(title)}</a>"
        for index, (title, path) in enumerate(pages)
    )


def _people() -> str:
    chosen = assets.default_character().name
    people = (
        (name, read_persona(assets.character(name)).title) for name in assets.character_names()
    )
    return "".join(
        f'<button type="button" data-character="{name}" aria-pressed="{str(name == chosen).lower()}">'
        f'<img src="live/portrait/{name}" alt="" width="96" height="96">{title}</button>'
        for name, title in ((html.escape(name), html.escape(title)) for name, title in people)
    )


def _presets(presets: Sequence[str]) -> str:
    """What chooses between models, where there are several."""
    if len(presets) < 2:
        return ""
    options = "".join(f"<option>{html.escape(name)}</option>" for name in presets)
    choice = f'<select data-part="preset" aria-label="Model">{options}</select>'
    hint = "It is used from the next start on. Each has a line of its own."
    return f'<details><summary>Model</summary>{choice}<p class="hint">{hint}</p></details>'


def _voices(manager: SessionManager) -> str:
    if not manager.speech.services.engines:
        return ""
    usual = '<option value="" title="The voice that suits the person.">The person\'s own</option>'
    return usual + "".join(
        f'<option value="{html.escape(engine.name)}" title="{html.escape(engine.licence)}">'
        f"{html.escape(engine.title)}</option>"
        for engine in manager.speech.services.engines.values()
    )


def _conversation(manager: SessionManager) -> dict[str, str]:
    """What the page offers of a conversation: by voice if something hears, by text if something answers."""
    speech = manager.speech.services
    answers = speech.chat is not None
    return {
        "conversation": "yes" if answers and speech.recogniser is not None else "no",
        "askable": "" if answers else "disabled",
        "placeholder": "Write to the avatar" if answers else "No language model is configured here",
    }


def _languages(usual: str) -> str:
    names = {"": "any language", **SPOKEN_LANGUAGES}
    return "".join(
        f'<option value="{code}"{" selected" if code == usual else ""}>{name}</option>'
        for code, name in names.items()
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
