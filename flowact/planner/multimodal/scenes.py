"""Thirty written moments, and how often the first thing that a planner does would fit."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from importlib.resources import files
from typing import Final

import yaml
from pydantic import BaseModel, ConfigDict

from flowact.planner.multimodal.prompt import Situation
from flowact.planner.protocol import Observation
from flowact.planner.rules import RuleBasedPlanner

_SPEAKS: Final = "the avatar speaks"
_ANSWERS: Final = "the viewer has finished; an answer is being made"
Choice = Callable[["PlannerScene"], Awaitable[str]]


class PlannerScene(BaseModel):
    """A moment, and the behaviours that would fit it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    state: str
    text: str = ""
    viewer_text: str = ""
    recent: tuple[str, ...] = ()
    fits: tuple[str, ...]

    def situation(self) -> Situation:
        """Return what a model is told of it."""
        return Situation(self.state, self.text, self.viewer_text, self.recent)

    def observation(self) -> Observation:
        """Return what rules are told of it."""
        return Observation(
            at=0.0,
            text=self.text,
            viewer_text=self.viewer_text,
            avatar_speaking=self.state == _SPEAKS,
            reply_expected=self.state == _ANSWERS,
        )


@dataclass(frozen=True)
class SceneResult:
    """What was chosen in a scene; nothing where no plan was made."""

    scene: PlannerScene
    chosen: str

    @property
    def fits(self) -> bool:
        """Whether an attentive person might have done that."""
        return self.chosen in self.scene.fits


def scenes() -> list[PlannerScene]:
    """Return all of them."""
    text = (files(__package__) / "scenes.yaml").read_text(encoding="utf-8")
    return [PlannerScene.model_validate(each) for each in yaml.safe_load(text)]


async def play(choose: Choice) -> list[SceneResult]:
    """Let somebody choose in every scene, one after the other."""
    return [SceneResult(scene, await choose(scene)) for scene in scenes()]


async def by_rules(scene: PlannerScene) -> str:
    """Choose as the rules do, which are given the words and nothing of the viewer's."""
    decision = RuleBasedPlanner().observe(scene.observation())
    return decision.behaviour if decision is not None else "idling"
