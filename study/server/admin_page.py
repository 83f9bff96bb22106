"""The operators' page as Gradio Blocks: state, coverage, quality, participants, results, exports."""

from __future__ import annotations

import logging
from collections.abc import Callable
from html import escape
from pathlib import Path
from typing import Any

import gradio as gr

from study.analysis.dataset import Dataset, read
from study.analysis.report import plan_so_far, report
from study.errors import Refused, StudyError
from study.server import admin_view, exports
from study.server.overview import overview, traffic
from study.statistics import gsb
from study.voting import lifecycle
from study.voting.context import StudyContext

_log = logging.getLogger(__name__)

REFRESH_SECONDS = 10


def style() -> str:
    """The page's style sheet."""
    return (Path(__file__).parent / "admin.css").read_text(encoding="utf-8")


def admin_blocks(context: StudyContext, prefix: str) -> Any:
    """The page, to be mounted below the gate of study.server.admin_auth."""
    title = f"{context.config.name}: administration"
    with gr.Blocks(title=title, analytics_enabled=False, fill_width=True) as blocks:
        head = gr.HTML(apply_default_css=False)
        with gr.Tabs(overflow_behavior="wrap"):
            with gr.Tab("Now"):
                now = gr.HTML(apply_default_css=False)
                _state_buttons(context, prefix, head)
            with gr.Tab("Participants"):
                people = gr.HTML(apply_default_css=False)
                _exclusion_form(context, people)
            with gr.Tab("Plan"):
                _on_request(context, "Estimate from the votes so far", plan_html)
            with gr.Tab("Results"):
                _on_request(context, "Compute", ResultsPage().html)
            with gr.Tab("Exports"):
                downloads = gr.HTML(apply_default_css=False)

        def refresh() -> tuple[str, str, str, str]:
            dataset = read(context)
            seen = overview(context, dataset)
            hidden = seen.state != "closed" and not context.config.analysis.reveal_before_close
            return (
                admin_view.head(context.config, seen, prefix),
                admin_view.now(seen, traffic(context)),
                admin_view.people(seen),
                admin_view.exports(prefix, exports.NAMES, hidden),
            )

        outputs = [head, now, people, downloads]
        blocks.load(refresh, outputs=outputs, api_visibility="private")
        gr.Timer(REFRESH_SECONDS).tick(refresh, outputs=outputs, api_visibility="private")
    return blocks


def plan_html(context: StudyContext) -> str:
    """The stopping plan, pooled over systems."""
    return admin_view.plan(plan_so_far(read(context)))


class ResultsPage:
    """Tables and charts by system. They take seconds to make, and are kept while the ledger does not grow."""

    def __init__(self) -> None:
        self._end, self._html = "", ""

    def html(self, context: StudyContext) -> str:
        """The page, or why it is hidden."""
        try:
            dataset: Dataset = exports.open_data(context)
        except Refused as refused:
            sentence = str(refused)
            return f"<p class='hint'>{escape(sentence[0].upper() + sentence[1:])}.</p>"
        end = dataset.entries[-1].hash
        if end != self._end:
            self._end, self._html = end, admin_view.results(report(dataset), gsb.FORMULAS)
        return self._html


def _state_buttons(context: StudyContext, prefix: str, head: gr.HTML) -> None:
    with gr.Row(elem_classes="actions"):
        pause = gr.Button("Pause", size="sm")
        resume = gr.Button("Resume", size="sm")
        word = gr.Textbox(
            placeholder="type CLOSE", label="Confirm", show_label=False, container=False
        )
        close = gr.Button("Close for good", size="sm", variant="stop")

    def shown() -> str:
        return admin_view.head(context.config, overview(context, read(context)), prefix)

    def change(state: str) -> str:
        try:
            lifecycle.set_state(context.store, state, context.clock())
        except StudyError as error:
            _log.warning("the administrator was refused: %s", error)
            gr.Warning(str(error))
        return shown()

    def finish(typed: str) -> str:
        if typed.strip() == "CLOSE":
            return change("closed")
        gr.Warning("Type CLOSE to close the study; this cannot be undone.")
        return shown()

    private: dict[str, Any] = {"outputs": head, "api_visibility": "private"}
    pause.click(lambda: change("paused"), **private)
    resume.click(lambda: change("open"), **private)
    close.click(finish, inputs=word, **private)


def _exclusion_form(context: StudyContext, people: gr.HTML) -> None:
    with gr.Row(elem_classes="actions"):
        code = gr.Textbox(label="Participant", placeholder="p-…", container=False)
        reason = gr.Textbox(
            label="Reason",
            placeholder="reason, as it will be published",
            container=False,
            elem_classes="long",
        )
        button = gr.Button("Exclude from the primary analysis", size="sm")

    def leave_out(code: str, reason: str) -> str:
        try:
            lifecycle.exclude(context.store, code.strip(), reason, context.clock())
        except StudyError as error:
            _log.warning("the administrator was refused: %s", error)
            gr.Warning(str(error))
        return admin_view.people(overview(context, read(context)))

    button.click(leave_out, [code, reason], people, api_visibility="private")


def _on_request(context: StudyContext, label: str, make: Callable[[StudyContext], str]) -> None:
    with gr.Row(elem_classes="actions"):
        button = gr.Button(label, size="sm")
    shown = gr.HTML(apply_default_css=False)
    button.click(lambda: make(context), outputs=shown, api_visibility="private")
