"""Which of rules and plan is followed, on a clock that the test turns; the server is in the same process."""

from __future__ import annotations

import asyncio
import json

import pytest

from flowact.conditioning.actions import PHRASES
from flowact.planner import Observation
from flowact.planner.multimodal.endpoint import NoPlanError, PlannerSettings
from flowact.planner.multimodal.plan import parse_plan
from flowact.planner.multimodal.planner import (
    APART_SECONDS,
    MOST_A_MINUTE,
    QUIET_SECONDS,
    STALE_SECONDS,
    MultimodalPlanner,
)
from flowact.planner.rules import ASKED_SECONDS


def reply(*steps: tuple[int, str, int]) -> str:
    listed = [{"in_s": at, "behaviour": name, "for_s": long} for at, name, long in steps]
    return json.dumps({"steps": listed, "why": "as planned"})


class Oracle:
    """An endpoint whose answer a test gives; it counts the questions."""

    settings = PlannerSettings("http://127.0.0.1:1/v1", "model")
    available = True

    def __init__(self, answer: str = "") -> None:
        self.answer, self.asked, self.late = answer, [], 0

    async def plan(self, situation):
        self.asked.append(situation)
        for _ in range(self.late):
            await asyncio.sleep(0)
        if not self.answer:
            raise NoPlanError("nothing")
        return parse_plan(self.answer)

    def timed_out(self) -> None:
        raise AssertionError("nothing here takes long")


@pytest.fixture
def play():
    """Runs observations, a moment of the loop after each, and returns what was decided."""

    def run(oracle, observations, planner=None):
        async def script():
            watched = planner or MultimodalPlanner(oracle)
            decided = []
            for observation in observations:
                decision = watched.observe(observation)
                decided.append(decision.behaviour if decision else None)
                for _ in range(5):
                    await asyncio.sleep(0)
            watched.close()
            return decided

        return asyncio.run(script())

    return run


def speaking(at: float, text: str = "Let me tell you.", **more) -> Observation:
    return Observation(at=at, avatar_speaking=True, text=text, **more)


def test_the_rules_act_at_once_and_the_plan_refines_step_by_step(play):
    oracle = Oracle(reply((0, "smiling", 2), (2, "nodding", 1)))
    decided = play(oracle, [speaking(at) for at in (1.0, 1.2, 2.0, 3.1, 4.1, 4.2)])
    assert decided == ["speaking", "smiling", None, "nodding", "speaking", None]
    assert oracle.asked[0].state == "the avatar speaks" and oracle.asked[0].text


def test_what_the_viewer_asks_for_and_listening_come_before_the_plan(play):
    oracle = Oracle(reply((0, "laughing", 8)))
    decided = play(
        oracle,
        [
            speaking(1.0),
            speaking(1.2),
            speaking(1.4, asked="wave"),
            speaking(2.0),
            speaking(1.5 + ASKED_SECONDS),
            Observation(at=6.0, viewer_speaking=True),
            Observation(at=6.2, viewer_speaking=True),
        ],
    )
    assert decided[:5] == ["speaking", "laughing", "waving", None, "speaking"]
    assert decided[5:] == ["listening", None]


def test_a_plan_comes_before_words_in_the_text(play):
    oracle = Oracle(reply((0, "smiling", 5)))
    decided = play(
        oracle, [speaking(1.0, "Hello!"), speaking(1.2, "Hello!"), speaking(9.0, "Hello!")]
    )
    assert decided == ["waving", "smiling", "speaking"]


def test_a_plan_is_stale_after_six_seconds_and_over_when_something_else_goes_on(play):
    oracle = Oracle(reply((0, "smiling", 8)))
    decided = play(oracle, [speaking(1.0), speaking(1.2), speaking(1.3 + STALE_SECONDS)])
    assert decided == ["speaking", "smiling", "speaking"]
    decided = play(oracle, [speaking(1.0), speaking(1.2), speaking(1.4, reply=2)])
    assert decided == ["speaking", "smiling", "speaking"]


def test_a_plan_holds_through_all_clauses_of_a_reply_and_the_model_is_asked_once(play):
    oracle = Oracle(reply((0, "smiling", 5)))
    clauses = [
        speaking(1.0 + step / 2, f"Clause {step}.", reply=3, viewer_text="Why?")
        for step in range(9)
    ]
    decided = play(oracle, clauses)
    assert decided == ["speaking", "smiling", *[None] * 7]
    assert [situation.viewer_text for situation in oracle.asked] == ["Why?"]


def test_an_answer_that_comes_after_an_interruption_is_dropped(play):
    oracle = Oracle(reply((0, "laughing", 8)))
    oracle.late = 12
    quiet = [Observation(at=1.2 + step / 5) for step in range(5)]
    decided = play(oracle, [speaking(1.0), *quiet])
    assert len(oracle.asked) == 1 and "laughing" not in decided


def test_the_model_is_asked_at_events_never_more_often_than_it_may(play):
    oracle = Oracle(reply((0, "smiling", 1)))
    texts = [speaking(1.0 + step / 5, f"Reply {step}.", reply=step) for step in range(600)]
    play(oracle, texts)
    assert len(oracle.asked) <= 2 * MOST_A_MINUTE
    assert len(oracle.asked) >= 120 / APART_SECONDS - 3
    quiet = Oracle()
    play(quiet, [Observation(at=step / 5) for step in range(150)])
    assert len(quiet.asked) == 30 / QUIET_SECONDS
    deaf = Oracle()
    play(deaf, [Observation(at=step / 5, viewer_speaking=True) for step in range(150)])
    assert deaf.asked == []


def test_without_plans_it_does_what_the_rules_do(play):
    observations = [
        *(Observation(at=at / 5, viewer_speaking=True) for at in range(20)),
        Observation(at=5.0, reply_expected=True),
        speaking(6.0, "Hello there."),
        speaking(9.0, "Hello there."),
        Observation(at=10.0),
    ]
    decided = [name for name in play(Oracle(), observations) if name]
    assert decided == ["listening", "nodding", "thinking", "waving", "speaking", "idling"]


def test_every_behaviour_that_may_be_planned_can_be_drawn(play):
    for name in PHRASES:
        play(Oracle(reply((0, name, 1))), [speaking(1.0), speaking(1.2)])
