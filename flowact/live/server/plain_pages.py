"""The pages that are no Gradio: about, stage and, for a fleet, the live page itself."""

from __future__ import annotations

from collections.abc import Sequence

from fastapi import FastAPI, Request
from fastapi.responses import HTMLResponse, PlainTextResponse, RedirectResponse, Response

from flowact.live.api.credentials import check_origin
from flowact.live.server.about import about, model_card
from flowact.live.server.markup import Pages, new_ticket, plain_page, stage
from flowact.live.session.manager import SessionManager

_NOT_KEPT = {"Cache-Control": "no-store"}


def add_pages(app: FastAPI, manager: SessionManager, pages: Pages, *, asked: bool = False) -> None:
    """Serve what stands beside the live page.

    Args:
        app: the application.
        manager: issues tickets, and knows who hears and answers.
        pages: the last is the one about FlowAct.
        asked: pages ask for a place before they connect.
    """

    @app.get("/about", response_class=HTMLResponse)
    async def about_page() -> str:
        settings = manager.settings
        return about(pages, settings.endpoints, hears=settings.listen_model is not None)

    @app.get("/about/model-card", response_class=HTMLResponse)
    async def model_card_page() -> str:
        return model_card()

    @app.get("/about/")
    async def about_folder() -> Response:
        return RedirectResponse("../about")

    @app.get("/stage", response_class=HTMLResponse)
    async def stage_page() -> HTMLResponse:
        return HTMLResponse(stage(manager, asked=asked), headers=_NOT_KEPT)


def add_plain_page(
    app: FastAPI, manager: SessionManager, pages: Pages, presets: Sequence[str]
) -> None:
    """Serve the live page, which asks for a place before it connects, and hand out its tickets.

    Gradio's page keeps something of every visitor; this one does not, so that any of several servers may be asked.

    Args:
        app: the application.
        manager: issues tickets, and knows the voices.
        pages: the first is this page.
        presets: that may be chosen.
    """

    @app.get("/", response_class=HTMLResponse)
    async def page() -> HTMLResponse:
        return HTMLResponse(plain_page(manager, pages, presets), headers=_NOT_KEPT)

    @app.post("/live/ticket", response_class=PlainTextResponse)
    async def ticket(request: Request) -> str:
        check_origin(manager, request.headers)
        return new_ticket(manager)
