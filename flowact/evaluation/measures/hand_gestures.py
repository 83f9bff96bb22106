"""Whether the hands that a person is asked to show are hands: as often found as in renderings of the same."""

from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from itertools import islice
from typing import Final

import numpy as np
from numpy.typing import NDArray

from flowact import assets
from flowact.datagen.appearance.actor import Actor
from flowact.datagen.appearance.body import Humanoid
from flowact.datagen.named_characters import named_characters
from flowact.datagen.performance.performance import Performance, Script, Segment, perform
from flowact.datagen.render import Scene
from flowact.datagen.voice.sentences import random_sentence
from flowact.datagen.voice.speech import HELD_OUT_VOICE
from flowact.evaluation.judges.landmarks.hands import HandLandmarker
from flowact.media import Recording
from flowact.pipeline import FlowActPipeline
from flowact.portrait import load_reference
from flowact.timebase import SAMPLE_RATE

Frame = NDArray[np.uint8]

GESTURES: Final = {"waving": "wave", "pointing": "point", "thumbs_up": "thumbs up"}
"""Behaviours of the data engine that show a hand, and how the model is asked for them."""
SECONDS: Final = 3.84
"""Of a performance: eight chunks."""
FIRST: Final = 24
"""The first frame that is looked at, .96 s: until then a hand may still be rising."""
EVERY: Final = 2
"""Frames between two that are looked at."""
SENTENCES: Final = 3
"""Enough to be said all the time."""


@dataclass(frozen=True)
class Gesture:
    """A gesture of a character, rendered and generated.

    Attributes:
        character, behaviour: who does what.
        rendered, generated: in which of the frames that were looked at a hand was found, `[frames]`.
        shown: two frames uint8 `[480, 480, 3]`, rendered and generated, of a moment in which a hand was found in
            the rendering, but not in what was generated if there is such a moment.
    """

    character: str
    behaviour: str
    rendered: NDArray[np.bool_]
    generated: NDArray[np.bool_]
    shown: tuple[Frame, Frame]


def gestures(
    pipeline: FlowActPipeline, hands: HandLandmarker, names: Sequence[str], seed: int = 0
) -> Iterator[Gesture]:
    """Every gesture of every named character.

    Args:
        pipeline: is asked for the gesture, and hears what the rendered person says meanwhile.
        hands: the judge.
        names: of characters.
        seed: of performances and sessions.
    """
    for name in names:
        scene = Scene(Actor(named_characters()[name], Humanoid.load()))
        for number, behaviour in enumerate(GESTURES):
            performance = act(behaviour, seed + number)
            rendered = _rendered(scene, performance)
            generated = _generated(pipeline, name, behaviour, performance, seed)
            yield _gesture(name, behaviour, hands, rendered, generated)


def act(behaviour: str, seed: int) -> Performance:
    """Somebody who makes a gesture and talks all the while, in the held-out voice."""
    rng = np.random.default_rng([seed, 23])
    said = [random_sentence(rng, held_out=True) for _ in range(SENTENCES)]
    segments = tuple(Segment(behaviour, text) for text in said)
    return perform(Script(segments, SECONDS, HELD_OUT_VOICE), seed)


def summary(found: Sequence[Gesture]) -> dict[str, dict[str, float]]:
    """By behaviour: share of frames with a hand in renderings and in what was generated, and their ratio."""
    return {
        behaviour: _shares([g for g in found if g.behaviour == behaviour]) for behaviour in GESTURES
    }


def _shares(found: Sequence[Gesture]) -> dict[str, float]:
    rendered, generated = (
        float(np.concatenate([getattr(g, kind) for g in found]).mean())
        for kind in ("rendered", "generated")
    )
    return {
        "rendered": rendered,
        "generated": generated,
        "hands": generated / rendered if rendered else float("nan"),
    }


def _rendered(scene: Scene, performance: Performance) -> list[Frame]:
    moments = range(FIRST, len(performance.curves), EVERY)
    return [scene.render(performance.curves[i], performance.pose[i]).picture for i in moments]


def _generated(
    pipeline: FlowActPipeline, name: str, behaviour: str, performance: Performance, seed: int
) -> list[Frame]:
    portrait = load_reference(assets.character(name).portrait)
    recording = Recording.from_samples(performance.audio, SAMPLE_RATE)
    stream = pipeline.stream(portrait, recording, action=GESTURES[behaviour], seed=seed)
    with closing(stream) as frames:
        return [frame.image for frame in islice(frames, FIRST, None, EVERY)]


def _gesture(
    name: str,
    behaviour: str,
    hands: HandLandmarker,
    rendered: list[Frame],
    generated: list[Frame],
) -> Gesture:
    truth, made = (
        np.array([bool(hands.look(frame)) for frame in frames]) for frames in (rendered, generated)
    )
    at = int((2 * truth + (truth & ~made)).argmax())
    return Gesture(name, behaviour, truth, made, (rendered[at], generated[at]))
