"""Finding the faces of a picture: squares where one may be, and the landmark network over them, pass after pass."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import cv2
import numpy as np
import torch
from cv2.data import haarcascades
from numpy.typing import NDArray

from flowact.motion.face_points import MIRROR
from flowact.portrait.network import INPUT_SIZE, WINDOW, LandmarkNet, LandmarkOutput, load_network
from flowact.portrait.windows import PicturePyramid, Square

Floats = NDArray[np.floating[Any]]
U8 = NDArray[np.uint8]

CASCADE_EDGE: Final = 480
"""Shorter edge in pixels of the picture that the cascade looks at."""
SMALLEST: Final = 40
"""Edge in pixels of the smallest face that it finds there: a twelfth of the shorter edge."""
GRID: Final = ((1.4, 1.0, 0.68), (0.46, 0.31))
"""Edges of the windows that are tried all over the picture, in shorter edges; the smaller ones if need be."""
STEP: Final = 0.28
"""Distance of two of them, in windows."""
LIKELY: Final = 0.5
"""Face probability with which a first window is looked at again."""
CERTAIN: Final = 0.85
"""Face probability, the mean of all windows of the last pass, from which it is a face."""
STEADY_SPREAD: Final = 0.12
"""Spread below which it is one: on what is no face the windows disagree."""
CLEAR: Final = 0.135
"""Haziness below which it is one."""
DRAWN: Final = 0.21
"""The same where the cascade saw one, too."""
CANDIDATES: Final = 8
_CASCADE_WINDOW: Final = 1.42
"""Window of the network over the square of the cascade, and how much lower its centre is."""
_CASCADE_LOWER: Final = 0.09


@dataclass(frozen=True)
class Face:
    """One face of a picture.

    Attributes:
        points: [89, 2], pixels (x, y), in the order of `motion.face_points.POINTS`.
        deviation: [89], standard deviation of each in pixels, as the network believes.
        probability: of this being a face.
        spread: how far the windows of the last pass disagree, root mean square over the points, in face radii.
        pose: yaw (positive: the nose points to the picture's right), pitch (up), roll (clockwise), degrees.
        mouth: gap between the inner lips over the mouth's width.
        hidden: probability of the eyes, and of the mouth, being behind something.
    """

    points: Floats
    deviation: Floats
    probability: float
    spread: float
    pose: tuple[float, float, float]
    mouth: float
    hidden: tuple[float, float]

    @property
    def is_certain(self) -> bool:
        """Whether the network says that this is a face, and its windows agree."""
        return self.probability > CERTAIN and self.spread < STEADY_SPREAD

    @property
    def haziness(self) -> float:
        """Mean deviation of the points in face radii: .05 in a clear portrait."""
        return float(self.deviation.mean()) / self.circle[1]

    @property
    def circle(self) -> tuple[Floats, float]:
        """Centre [2] and radius in pixels; see `network.WINDOW`."""
        centre = self.points.mean(0)
        return centre, float(np.sqrt(((self.points - centre) ** 2).sum(1).mean()))


def find_faces(picture: U8, grid: Sequence[Sequence[float]] = GRID) -> list[Face]:
    """All upright faces of a picture uint8 [H, W, 3], the largest first.

    Squares come from the cascade of Viola and Jones (2001) and from a grid of windows; three passes of the landmark
    network, each on the window that the one before asks for, keep those that are faces.

    Raises:
        UserError: the weights of the network are missing.
    """
    network, pyramid = load_network(), PicturePyramid(picture)
    squares = _cascade_squares(picture)
    faces: list[Face] = []
    for edges in grid:
        squares = squares + _grid_squares(picture, edges)
        faces = _distinct(_refined(network, pyramid, squares))
        if faces:
            break
        squares = []
    return sorted(faces, key=lambda face: -face.circle[1])


def find_face_near(picture: U8, square: Square) -> Face | None:
    """The upright face in one window of a picture, if there is one."""
    found = _distinct(_refined(load_network(), PicturePyramid(picture), [square]))
    return found[0] if found else None


def find_drawn_faces(picture: U8) -> list[Face]:
    """What the cascade, too, takes for a face, though the network is unsure of its points: a smiley has few of them."""
    squares = _cascade_squares(picture)
    if not squares:
        return []
    found = _refined(load_network(), PicturePyramid(picture), squares)
    return _distinct(found, haziest=DRAWN)


def _distinct(found: Sequence[Face], haziest: float = CLEAR) -> list[Face]:
    """Those that are faces, each once: of two in one place the one whose windows agree more."""
    kept: list[Face] = []
    for face in sorted(found, key=lambda face: face.spread):
        centre, radius = face.circle
        alone = all(
            np.linalg.norm(centre - other.circle[0]) > 1.3 * max(radius, other.circle[1])
            for other in kept
        )
        if alone and face.is_certain and face.haziness < haziest:
            kept.append(face)
    return kept


def _cascade_squares(picture: U8) -> list[Square]:
    height, width = picture.shape[:2]
    scale = CASCADE_EDGE / min(height, width)
    size = (round(width * scale), round(height * scale))
    grey = cv2.cvtColor(cv2.resize(picture, size, interpolation=cv2.INTER_AREA), cv2.COLOR_RGB2GRAY)
    cascade = cv2.CascadeClassifier(str(Path(haarcascades) / "haarcascade_frontalface_alt2.xml"))
    found = cascade.detectMultiScale(cv2.equalizeHist(grey), 1.05, 2, minSize=(SMALLEST, SMALLEST))
    return [
        Square(
            (left + edge / 2) / scale,
            (top + edge * (0.5 + _CASCADE_LOWER)) / scale,
            _CASCADE_WINDOW * edge / scale,
        )
        for left, top, edge, _ in found
    ]


def _grid_squares(picture: U8, edges: Sequence[float]) -> list[Square]:
    height, width = picture.shape[:2]
    return [
        Square(x, y, edge)
        for edge in (share * min(height, width) for share in edges)
        for y in _centres(height, edge)
        for x in _centres(width, edge)
    ]


def _centres(length: float, edge: float) -> Floats:
    """Centres of windows that cover `length`, and hang over its ends where they are longer."""
    if edge >= length:
        return np.array([length / 2])
    count = int(np.ceil((length - edge) / (STEP * edge))) + 1
    return np.linspace(edge / 2, length - edge / 2, count)


def _refined(network: LandmarkNet, pyramid: PicturePyramid, squares: list[Square]) -> list[Face]:
    """Look at all squares, again at the likeliest of each place, and last from several sides."""
    output = _look(network, pyramid, squares)
    squares = [
        square
        for row in torch.argsort(output.face, descending=True).tolist()
        if output.face[row] > np.log(LIKELY / (1 - LIKELY))
        for square in [_asked_for(squares[row], output, row)]
    ]
    squares = _apart(squares)[:CANDIDATES]
    if not squares:
        return []
    output = _look(network, pyramid, squares)
    squares = _apart([_asked_for(square, output, row) for row, square in enumerate(squares)])
    return [_last_pass(network, pyramid, square) for square in squares]


@torch.inference_mode()
def _look(
    network: LandmarkNet, pyramid: PicturePyramid, squares: Sequence[Square]
) -> LandmarkOutput:
    parts = []
    for start in range(0, len(squares), 32):
        windows = [
            pyramid.sample(square.to_picture(INPUT_SIZE), INPUT_SIZE)
            for square in squares[start : start + 32]
        ]
        parts.append(network(_tensor(windows)))
    return LandmarkOutput(*(torch.cat(column) for column in zip(*parts, strict=True)))


def _tensor(windows: Sequence[U8]) -> torch.Tensor:
    return torch.from_numpy(np.stack(windows)).permute(0, 3, 1, 2).float() / 255


def _asked_for(square: Square, output: LandmarkOutput, row: int) -> Square:
    """The window in which the network would have liked to see the face of this one: centred, upright, of usual size."""
    points = output.points[row].numpy()
    centre = points.mean(0)
    radius = float(np.sqrt(((points - centre) ** 2).sum(1).mean()))
    matrix = square.to_picture(2)
    x, y = matrix[:, :2] @ (centre + 1) + matrix[:, 2]
    turn = square.turn + float(output.pose[row, 2])
    return Square(float(x), float(y), WINDOW * radius * square.edge / 2, turn)


def _apart(squares: Sequence[Square]) -> list[Square]:
    """The first of each place: no centre within a quarter of the larger square's edge of another's."""
    kept: list[Square] = []
    for square in squares:
        if all(
            np.hypot(square.x - other.x, square.y - other.y) > 0.25 * max(square.edge, other.edge)
            for other in kept
        ):
            kept.append(square)
    return kept


def _last_pass(network: LandmarkNet, pyramid: PicturePyramid, square: Square) -> Face:
    """The mean of three sizes, each also mirrored."""
    squares = [
        Square(square.x, square.y, square.edge * stretch, square.turn)
        for stretch in (0.9, 1.0, 1.1)
    ]
    windows = [pyramid.sample(s.to_picture(INPUT_SIZE), INPUT_SIZE) for s in squares]
    mirrored = [np.ascontiguousarray(window[:, ::-1]) for window in windows]
    with torch.inference_mode():
        plain, turned = network(_tensor(windows)), network(_tensor(mirrored))
    places = [
        _in_picture(points, s)
        for output in (plain.points, _unmirrored(turned.points))
        for points, s in zip(output.numpy(), squares, strict=True)
    ]
    points = np.mean(places, 0)
    spread = np.sqrt(((np.stack(places) - points) ** 2).sum(-1).mean())
    edges = torch.tensor([s.edge / 2 for s in squares])[:, None]
    deviation = (plain.log_deviation.exp() * edges).mean(0)
    signs = torch.tensor([-1.0, 1.0, -1.0])
    pose = (plain.pose + turned.pose * signs).mean(0) / 2
    hidden = torch.sigmoid(torch.cat([plain.hidden, turned.hidden])).mean(0)
    return Face(
        points,
        deviation.numpy(),
        float(torch.sigmoid(torch.cat([plain.face, turned.face])).mean()),
        float(spread) / (square.edge / WINDOW),
        (float(pose[0]), float(pose[1]), float(pose[2]) + square.turn),
        float(torch.cat([plain.mouth, turned.mouth]).mean()),
        (float(hidden[0]), float(hidden[1])),
    )


def _in_picture(points: Floats, square: Square) -> Floats:
    matrix = square.to_picture(2)
    return np.asarray((points + 1) @ matrix[:, :2].T + matrix[:, 2])


def _unmirrored(points: torch.Tensor) -> torch.Tensor:
    return points[:, list(MIRROR)] * torch.tensor([-1.0, 1.0])
