"""The planner that asks a multimodal model: the rules act at once, the plan refines."""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from flowact.conditioning.actions import resolve
from flowact.planner.multimodal.endpoint import NoPlanError, PlannerEndpoint
from flowact.planner.multimodal.plan import ActionPlan
from flowact.planner.multimodal.prompt import Situation
from flowact.planner.multimodal.senses import Senses, Speaker
from flowact.planner.protocol import Decision, Observation, Planner
from flowact.planner.rules import ASKED_SECONDS, RuleBasedPlanner

APART_SECONDS: Final = 4.0
QUIET_SECONDS: Final = 6.0
"""Without an event the model is asked so often."""
STALE_SECONDS: Final = 6.0
MOST_A_MINUTE: Final = 20
_RECENT: Final = 3
Moment = tuple[bool, bool, bool, int]
"""Viewer speaks, avatar speaks, a reply is expected, and which reply it is: a new clause is no new moment."""


@dataclass(frozen=True)
class _Laid:
    """A plan, and when it was made."""

    plan: ActionPlan
    at: float


class MultimodalPlanner:
    """Rules, with a model's plan laid over them while it is fresh.

    What the viewer asks for comes first, then listening, then the plan, then words in the text. A plan
    holds for six seconds, as long as the same thing goes on: an interruption, the viewer's words or a new
    reply end it, the next clause of the same reply does not.
    `observe` never waits; the model is asked in a task of its own, one at a time.

    Args:
        endpoint: the server, shared by all sessions.
        picture: the portrait, uint8 RGB `[height, width, 3]`, or none.
        rules: what acts at once.
    """

    def __init__(
        self,
        endpoint: PlannerEndpoint,
        picture: NDArray[np.uint8] | None = None,
        rules: Planner | None = None,
    ) -> None:
        self._endpoint, self._rules = endpoint, rules or RuleBasedPlanner()
        self._senses = Senses(picture)
        self._asking: asyncio.Task[None] | None = None
        self._asked_at: deque[float] = deque(maxlen=MOST_A_MINUTE)
        self._laid: _Laid | None = None
        self._moment: Moment = (False, False, False, 0)
        self._ruled = Decision(0.0, "idling", resolve("idling").matched_phrase, "nobody speaks")
        self._shown, self._recent = "idling", deque[str](maxlen=_RECENT)
        self._free_at = 0.0
        self._wanted = False

    def observe(self, observation: Observation) -> Decision | None:
        """Let the rules decide, lay the plan over them, and ask for a new one when it is time."""
        at = observation.at
        ruled = self._rules.observe(observation)
        if ruled is not None:
            self._ruled = ruled
        if observation.asked:
            self._laid, self._free_at = None, at + ASKED_SECONDS
            return self._show(self._ruled)
        self._follow(observation)
        listening = observation.viewer_speaking
        self._ask_if_due(observation)
        planned = None if listening or at < self._free_at else self._planned(at)
        return self._show(planned or Decision(at, *_parts(self._ruled)))

    def hear(self, speaker: Speaker, sound: NDArray[np.int16]) -> None:
        """Keep the last seconds of sound for the next question."""
        if self._endpoint.settings.configured:
            self._senses.hear(speaker, sound)

    def close(self) -> None:
        """Give up the question that is under way, and forget what was heard."""
        if self._asking is not None:
            self._asking.cancel()
        self._senses.forget()

    def _follow(self, observation: Observation) -> None:
        """Notice when something else goes on: the old plan is over and a new one is wanted."""
        moment = (
            observation.viewer_speaking,
            observation.avatar_speaking,
            observation.reply_expected,
            observation.reply,
        )
        if moment == self._moment:
            return
        self._moment, self._laid = moment, None
        self._wanted = not observation.viewer_speaking

    def _ask_if_due(self, observation: Observation) -> None:
        at, listening = observation.at, observation.viewer_speaking
        last = self._asked_at[-1] if self._asked_at else -QUIET_SECONDS
        due = self._wanted or at - last >= QUIET_SECONDS
        spent = len(self._asked_at) == MOST_A_MINUTE and at - self._asked_at[0] < 60
        busy = self._asking is not None and not self._asking.done()
        if listening or not due or busy or spent or at - last < APART_SECONDS:
            return
        if not self._endpoint.available:
            return
        self._wanted = False
        self._asked_at.append(at)
        self._asking = asyncio.create_task(self._ask(observation, self._moment))

    async def _ask(self, observation: Observation, moment: Moment) -> None:
        """Ask for a plan and lay it, unless something else goes on by then."""
        loop = asyncio.get_running_loop()
        begun = loop.time()
        try:
            async with asyncio.timeout(self._endpoint.settings.deadline):
                plan = await self._endpoint.plan(self._situation(observation))
        except TimeoutError:
            self._endpoint.timed_out()
        except NoPlanError:
            pass  # the endpoint has said why, once
        else:
            if moment == self._moment:
                self._laid = _Laid(plan, observation.at + loop.time() - begun)

    def _situation(self, observation: Observation) -> Situation:
        state = "nobody speaks"
        if observation.avatar_speaking:
            state = "the avatar speaks"
        elif observation.reply_expected:
            state = "the viewer has finished; an answer is being made"
        return Situation(
            state=state,
            text=observation.text,
            viewer_text=observation.viewer_text,
            recent=tuple(self._recent),
            picture=self._senses.picture,
            viewer_sound=self._senses.recording("viewer"),
            avatar_sound=self._senses.recording("avatar"),
        )

    def _planned(self, at: float) -> Decision | None:
        laid = self._laid
        if laid is None or at - laid.at > STALE_SECONDS:
            return None
        step = laid.plan.at(at - laid.at)
        if step is None:
            return None
        name = step.behaviour
        phrase = resolve(name.replace("_", " ")).matched_phrase
        return Decision(at, name, phrase, f"planned: {laid.plan.why or 'no reason given'}")

    def _show(self, decision: Decision) -> Decision | None:
        """Return a decision if it changes something."""
        if decision.behaviour == self._shown:
            return None
        self._shown = decision.behaviour
        self._recent.append(decision.behaviour)
        return decision


def _parts(decision: Decision) -> tuple[str, str, str]:
    return decision.behaviour, decision.phrase, decision.why
