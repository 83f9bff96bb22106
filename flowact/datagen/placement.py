"""Where a person stands in the picture and where they look: the same for a clip and its reference."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from flowact.datagen.performance.animation import eye_angles, look_curves
from flowact.motion.gaze import MAXIMUM_EYE
from flowact.motion.joints import JOINTS, joint

Floats = NDArray[np.floating[Any]]


@dataclass(frozen=True)
class Placement:
    """A change of the usual framing and of the usual pose.

    shift: pixels to the right and down; zoom: factor on the size; roll: of the camera, in degrees; head:
    pitch, yaw and tilt in degrees that the head is turned by; gaze: 1 when the eyes stay on the viewer, 0 when
    they turn with the head.
    """

    shift: tuple[float, float] = (0.0, 0.0)
    zoom: float = 1.0
    roll: float = 0.0
    head: tuple[float, float, float] = (0.0, 0.0, 0.0)
    gaze: float = 1.0

    @classmethod
    def random(cls, rng: np.random.Generator) -> "Placement":
        """From close-ups to half bodies, heads turned by up to 40 degrees; most are nearer to the usual."""
        wide = rng.random() < 0.3
        zoom = np.exp(rng.uniform(-0.40, 0.35) if wide else rng.normal(0, 0.09))
        turned = rng.random() < 0.35
        yaw = rng.uniform(-40, 40) if turned else rng.normal(0, 7)
        reach = 22.0 if wide else 11.0
        return cls(
            (float(rng.normal(0, reach)), float(rng.normal(0, reach))),
            float(zoom),
            float(rng.normal(0, 4)),
            (float(rng.normal(0, 5)), float(np.clip(yaw, -40, 40)), float(rng.normal(0, 5))),
            float(rng.random() < 0.6),
        )

    def pose(self, curves: Floats, pose: Floats) -> tuple[Floats, Floats]:
        """Curves [..., 52] and poses [..., J, 3] of a performance by a person who is turned like this."""
        head = np.radians(self.head)
        turned = np.zeros((len(JOINTS), 3))
        turned[joint("neck")], turned[joint("head")] = 0.4 * head, 0.6 * head
        eyes = self.gaze * eye_angles(np.zeros((1, 2)), head[None])
        for name in ("eye_left", "eye_right"):
            turned[joint(name), :2] = eyes[0, ::-1]
        looked, moved = curves + look_curves(eyes)[0], pose + turned
        sockets = moved[..., [joint("eye_left"), joint("eye_right")], :2]
        np.clip(sockets, -MAXIMUM_EYE[::-1], MAXIMUM_EYE[::-1], out=sockets)
        moved[..., [joint("eye_left"), joint("eye_right")], :2] = sockets
        return np.clip(looked, 0, 1).astype(np.float32), moved.astype(np.float32)
