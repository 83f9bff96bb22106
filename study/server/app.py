"""Puts a study into a FastAPI application: the API, the admin page, then the participants' page."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import gradio as gr
from fastapi import FastAPI
from fastapi.middleware.cors import CORSMiddleware

from study import canonical
from study.design import audit_record
from study.design.builder import read_index
from study.design.config import load
from study.operations.metrics import figures
from study.server import admin_auth, admin_page, admin_routes, api, voting_page
from study.server.gates import BodyLimit, GradioDoor
from study.voting import lifecycle
from study.voting.context import AUDIT_NAME, CONFIG_NAME, STIMULI_NAME, StudyContext

FONTS = ["system-ui", "sans-serif"]


def mount_study(app: FastAPI, context: StudyContext, prefix: str = "", home: str = "") -> FastAPI:
    """Serve `context` under `prefix` (for example "/study") of `app` and return `app`.

    Its first page links back to `home`, if that is given.

    The order matters: routes and the guarded admin page come before the public Blocks, which would
    otherwise answer for every path below it.
    """
    context.store.waited = figures().waited
    figures().watch(context)
    api.install_refusals(app.add_exception_handler)
    app.include_router(api.router(context), prefix=prefix)
    app.include_router(admin_routes.router(context, prefix), prefix=prefix)
    _own_cors(app, context)
    app.add_middleware(admin_auth.AdminGate, context=context, prefix=f"{prefix}/admin")
    app.add_middleware(GradioDoor, prefix=prefix)
    app.add_middleware(BodyLimit, prefix=prefix)
    theme = gr.themes.Base(font=FONTS, font_mono=["ui-monospace", "monospace"])
    gr.mount_gradio_app(
        app,
        admin_page.admin_blocks(context, prefix),
        f"{prefix}/admin",
        auth_dependency=admin_auth.dependency(context),
        theme=theme,
        css=admin_page.style(),
        footer_links=[],
        run_history=False,
        show_error=False,
        allowed_paths=[],
    )
    gr.mount_gradio_app(
        app,
        voting_page.voting_blocks(context, home),
        prefix or "/",
        theme=theme,
        css=voting_page.style(),
        footer_links=[],
        run_history=False,
        show_error=False,
        allowed_paths=[],
    )
    return app


def mount(
    app: FastAPI, folder: Path, state: Path, prefix: str = "/study", home: str = ""
) -> FastAPI:
    """Serve a built and audited study from `folder`, which may be read-only, with votes in `state`.

    This is how an application shows the sample study. The database is a file in `state` that is named
    after clips and rules, so that other ones begin anew and the votes on the old ones stay, unless
    STUDY_DATABASE names another. Raises StudyError when the study has not been built or audited.
    """
    config = load(folder / CONFIG_NAME)
    index = read_index(folder / STIMULI_NAME)
    audit_record.require_passed(config, index, folder / AUDIT_NAME)
    state.mkdir(parents=True, exist_ok=True)
    name = f"study-{canonical.digest([config.hash(), index.hash()])[:12]}.db"
    here = config.model_copy(update={"database": f"sqlite:///{state.resolve()}/{name}"})
    return mount_study(app, lifecycle.open_study(folder, here, index), prefix, home)


def create_app(context: StudyContext, prefix: str = "") -> FastAPI:
    """An application that serves one study under `prefix`, without API documentation pages."""

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        yield
        context.store.close()

    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None, lifespan=lifespan)
    return mount_study(app, context, prefix)


def _own_cors(app: FastAPI, context: StudyContext) -> None:
    """Our own origins instead of Gradio's, unless the application has decided already."""
    if any(getattr(part.cls, "__name__", "") == "CORSMiddleware" for part in app.user_middleware):
        return
    origins = list(context.config.server.allowed_origins)
    app.add_middleware(CORSMiddleware, allow_origins=origins, allow_methods=["GET", "POST"])
