"""The participants' page: Gradio Blocks around one gr.HTML whose script talks to study.server.api."""

from __future__ import annotations

from html import escape
from pathlib import Path
from typing import Any

from sqlalchemy import func, select

from study.database.models import StimulusRow
from study.design import assignment
from study.design.translations import offered, page_texts
from study.voting.context import StudyContext

FOLDER = Path(__file__).parent / "page"
SECONDS_PER_ANSWER = 4  # for the estimate on the first page

SHELL = '<div class="study" id="study" data-home="{}"><p class="study-wait" aria-live="polite">…</p></div>'
START = """
const base = (window.gradio_config?.root ?? '').replace(/[/]$/, '');
import(base + '/page/main.js').then((page) => page.start(element.querySelector('#study'), base));
"""


def page_file(name: str) -> Path | None:
    """A file of the page by its exact name, None for anything else."""
    return next((path for path in FOLDER.iterdir() if path.name == name and path.is_file()), None)


def page_options(context: StudyContext) -> dict[str, Any]:
    """Texts and settings that the page needs before anybody has entered."""
    config = context.config
    pairs = assignment.length(config.trials)
    seconds = pairs * (_clip_seconds(context) + SECONDS_PER_ANSWER * len(config.dimensions))
    return {
        "locales": offered(config),
        "texts": page_texts(config),
        "consent_version": config.consent.version,
        "contact": config.consent.contact,
        "prolific": config.recruitment.mode == "prolific",
        "pairs": pairs,
        "minutes": max(1, round(seconds / 60)),
    }


def voting_blocks(context: StudyContext, home: str = "") -> Any:
    """The page as Blocks, to be mounted by study.server.app; `home` is a page that it links back to."""
    import gradio as gr

    title = context.config.title[offered(context.config)[0]]
    with gr.Blocks(title=title, analytics_enabled=False, fill_width=True) as blocks:
        gr.HTML(html_template=SHELL.format(escape(home)), js_on_load=START, apply_default_css=False)
    return blocks


def style() -> str:
    """The page's style sheet."""
    return (FOLDER / "page.css").read_text(encoding="utf-8")


def _clip_seconds(context: StudyContext) -> float:
    with context.store.read() as session:
        longest = session.scalar(select(func.max(StimulusRow.duration_ms))) or 0
    return float(longest) / 1000
