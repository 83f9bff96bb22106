"""The page about FlowAct, and the model card beside it."""

from __future__ import annotations

import html
import ipaddress
import re
from collections.abc import Sequence
from pathlib import Path
from string import Template
from typing import Final
from urllib.parse import urlsplit

from markdown_it import MarkdownIt

from flowact import __version__, assets
from flowact.errors import UserError
from flowact.live.endpoints import Endpoint, Endpoints
from flowact.live.server.markup import navigation
from flowact.live.server.routes import STATIC

_ROLES: Final = {
    "hearing": ("What you say is written down by", "What you say is written down by nobody."),
    "answering": (
        "What you say or type in a conversation is answered by",
        "Nobody answers: no language model is configured.",
    ),
    "speaking": (
        "What the avatar says is spoken by",
        "What the avatar says is spoken on this server itself.",
    ),
}
"""Of each role the sentence about its server, and the sentence where there is none."""

_CARD: Final = '<li><a href="about/model-card">The model card</a>: training, results, limits</li>'
_RELATIVE: Final = re.compile(r'<a href="(?!https?:)[^"]*">(.*?)</a>', re.DOTALL)
_IMAGE: Final = re.compile(r"<img[^>]*>")


def about(pages: Sequence[tuple[str, str]], endpoints: Endpoints, *, hears: bool = False) -> str:
    """Return the page about FlowAct.

    Args:
        pages: titles and paths for the navigation; the last is this page.
        endpoints: of whose owners visitors should know.
        hears: whether a model on this machine writes down what is said.
    """
    told = {role: _told(getattr(endpoints, role), *sentences) for role, sentences in _ROLES.items()}
    if hears:
        told["hearing"] = "What you say is written down on this server itself."
    services = "".join(f"<li>{html.escape(sentence)}</li>" for sentence in told.values())
    return _filled(
        "about.html",
        navigation=navigation(pages, len(pages) - 1),
        services=services,
        card=_CARD if _card().is_file() else "",
        version=__version__,
    )


def model_card() -> str:
    """Return the model card of the weights that come with FlowAct, as a page.

    Raises:
        UserError: it is not there.
    """
    try:
        text = _card().read_text(encoding="utf-8")
    except OSError as error:
        raise UserError("There is no model card beside these weights.") from error
    body = text.partition("---\n")[2].partition("---\n")[2] if text.startswith("---") else text
    rendered = MarkdownIt("commonmark", {"html": False}).enable("table").render(body)
    here = _IMAGE.sub("", _RELATIVE.sub(r"\1", rendered))  # their files are not served
    return _filled("document.html", title="FlowAct: model card", body=here)


def _card() -> Path:
    return assets.checkpoint() / "README.md"


def _filled(name: str, **values: str) -> str:
    return Template((STATIC / name).read_text(encoding="utf-8")).substitute(values)


def _told(endpoint: Endpoint, somebody: str, nobody: str) -> str:
    return f"{somebody} {_owner(endpoint)}." if endpoint.configured else nobody


def _owner(endpoint: Endpoint) -> str:
    """Say whose server it is, as far as visitors are concerned."""
    host = urlsplit(endpoint.base_url).hostname or ""
    try:
        near = ipaddress.ip_address(host).is_private
    except ValueError:
        near = "." not in host or host.endswith(".local")
    return "a server of the owner of this page" if near else f"{host}, under its own terms"
