"""The whole application: the live page, the study when there is one, and the page about both."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import gradio as gr
from fastapi import FastAPI
from fastapi.responses import PlainTextResponse, RedirectResponse, Response
from starlette.middleware.cors import CORSMiddleware

from flowact.live.api.renders import RenderQueue
from flowact.live.api.routes import make_api
from flowact.live.operations.operations import Operations
from flowact.live.server.draining import DrainGate
from flowact.live.server.markup import HEAD, Pages
from flowact.live.server.page import live_blocks, theme
from flowact.live.server.plain_pages import add_pages
from flowact.live.server.renewals import Renewals
from flowact.live.server.routes import add_routes
from flowact.live.session.manager import SessionManager
from flowact.live.settings import LiveSettings


def create_app(settings: LiveSettings, extra: Pages | None = None) -> FastAPI:
    """Return the application with everything but the Gradio page, which `mount_page` adds.

    Between the two other parts may be mounted: the Gradio page answers for every path below it.

    Args:
        settings: what the owner chose.
        extra: titles and paths of pages that will be mounted.

    Raises:
        UserError: operators cannot be answered as the settings ask.
    """
    manager = SessionManager(settings)
    operations, renders = Operations(settings, manager), RenderQueue(manager)

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        manager.open()
        operations.open()
        renewals = Renewals(manager)
        try:
            yield
        finally:
            await renders.close()
            renewals.close()
            await manager.close()
            await operations.close()

    app = FastAPI(lifespan=lifespan, docs_url=None, redoc_url=None, openapi_url=None)
    app.state.manager, app.state.operations = manager, operations
    app.state.pages = [("Live", "./"), *(extra or []), ("About", "about")]
    app.add_middleware(DrainGate, manager=manager)
    add_routes(app, manager)
    app.mount("/v1", make_api(manager, renders))
    _allow_origins(app, settings)

    @app.get("/openapi.json")
    async def description() -> Response:
        """Where programs look first; Gradio's own routes are the page's business alone."""
        return RedirectResponse("v1/openapi.json")

    @app.post("/gradio_api/upload")
    @app.post("/gradio_api/process_recording")
    async def nothing() -> Response:
        """The page uploads to `/v1`, with a token; Gradio's own routes ask for none."""
        return PlainTextResponse("there is nothing here", 404)

    add_pages(app, manager, app.state.pages)
    return app


def _allow_origins(app: FastAPI, settings: LiveSettings) -> None:
    """Let pages of the named origins call the routes and load the page's modules."""
    if settings.origins:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=list(settings.origins),
            allow_methods=["GET", "POST", "DELETE"],
            allow_headers=["Authorization", "Content-Type", "X-Filename"],
            expose_headers=["X-Connection"],
        )


def mount_page(app: FastAPI) -> FastAPI:
    """Mount the Gradio page at the root and return the application."""
    blocks = live_blocks(app.state.manager, app.state.pages)
    blocks.queue(max_size=200)
    return gr.mount_gradio_app(
        app,
        blocks,
        path="",
        ssr_mode=False,
        theme=theme(),
        head=HEAD,
        footer_links=[],
        show_error=False,
        allowed_paths=[],
    )
