import pytest

from flowact.conditioning.actions import PHRASES
from flowact.planner import Observation, RuleBasedPlanner
from flowact.planner.rules import ASKED_SECONDS, BORED_AFTER, NOD_AFTER, find_cue


def run(planner: RuleBasedPlanner, observations: list[Observation]) -> list[str]:
    decisions = [planner.observe(observation) for observation in observations]
    return [decision.behaviour for decision in decisions if decision is not None]


def test_the_avatar_listens_nods_thinks_speaks_and_rests():
    viewer = [Observation(at=t / 5, viewer_speaking=True) for t in range(22)]
    assert viewer[-1].at > NOD_AFTER
    then = [
        Observation(at=10.0, reply_expected=True),
        Observation(at=11.0, avatar_speaking=True),
        Observation(at=12.0),
    ]
    assert run(RuleBasedPlanner(), viewer + then) == [
        *("listening", "nodding", "thinking", "speaking", "idling")
    ]


def test_what_is_asked_comes_first_and_lasts_and_is_explained():
    planner = RuleBasedPlanner()
    decision = planner.observe(Observation(at=0.0, avatar_speaking=True, asked="wave"))
    assert decision is not None
    assert decision.behaviour == "waving" and "asked" in decision.why
    assert planner.observe(Observation(at=ASKED_SECONDS - 0.1, avatar_speaking=True)) is None
    assert run(planner, [Observation(at=ASKED_SECONDS + 0.1, avatar_speaking=True)]) == ["speaking"]


def test_the_viewers_voice_ends_a_gesture():
    planner = RuleBasedPlanner()
    planner.observe(Observation(at=0.0, asked="wave"))
    assert run(planner, [Observation(at=0.5, viewer_speaking=True)]) == ["listening"]


def test_words_call_for_a_gesture_once():
    planner = RuleBasedPlanner()
    talk = [
        Observation(at=t / 5, avatar_speaking=True, text="Hello, how are you?") for t in range(30)
    ]
    assert run(planner, talk) == ["waving", "speaking"]


def test_long_silence_is_broken_by_a_smile():
    planner = RuleBasedPlanner()
    quiet = [Observation(at=float(t)) for t in range(round(BORED_AFTER) + 10)]
    assert run(planner, quiet) == ["smiling", "idling"]


@pytest.mark.parametrize(
    ("text", "behaviour"),
    [("Good morning!", "waving"), ("I have no idea.", "shrugging"), ("Well done.", "thumbs_up")],
)
def test_cues_are_found(text, behaviour):
    assert find_cue(text)[0] == behaviour


def test_plain_text_has_no_cue():
    assert find_cue("The train leaves at five.") is None


def test_every_decision_names_a_phrase_that_the_model_knows():
    for behaviour, phrases in PHRASES.items():
        decision = RuleBasedPlanner().observe(Observation(at=0.0, asked=phrases[0]))
        assert behaviour == "idling" or decision.phrase in {p.lower() for p in phrases}


def test_of_a_picture_that_shows_no_arms_words_move_none():
    said = Observation(at=1.0, avatar_speaking=True, text="Hello there!", reply=1)
    asked = Observation(at=2.0, avatar_speaking=True, asked="wave")
    assert run(RuleBasedPlanner(), [said]) == ["waving"]
    assert run(RuleBasedPlanner(arms=False), [said, asked]) == ["speaking", "waving"]
