"""The participants' page: Gradio Blocks around one gr.HTML whose script talks to study.server.api."""

from __future__ import annotations

from html import escape
from pathlib import Path
from typing import Any

import numpy as np
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from study.database.models import Participant, StimulusRow
from study.design import assignment, questionnaire
from study.design.config import StudyConfig
from study.design.translations import offered, page_texts
from study.voting.context import StudyContext, study_row
from study.voting.trials import read_design

FOLDER = Path(__file__).parent / "page"
SECONDS_PER_ANSWER, SECONDS_PER_PAIR = 7, 4  # to read and decide; to load and begin
SECONDS_TO_BEGIN = 90  # consent, the sound check
SECONDS_FOR_HEADPHONES = 45
ENOUGH_FINISHED = 5  # people whose own times replace the estimate

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
    with context.store.read() as session:
        pairs = assignment.length(config.trials, len(read_design(session, config).cells))
        state, seconds = study_row(session).state, _seconds(session, config, pairs)
    return {
        "state": state,
        "locales": offered(config),
        "texts": page_texts(config),
        "questionnaire": {name: questionnaire.page(config, name) for name in offered(config)},
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


def _seconds(session: Session, config: StudyConfig, pairs: int) -> float:
    """How long it takes: the median of those who have finished, or an estimate while they are few.

    A pair is played twice, since only one side is heard at a time.
    """
    rows = session.execute(
        select(Participant.consented_at, Participant.finished_at).where(
            Participant.state == "finished"
        )
    )
    taken = [end - start for start, end in rows if start is not None and end is not None]
    if len(taken) >= ENOUGH_FINISHED:
        return float(np.median(taken))
    clip = float(session.scalar(select(func.max(StimulusRow.duration_ms))) or 0) / 1000
    pair = 2 * clip + SECONDS_PER_PAIR + SECONDS_PER_ANSWER * len(config.dimensions)
    check = SECONDS_FOR_HEADPHONES * config.sound_check.headphones
    return SECONDS_TO_BEGIN + check + pairs * pair
