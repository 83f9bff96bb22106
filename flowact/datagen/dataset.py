"""Training clips rendered from seeds.

A clip is a pure function of its seed: identity, clothes, light, script and voice are all drawn from it, so
a data set is re-made by its command and never shipped. Workers are processes; a clip file appears whole or
not at all, and finished seeds are skipped, so an interrupted run is continued by the same command.
"""

import logging
import multiprocessing
from collections.abc import Callable
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from dataclasses import asdict, dataclass
from functools import cache, partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import track

from flowact.datagen.appearance.actor import Actor
from flowact.datagen.appearance.body import Humanoid
from flowact.datagen.appearance.character import CharacterDesign, random_character
from flowact.datagen.clip import Clip, encode_jpeg, pack_frames
from flowact.datagen.named_characters import named_characters
from flowact.datagen.performance.performance import (
    Performance,
    perform,
    random_script,
    rest_performance,
)
from flowact.datagen.photographic.casting import Photographed, random_photographed
from flowact.datagen.render import RenderedFrame, Scene
from flowact.errors import UserError
from flowact.processes import end_with_parent

_log = logging.getLogger(__name__)
U8 = NDArray[np.uint8]

SPLITS = ("train", "heldout")
BODY_LICENCE = "CC0-1.0"
NAMED_SHARE = 0.3  # of the training clips show one of the named characters


@dataclass(frozen=True)
class ClipPlan:
    """What one clip shows: a split, a seed and a length in seconds.

    textures: folder that `photographic.download` filled; photographic: share of the clips that show a
    random person with them, in front of a random camera.
    """

    split: str
    seed: int
    seconds: float
    textures: Path | None = None
    photographic: float = 0.0


@cache
def _humanoid() -> Humanoid:
    return Humanoid.load()


def cast(plan: ClipPlan) -> tuple[str | None, CharacterDesign]:
    """The character of a clip: a named one (in other clothes or light now and then) or a random person.

    Held-out clips alternate between named characters and people whose seeds are never used for training.
    """
    rng = np.random.default_rng([plan.seed, SPLITS.index(plan.split)])
    names = sorted(named_characters())
    share = 0.5 if plan.split == "heldout" else NAMED_SHARE
    if rng.random() < share:
        name = names[rng.integers(len(names))]
        return name, named_characters()[name]
    return None, random_character(rng)


def photographed(plan: ClipPlan) -> Photographed | None:
    """The photographed person of a clip; None for a clip that shows whom `cast` says."""
    rng = np.random.default_rng([plan.seed, 11, SPLITS.index(plan.split)])
    if plan.textures is None or rng.random() >= plan.photographic:
        return None
    return random_photographed(rng, plan.textures)


def render_clip(plan: ClipPlan) -> Clip:
    """Perform and render a clip."""
    rng = np.random.default_rng([plan.seed, 7, SPLITS.index(plan.split)])
    performance = perform(random_script(rng, plan.seconds, plan.split), plan.seed)
    seen = photographed(plan)
    if seen is None or plan.textures is None:
        name, character = cast(plan)
        stage = Scene(Actor(character, _humanoid()))
        return film(stage, performance, _meta(plan, name, character, performance))
    meta = _meta(plan, None, seen.character, performance)
    meta["sources"] += seen.sources()
    meta |= seen.meta()
    stage = seen.stage(_humanoid(), plan.textures)
    noise = np.random.default_rng([plan.seed, 13, SPLITS.index(plan.split)])
    return film(stage, performance, meta, partial(seen.exposure.develop, rng=noise))


def portrait(stage: Scene) -> RenderedFrame:
    """The idle portrait: a slight smile, the mouth shut, eyes on the viewer."""
    curves, pose = rest_performance(stage.actor.character.smile)
    return stage.render(curves, pose)


def film(
    stage: Scene,
    performance: Performance,
    meta: dict[str, Any],
    develop: Callable[[U8], U8] = lambda picture: picture,
) -> Clip:
    """Render every frame of a performance with its ground truth; `develop` takes each picture."""
    reference = portrait(stage)
    taken = encode_jpeg(develop(reference.picture))
    frames, rows = [], []
    for curves, pose in zip(performance.curves, performance.pose, strict=True):
        frame = stage.render(curves, pose)
        frames.append(develop(frame.picture))
        rows.append((*stage.correspondence(frame, reference), *stage.measure(curves, pose)))
    flow_whole, visible_whole, flow_face, visible_face, opening, marks = map(
        np.stack, zip(*rows, strict=True)
    )
    data, offsets = pack_frames(frames)
    return Clip(
        frames=data,
        frame_offsets=offsets,
        reference=taken,
        audio=np.round(np.clip(performance.audio, -1, 1) * 32767).astype(np.int16),
        curves=performance.curves.astype(np.float16),
        pose=performance.pose.astype(np.float16),
        opening=opening.astype(np.float16),
        landmarks=marks.astype(np.float16),
        flow_whole=flow_whole.astype(np.float16),
        flow_face=flow_face.astype(np.float16),
        visible_whole=visible_whole,
        visible_face=visible_face,
        behaviour=performance.behaviour.astype(np.uint8),
        phonemes=[(p.label, p.start, p.end) for p in performance.phonemes],
        meta=meta,
    )


def _meta(
    plan: ClipPlan, name: str | None, character: CharacterDesign, performance: Performance
) -> dict[str, Any]:
    held = plan.split == "heldout"
    return {
        "seed": plan.seed,
        "character": name,
        "identity": asdict(character.identity),
        "voice": performance.voice,
        "text": performance.text,
        "heldout": {"identity": held and name is None, "voice": held, "sentence": held},
        "sources": [{"name": "humanoid.npz", "licence": BODY_LICENCE}],
    }


def _write(root: Path, plan: ClipPlan) -> Path:
    path = root / plan.split / f"{plan.seed:08d}.npz"
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        render_clip(plan).save(path)
    return path


def render_dataset(root: Path, plans: list[ClipPlan], workers: int) -> list[Path]:
    """Render all plans that are not there yet; a clip that fails is reported and skipped.

    Raises UserError when no clip could be rendered at all.
    """
    context = multiprocessing.get_context("spawn")
    done: list[Path] = []
    with ProcessPoolExecutor(workers, context, end_with_parent) as pool:
        futures = {pool.submit(_write, root, plan): plan for plan in plans}
        try:
            console = Console(stderr=True)
            for future in track(as_completed(futures), str(root), len(plans), console=console):
                done += _collect(future, futures[future])
        except BaseException:  # the pool would render all the others before it ends
            pool.shutdown(wait=False, cancel_futures=True)
            raise
    if plans and not done:
        raise UserError(f"no clip could be rendered into {root}; the messages above say why.")
    return done


def _collect(future: "Future[Path]", plan: ClipPlan) -> list[Path]:
    error = future.exception()
    if error is None:
        return [future.result()]
    _log.error("clip %s/%d failed: %s: %s", plan.split, plan.seed, type(error).__name__, error)
    return []
