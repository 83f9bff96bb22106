"""A study behind a real server, in a thread of this process, and a real Chromium in front of it."""

import os
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import uvicorn
import yaml

from study.design import builder, stimuli
from study.server.app import create_app
from study.voting import lifecycle
from study.voting.context import StudyContext, attach
from tests.study.tiny import SMALL, configuration, make_sources

PROGRAM = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None
)
FLAGS = ["--no-sandbox", "--autoplay-policy=no-user-gesture-required", "--mute-audio"]
SIZES = {"desk": (1280, 800), "phone": (390, 844)}
PATIENCE = 90_000  # milliseconds: what takes one second can take a minute on a busy machine
SHOTS = os.environ.get("STUDY_SCREENSHOTS")


@contextmanager
def served(
    folder: Path,
    seconds: float,
    prepare: Callable[[StudyContext], None] = lambda _place: None,
    **changes: object,
) -> Iterator[tuple[StudyContext, str]]:
    """Build and open the tiny study, let `prepare` fill it, serve it: (place, address)."""
    smooth = SMALL.model_copy(update={"width": 240, "height": 240, "fps": 25})
    config = configuration(stimuli=smooth.model_dump(), **changes)
    raw = config.model_dump(mode="json", exclude_none=True)
    (folder / "study.yaml").write_text(yaml.safe_dump(raw, allow_unicode=True))
    manifest = stimuli.read(make_sources(folder / "sources", seconds))
    context = lifecycle.open_study(
        folder, config, builder.build(config, manifest, folder / "stimuli")
    )
    prepare(context)
    try:
        with behind_a_server(attach(folder)) as address:
            yield context, address
    finally:
        context.store.close()


@contextmanager
def behind_a_server(context: StudyContext) -> Iterator[str]:
    """Serve an open study; gives its address, and closes its database at the end."""
    server = uvicorn.Server(uvicorn.Config(create_app(context), port=0, log_config=None))
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        while not server.started and thread.is_alive():
            time.sleep(0.05)
        port = server.servers[0].sockets[0].getsockname()[1]
        yield f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        thread.join()


def visit(browser, size: str, locale: str = "en-US"):
    """A page in a window of `SIZES` with nothing remembered; errors of its scripts are collected."""
    width, height = SIZES[size]
    context = browser.new_context(
        viewport={"width": width, "height": height},
        locale=locale,
        has_touch=size == "phone",
        accept_downloads=True,
    )
    context.set_default_timeout(PATIENCE)
    page = context.new_page()
    problems: list[str] = []
    page.on("pageerror", lambda error: problems.append(str(error)))
    return page, problems


def shot(page, name: str) -> None:
    """Keep a picture for people to look at, when they ask for it."""
    if SHOTS:
        Path(SHOTS).mkdir(parents=True, exist_ok=True)
        page.screenshot(path=str(Path(SHOTS) / f"{name}.png"), animations="disabled")


def fits(page) -> bool:
    """Whether nothing reaches beyond the window's right edge."""
    return bool(page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"))
