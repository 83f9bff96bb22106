import torch

from flowact.datagen.appearance.actor import Actor
from flowact.datagen.appearance.body import Body, Humanoid
from flowact.datagen.named_characters import named_characters
from flowact.datagen.render import Scene
from flowact.motion.arkit import ARKIT
from flowact.motion.face_points import POINTS
from flowact.motion.joints import JOINTS, joint
from flowact.motion.mirror import mirrored_motion, mirrored_points


def test_left_and_right_change_places() -> None:
    motion = torch.zeros(len(ARKIT) + 3 * len(JOINTS))
    motion[ARKIT.index("eyeBlinkLeft")] = 0.7
    motion[ARKIT.index("jawRight")] = 0.2
    pose = motion[len(ARKIT) :].unflatten(0, (-1, 3))
    pose[joint("head")] = torch.tensor([0.1, 0.2, 0.3])
    pose[joint("fingers_left")] = torch.tensor([0.4, 0.5, 0.6])
    mirrored = mirrored_motion(motion)
    turned = mirrored[len(ARKIT) :].unflatten(0, (-1, 3))
    assert mirrored[ARKIT.index("eyeBlinkRight")] == motion[ARKIT.index("eyeBlinkLeft")]
    assert mirrored[ARKIT.index("jawLeft")] == motion[ARKIT.index("jawRight")]
    assert torch.equal(turned[joint("head")], torch.tensor([0.1, -0.2, -0.3]))
    assert torch.equal(turned[joint("fingers_right")], torch.tensor([0.4, 0.5, 0.6]))
    assert torch.equal(mirrored_motion(mirrored), motion)


def test_a_rendered_person_is_mirrored_as_their_motion_is() -> None:
    scene = Scene(Actor(named_characters()["omar"], Humanoid.load()))
    motion = torch.zeros(len(ARKIT) + 3 * len(JOINTS))
    motion[len(ARKIT) :] = torch.from_numpy(Body.rest_pose()).flatten()
    motion[ARKIT.index("mouthSmileLeft")] = 0.8
    motion[len(ARKIT) + 3 * joint("head") + 1] = 0.3
    marks = []
    for each in (motion, mirrored_motion(motion)):
        curves, pose = each.numpy()[: len(ARKIT)], each.numpy()[len(ARKIT) :].reshape(-1, 3)
        marks.append(torch.from_numpy(scene.measure(curves, pose)[1]).float())
    left, right = ([0, 1], [1, 0])  # corners of the mouth
    middle = 240.0
    flipped = torch.stack([2 * middle - marks[1][..., 0], marks[1][..., 1]], -1)
    assert (marks[0][left] - flipped[right]).abs().max() < 3


def test_points_are_mirrored() -> None:
    points = torch.rand(len(POINTS), 2)
    twice = mirrored_points(mirrored_points(points))
    torch.testing.assert_close(twice, points)
    left, right = (POINTS.index(f"eye_corner_outer_{side}") for side in ("left", "right"))
    assert mirrored_points(points)[left, 0] == -points[right, 0]
