"""Rendering: an actor in front of a camera becomes pictures and correspondences."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from flowact.datagen.appearance.actor import Actor, depth_map
from flowact.datagen.graphics.background import paint_background
from flowact.datagen.graphics.camera import Camera
from flowact.datagen.graphics.layout import KEY
from flowact.datagen.graphics.raster import correspondence, rasterize, rasterize_cards
from flowact.datagen.graphics.shading import shade_picture
from flowact.datagen.placement import Placement
from flowact.timebase import FACE_BOX, FRAME_SIZE

Floats = NDArray[np.floating[Any]]
U8 = NDArray[np.uint8]
GRID = 60
_LEVELS = 4096
_WHITE = 2.5  # linear radiance that the tone curve takes to 255


@dataclass(frozen=True)
class RenderedFrame:
    """One picture [480, 480, 3] and what is needed to relate it to another one of the same actor.

    ids [960, 960]: triangle per sample, -1 for background; near: inverse depth; screen [N, 3]: vertices.
    """

    picture: U8
    ids: NDArray[np.int32]
    near: Floats
    screen: Floats


def _tone_curve() -> U8:
    """Linear light to sRGB bytes with a soft shoulder."""
    x = np.linspace(0, _WHITE, _LEVELS)
    shoulder = x * (1 + x / 2.2**2) / (1 + 0.62 * x)
    value = np.clip(shoulder, 0, 1)
    srgb = np.where(value <= 0.0031308, 12.92 * value, 1.055 * value ** (1 / 2.4) - 0.055)
    return np.asarray(np.round(srgb * 255), np.uint8)


_TONE = _tone_curve()


class Scene:
    """An actor, a camera and a background."""

    def __init__(
        self,
        actor: Actor,
        placement: Placement | None = None,
        backdrop: Floats | None = None,
    ) -> None:
        self.actor = actor
        self.placement = placement or Placement()
        self.camera = framing(actor, self.placement)
        painted = actor.character.background
        self._backdrop = paint_background(painted, FRAME_SIZE) if backdrop is None else backdrop

    def render(self, curves: Floats, pose: Floats) -> RenderedFrame:
        """Render one frame (curves [52] and pose [J, 3], to which the placement adds its own)."""
        actor = self.actor
        vertices, attributes = actor.pose(*self.placement.pose(curves, pose))
        screen = self.camera.project(vertices, 2)
        ids = np.full((2 * FRAME_SIZE, 2 * FRAME_SIZE), -1, np.int32)
        near = np.zeros(ids.shape, np.float32)
        solid = actor.solid_triangles
        rasterize(screen, solid, actor.two_sided, ids, near)
        cards = actor.photographs.cards
        rasterize_cards(screen, actor.triangles, actor.uv, len(solid), cards, ids, near)
        shadow, rows = depth_map(vertices, actor.casting_triangles, actor.lights[KEY], 512)
        picture = self._backdrop.copy()
        eye = np.asarray(self.camera.eye, np.float32)
        shade_picture(
            ids, screen, actor.triangles, actor.materials, actor.uv, attributes,
            eye, actor.skin, actor.photographs.body, actor.photographs.iris, cards,
            actor.paint, actor.lights, shadow, rows, picture,
        )  # fmt: skip
        index = np.clip(picture * (_LEVELS / _WHITE), 0, _LEVELS - 1).astype(np.uint16)
        return RenderedFrame(_TONE[index], ids, near, screen)

    def measure(self, curves: Floats, pose: Floats) -> tuple[float, Floats]:
        """Lip gap over mouth width, and the landmarks [L, 2] in pixels, of one frame."""
        body = self.actor.body.pose(*self.placement.pose(curves, pose))
        marks = self.camera.project(self.actor.body.landmarks(body))[:, :2]
        return self.actor.body.opening(body), marks

    def correspondence(
        self, frame: RenderedFrame, reference: RenderedFrame
    ) -> tuple[Floats, U8, Floats, U8]:
        """Flow [60, 60, 2] and visibility [60, 60] towards the reference, for the whole frame and the face box."""
        x, y, size = FACE_BOX
        whole = self._match(frame, reference, 0, 0, FRAME_SIZE)
        return (*whole, *self._match(frame, reference, x, y, size))

    def _match(
        self, frame: RenderedFrame, reference: RenderedFrame, x: int, y: int, size: int
    ) -> tuple[Floats, U8]:
        axis = (np.arange(GRID) + 0.5) * (size / GRID)
        grid = np.stack(np.meshgrid(x + axis, y + axis), -1).reshape(-1, 2).astype(np.float32) * 2
        flow = np.empty((GRID * GRID, 2), np.float32)
        visible = np.empty(GRID * GRID, np.uint8)
        correspondence(
            frame.ids,
            frame.screen,
            self.actor.triangles,
            reference.screen,
            reference.near,
            grid,
            flow,
            visible,
        )
        return flow.reshape(GRID, GRID, 2), visible.reshape(GRID, GRID)


def framing(actor: Actor, placement: Placement) -> Camera:
    """Head and shoulders with the face in the middle of `FACE_BOX`, changed as the placement says."""
    marks = actor.body.landmarks(actor.body.rest)
    x, y, size = FACE_BOX
    centre = (
        float(marks[:, 0].mean()),
        float((marks[4:6, 1].mean() + marks[7, 1]) / 2 + 0.12),
        float(marks[6, 2]),
    )
    right, down = placement.shift
    pixel = (x + size / 2 + right, y + size / 2 + down)
    scale = actor.character.scale * placement.zoom
    return Camera.framing(centre, pixel, scale, 14.0, np.radians(placement.roll))
