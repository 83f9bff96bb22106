"""`flowact plan-actions`: what the configured model plans, and how that fits."""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import time
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import httpx
import numpy as np
from rich.console import Console
from rich.table import Table

from flowact.errors import UserError
from flowact.media import Recording, read_picture
from flowact.planner.multimodal.endpoint import (
    NoPlanError,
    PlannerEndpoint,
    PlannerSettings,
    planner_settings,
)
from flowact.planner.multimodal.plan import ActionPlan, parse_plan
from flowact.planner.multimodal.prompt import Rung, Situation, request_body
from flowact.planner.multimodal.scenes import PlannerScene, SceneResult, by_rules, play
from flowact.planner.multimodal.senses import SECONDS, Senses
from flowact.timebase import SAMPLE_RATE

DESCRIPTION: Final = (
    "Ask the planner's model what the avatar should do, and print request, reply and delay; or score it "
    "over thirty written scenes. FLOWACT_PLANNER_BASE_URL, _MODEL and _API_KEY say whom to ask."
)
PATIENCE: Final = 60.0
"""Seconds: here a slow answer is worth waiting for, and its delay is printed."""
LONGEST_SHOWN: Final = 60


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of `flowact plan-actions`."""
    parser.add_argument("--audio", metavar="FILE", type=Path, help="what the viewer said last")
    parser.add_argument("--picture", metavar="FILE", type=Path, help="the avatar's portrait")
    parser.add_argument("--text", default="", help="what the avatar is saying")
    parser.add_argument("--scenes", action="store_true", help="score thirty scenes instead")
    parser.add_argument("--base-url", metavar="URL", help="another server than the configured one")
    parser.add_argument("--model", help="another model than the configured one")
    parser.add_argument("--json", action="store_true", help="print JSON")


def run(args: argparse.Namespace) -> None:
    """Ask, and print."""
    settings = planner_settings(os.environ)
    settings = replace(
        settings,
        base_url=args.base_url or settings.base_url,
        model=args.model or settings.model,
        deadline=PATIENCE,
    )
    if not settings.configured and not args.scenes:
        raise UserError(
            "No model is configured: set FLOWACT_PLANNER_BASE_URL and FLOWACT_PLANNER_MODEL, or give "
            "--base-url and --model."
        )
    console = Console(soft_wrap=True)
    if args.scenes:
        _show_scenes(console, asyncio.run(_score(settings)), as_json=args.json)
    else:
        _show_answer(console, *asyncio.run(_ask(settings, _situation(args))), as_json=args.json)


def _situation(args: argparse.Namespace) -> Situation:
    senses = Senses(read_picture(args.picture) if args.picture else None)
    if args.audio:
        sound = Recording.open(args.audio).read()[-SECONDS * SAMPLE_RATE :]
        senses.hear("viewer", np.rint(sound * 32767).astype(np.int16))
    state = "the avatar speaks" if args.text else "the viewer has finished; an answer is being made"
    return Situation(
        state,
        text=args.text,
        picture=senses.picture,
        viewer_sound=senses.recording("viewer"),
    )


async def _ask(
    settings: PlannerSettings, situation: Situation
) -> tuple[dict[str, Any], str, ActionPlan | str, float]:
    """Return request, reply, the plan or why there is none, and seconds; from the first rung that works."""
    endpoint = PlannerEndpoint(settings)
    try:
        for rung in sorted(Rung, reverse=True):
            body, begun = request_body(settings.model, situation, rung), time.perf_counter()
            try:
                reply = await endpoint.raw(situation, rung)
            except httpx.HTTPStatusError as error:
                if rung is Rung.TEXT:
                    code = error.response.status_code
                    raise UserError(
                        f"The planner's server refused the request ({code})."
                    ) from error
                continue
            took = time.perf_counter() - begun
            try:
                return body, reply, parse_plan(reply), took
            except ValueError as error:
                return body, reply, f"no plan: {error}", took
    except (httpx.HTTPError, ValueError) as error:
        kind = type(error).__name__
        raise UserError(
            f"The planner's server gives no answer ({kind}): {settings.base_url}"
        ) from error
    finally:
        await endpoint.close()
    raise AssertionError("the last rung returns or raises")


async def _score(settings: PlannerSettings) -> dict[str, list[SceneResult]]:
    """Return what was chosen in every scene, by the rules and by the model if there is one."""
    results = {"rules": await play(by_rules)}
    if settings.configured:
        endpoint = PlannerEndpoint(settings)

        async def by_model(scene: PlannerScene) -> str:
            try:
                plan = await endpoint.plan(scene.situation())
            except NoPlanError:
                return ""
            return plan.steps[0].behaviour

        results[settings.model] = await play(by_model)
        await endpoint.close()
    return results


def _show_answer(
    console: Console,
    body: dict[str, Any],
    reply: str,
    plan: ActionPlan | str,
    took: float,
    *,
    as_json: bool,
) -> None:
    made = plan.model_dump() if isinstance(plan, ActionPlan) else plan
    if as_json:
        told = {"request": body, "reply": reply, "plan": made, "seconds": round(took, 3)}
        console.print_json(json.dumps(told))
        return
    console.print("request", style="bold")
    console.print_json(json.dumps(_shortened(body)))
    console.print(f"reply, after {took * 1000:.0f} ms", style="bold")
    console.print(reply, markup=False)
    console.print("plan" if isinstance(plan, ActionPlan) else str(plan), style="bold", markup=False)
    if isinstance(plan, ActionPlan):
        console.print_json(json.dumps(made))


def _shortened(value: Any) -> Any:
    """Cut pictures and sound out of a request, so that it can be read."""
    if isinstance(value, dict):
        return {key: _shortened(each) for key, each in value.items()}
    if isinstance(value, list):
        return [_shortened(each) for each in value]
    if isinstance(value, str) and len(value) > 2_000:
        return f"{value[:LONGEST_SHOWN]}... ({len(value)} characters)"
    return value


def _show_scenes(console: Console, results: dict[str, list[SceneResult]], *, as_json: bool) -> None:
    if as_json:
        told = {
            name: {
                "fitting": sum(one.fits for one in chosen),
                "scenes": len(chosen),
                "chosen": [one.chosen for one in chosen],
            }
            for name, chosen in results.items()
        }
        console.print_json(json.dumps(told))
        return
    table = Table("scene", *results, title="first behaviour; those in brackets do not fit")
    for row in zip(*results.values(), strict=True):
        scene = row[0].scene
        cells = [one.chosen if one.fits else f"({one.chosen or 'no plan'})" for one in row]
        table.add_row((scene.text or scene.viewer_text or scene.state)[:LONGEST_SHOWN], *cells)
    totals = [f"{sum(one.fits for one in chosen)} of {len(chosen)}" for chosen in results.values()]
    table.add_row("fitting", *totals)
    console.print(table)
