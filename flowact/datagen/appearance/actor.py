"""An actor: one character made ready for rendering, posed frame by frame."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from flowact.datagen.appearance.body import Body, Humanoid
from flowact.datagen.appearance.character import CharacterDesign, lights_of
from flowact.datagen.appearance.clothing import garment_layers, neckline
from flowact.datagen.appearance.hair import hair_layers
from flowact.datagen.appearance.skin import paint_skin
from flowact.datagen.appearance.skin_canvas import SKIN_WINDOW, skin_canvas
from flowact.datagen.appearance.textures import Photographs
from flowact.datagen.appearance.worn_mesh import Layer
from flowact.datagen.graphics import layout
from flowact.datagen.graphics.raster import rasterize
from flowact.motion.normals import accumulate_normals

Floats = NDArray[np.floating[Any]]
I32 = NDArray[np.int32]

MATERIAL_OF_PART = {
    "body": layout.SKIN,
    "eyes": layout.EYE,
    "teeth_upper": layout.TEETH,
    "teeth_lower": layout.TEETH,
    "tongue": layout.TONGUE,
    "lashes": layout.LASHES,
}
LOWER_LASHES = 7.285  # template height; they read as heavy make-up


@dataclass(frozen=True)
class Rigid:
    """A rotation [3, 3] and the points between which it acts."""

    rotation: Floats
    origin: Floats
    target: Floats

    @staticmethod
    def fit(source: Floats, target: Floats) -> "Rigid":
        """The least-squares rigid motion of points [N, 3] (Kabsch 1976)."""
        a, b = source.mean(0), target.mean(0)
        u, _, vt = np.linalg.svd((target - b).T @ (source - a))
        sign = np.diag([1, 1, np.sign(np.linalg.det(u @ vt))])
        return Rigid((u @ sign @ vt).astype(np.float32), a, b)

    def __call__(self, points: Floats) -> Floats:
        """Move points [N, 3]."""
        return np.asarray((points - self.origin) @ self.rotation.T + self.target, np.float32)


class Actor:
    """Geometry, materials and paint of a character.

    Attributes: triangles [F, 3], materials [F], uv [F, 3, 2] and two_sided [F] of body and worn layers
    together; solid_triangles: those before the first that is cut out by its texture; casting_triangles:
    those that throw shadows; skin, photographs, paint and lights for the shader.
    """

    def __init__(
        self,
        character: CharacterDesign,
        humanoid: Humanoid,
        photographs: Photographs | None = None,
        lights: Floats | None = None,
    ) -> None:
        self.character = character
        self.humanoid = humanoid
        self.photographs = photographs or Photographs()
        self.body: Body = humanoid.shape(character.identity)
        self.layers = self._layers()
        self._assemble()
        self._bind()
        self.lights = lights_of(character.lighting) if lights is None else lights
        self.skin = self._skin()
        self.paint = self._paint()
        self._occlude()

    def _skin(self) -> Floats:
        if self.photographs.skin is not None:
            return self.photographs.skin
        return paint_skin(skin_canvas(self.humanoid), self.character.skin, self.character.seed)

    def _layers(self) -> list[Layer]:
        h, c = self.humanoid, self.character
        template = h.template
        skin = h.triangles[h.part_mask("body")]
        head = skin[(template[skin][..., 1] > 6.3).all(1) & (template[skin][..., 2] < 1.62).all(1)]
        layers = hair_layers(c.hair, template, head, c.seed)
        shirt = h.triangles[h.part_mask("shirt")]
        layers += garment_layers(c.garment, template, shirt, c.seed)
        worn = self.photographs.layers
        return layers + sorted(worn, key=lambda layer: layer.cut_out)

    def _assemble(self) -> None:
        h = self.humanoid
        template = h.template
        keep = np.zeros(len(h.triangles), bool)
        material = np.full(len(h.triangles), layout.SKIN, np.int8)
        for part, number in MATERIAL_OF_PART.items():
            keep |= h.part_mask(part) & (part not in self.photographs.replaced)
            material[h.part_mask(part)] = number
        keep &= ~self._covered(template[h.triangles])
        keep &= ~(h.part_mask("lashes") & (template[h.triangles][..., 1] < LOWER_LASHES).all(1))
        triangles, materials, uv = [h.triangles[keep]], [material[keep]], [h.uv[keep]]
        start = len(template)
        for layer in self.layers:
            triangles.append(layer.triangles + start)
            materials.append(np.full(len(layer.triangles), layer.material, np.int8))
            plain = np.zeros((len(layer.triangles), 3, 2), np.float32)
            uv.append(layer.uv if len(layer.uv) else plain)
            start += len(layer.template)
        self.triangles = np.ascontiguousarray(np.concatenate(triangles).astype(np.int32))
        cut_out = sum(len(layer.triangles) for layer in self.layers if layer.cut_out)
        self.solid_triangles = self.triangles[: len(self.triangles) - cut_out]
        self.materials = np.concatenate(materials)
        thin = (self.materials == layout.LASHES) & (
            np.arange(len(self.triangles)) >= len(self.solid_triangles)
        )
        self.casting_triangles = np.ascontiguousarray(self.triangles[~thin])
        self.uv = np.ascontiguousarray(np.concatenate(uv).astype(np.float32))
        self.two_sided = (self.materials == layout.LASHES) | (self.materials >= layout.HAIR)
        self._fixed_attributes(start)

    def _covered(self, corners: Floats) -> NDArray[np.bool_]:
        """Body triangles that clothes hide for certain."""
        low = neckline(self.character.garment.kind, corners.reshape(-1, 3)).reshape(-1, 3) - 0.30
        reach = 2.4 if self.character.garment.short_sleeves else 3.9
        return np.asarray(
            (corners[..., 1] < low).all(1)
            & (np.abs(corners[..., 0]) < reach).all(1)
            & (corners[..., 1] > 2.2).all(1)
        )

    def _fixed_attributes(self, count: int) -> None:
        attributes = np.zeros((count, layout.ATTRIBUTES), np.float32)
        attributes[:, layout.AO] = 1
        start = len(self.humanoid.template)
        attributes[:start, layout.REST : layout.REST + 3] = self.humanoid.template
        for layer in self.layers:
            rows = slice(start, start + len(layer.template))
            attributes[rows, layout.REST : layout.REST + 3] = layer.template
            if len(layer.strand):
                attributes[rows, layout.STRAND : layout.STRAND + 2] = layer.strand
            start = rows.stop
        self.attributes = attributes

    def _bind(self) -> None:
        """Fit the carried layers to this identity's head, and choose the points that track rigid motion."""
        template, rest = self.humanoid.template, self.body.rest
        skull = (template[:, 1] > 7.55) & self.humanoid.part_vertices("body")
        chest = (np.abs(template[:, 0]) < 0.9) & (np.abs(template[:, 1] - 5.2) < 0.5)
        chest &= self.humanoid.part_vertices("shirt")
        self._jaw = np.flatnonzero(self.humanoid.part_vertices("teeth_lower"))
        self._skull, self._chest = np.flatnonzero(skull), np.flatnonzero(chest)
        fits = {
            name: _affine(template[i], rest[i])
            for name, i in (("head", self._skull), ("chest", self._chest))
        }
        self._carried: list[Floats | None] = []
        for layer in self.layers:
            if layer.head is None:
                self._carried.append(None)
                continue
            home = np.concatenate(
                [layer.template, np.ones((len(layer.template), 1), np.float32)], 1
            )
            weight = layer.head[:, None]
            self._carried.append(
                (home @ fits["head"]) * weight + (home @ fits["chest"]) * (1 - weight)
            )

    def _paint(self) -> Floats:
        """The paint matrix of `graphics.layout`."""
        c, template = self.character, self.humanoid.template
        eyes = template[self.humanoid.part_vertices("eyes")]
        left = eyes[eyes[:, 0] > 0]
        teeth = template[self.humanoid.part_vertices("teeth_upper")]
        paint = np.zeros((layout.PAINT_ROWS, 3), np.float32)
        paint[layout.IRIS_INNER] = np.clip(np.asarray(c.iris) * 1.9 + 0.02, 0, 1)
        paint[layout.IRIS_OUTER] = c.iris
        paint[layout.HAIR_ROOT], paint[layout.HAIR_TIP] = c.hair.root, c.hair.tip
        g = c.garment
        paint[layout.CLOTH_MAIN : layout.CLOTH_INNER + 1] = (g.main, g.second, g.trim, g.inner)
        paint[layout.LASH] = (0.02, 0.015, 0.012)
        paint[layout.TONE] = c.skin.tone
        paint[layout.EYES] = _box_centre(left)
        paint[layout.EYES + 1] = _box_centre(eyes[eyes[:, 0] < 0])
        radius = np.linalg.norm(left - _box_centre(left), axis=1).max()
        paint[layout.SIZES] = (radius, teeth[:, 2].max(), g.drawing)
        paint[layout.GARMENT] = (g.scale, 5.95, 2.1)
        paint[layout.WINDOW] = (SKIN_WINDOW[0], SKIN_WINDOW[1], SKIN_WINDOW[3])
        return paint

    def pose(self, curves: Floats, pose: Floats) -> tuple[Floats, Floats]:
        """Vertices [N, 3] in dm and the attribute matrix of one frame (curves [52], pose [J, 3])."""
        body = self.body.pose(curves, pose)
        normals = np.zeros_like(body)
        accumulate_normals(body, self.humanoid.triangles, normals)
        head, jaw, chest = (
            Rigid.fit(self.body.rest[rows], body[rows])
            for rows in (self._skull, self._jaw, self._chest)
        )
        parts = [body]
        for layer, carried in zip(self.layers, self._carried, strict=True):
            mover = jaw if layer.jaw else head
            parts.append(_worn(layer, carried, body, normals, mover, chest))
        vertices = np.concatenate(parts)
        self._fill(vertices, len(body), normals, head)
        return vertices, self.attributes

    def _fill(self, vertices: Floats, body: int, body_normals: Floats, head: Rigid) -> None:
        a = self.attributes
        a[:, layout.POSITION : layout.POSITION + 3] = vertices
        normals = np.zeros_like(vertices)
        accumulate_normals(vertices, self.triangles, normals)
        normals[:body] = body_normals
        a[:, layout.NORMAL : layout.NORMAL + 3] = normals
        start = body
        for layer in self.layers:
            rows = slice(start, start + len(layer.template))
            if len(layer.normal):
                a[rows, layout.NORMAL : layout.NORMAL + 3] = layer.normal @ head.rotation.T
            if len(layer.tangent):
                a[rows, layout.TANGENT : layout.TANGENT + 3] = layer.tangent @ head.rotation.T
            start = rows.stop

    def _occlude(self) -> None:
        """Bake ambient occlusion into the attributes: the share of 28 directions that see each vertex."""
        vertices, attributes = self.pose(np.zeros(52, np.float32), self.body.rest_pose())
        normals = attributes[:, layout.NORMAL : layout.NORMAL + 3].copy()
        seen, total = np.zeros(len(vertices)), np.full(len(vertices), 1e-6)
        for direction in _hemisphere(28):
            near, rows = depth_map(vertices, self.casting_triangles, direction, 256)
            at = vertices @ rows[:, :3].T + rows[:, 3]
            x, y = np.clip(at[:, :2].astype(int), 0, 255).T
            facing = np.maximum(normals @ direction, 0)
            seen += facing * (at[:, 2] + 0.06 >= near[y, x])
            total += facing
        ao = np.clip(0.15 + 0.95 * seen / total, 0, 1)
        fixed = np.isin(np.arange(len(ao)), self.triangles[self.materials == layout.TEETH])
        fixed |= np.isin(np.arange(len(ao)), self.triangles[self.materials == layout.TONGUE])
        ao[fixed] = 0.8
        eyes = np.isin(np.arange(len(ao)), self.triangles[self.materials == layout.EYE])
        ao[eyes] = np.maximum(ao[eyes], 0.75)
        attributes[:, layout.AO] = ao


def _worn(
    layer: Layer, carried: Floats | None, body: Floats, normals: Floats, head: Rigid, chest: Rigid
) -> Floats:
    if layer.surface is not None and layer.shift is not None:
        return np.asarray(layer.surface @ body + layer.shift @ head.rotation.T, np.float32)
    if layer.surface is not None and layer.offset is not None:
        direction = layer.surface @ normals
        direction /= np.maximum(np.linalg.norm(direction, axis=1, keepdims=True), 1e-9)
        return np.asarray(layer.surface @ body + layer.offset[:, None] * direction, np.float32)
    if layer.head is None or carried is None:
        raise ValueError("a layer has a surface and an offset or shift, or is carried (head)")
    weight = layer.head[:, None]
    return np.asarray(weight * head(carried) + (1 - weight) * chest(carried), np.float32)


def depth_map(
    vertices: Floats, triangles: I32, direction: Floats, size: int, reach: float = 3.4
) -> tuple[Floats, Floats]:
    """An orthographic depth map [size, size] seen from `direction` and its projection rows [3, 4]."""
    side = np.cross([0.0, 1.0, 0.0], direction)
    side = side / max(float(np.linalg.norm(side)), 1e-6)
    up = np.cross(direction, side)
    scale = size / (2 * reach)
    centre = np.array([0.0, 6.4, 0.4])
    rows = np.zeros((3, 4), np.float32)
    for row, axis, factor, offset in (
        (0, side, scale, size / 2),
        (1, -up, scale, size / 2),
        (2, direction, 1.0, 20.0),
    ):
        rows[row, :3] = axis * factor
        rows[row, 3] = offset - factor * float(axis @ centre)
    screen = np.ascontiguousarray(vertices @ rows[:, :3].T + rows[:, 3], np.float32)
    near = np.zeros((size, size), np.float32)
    ids = np.full((size, size), -1, np.int32)
    rasterize(screen, triangles, np.ones(len(triangles), bool), ids, near)
    return near, rows


def _affine(source: Floats, target: Floats) -> Floats:
    home = np.concatenate([source, np.ones((len(source), 1), np.float32)], 1)
    return np.asarray(np.linalg.lstsq(home, target, rcond=None)[0], np.float32)


def _box_centre(points: Floats) -> Floats:
    return np.asarray((points.min(0) + points.max(0)) / 2, np.float32)


def _hemisphere(count: int) -> Floats:
    """Directions spread over the half sphere towards the camera and above (golden spiral)."""
    k = np.arange(count) + 0.5
    z = 1 - 1.15 * k / count
    turn = np.pi * (1 + 5**0.5) * k
    radius = np.sqrt(np.maximum(0, 1 - z * z))
    return np.stack([radius * np.cos(turn), radius * np.sin(turn), z], 1).astype(np.float32)
