"""Key poses are anatomical, mean what they are called, and stay in the picture."""

import numpy as np
import pytest

from flowact.datagen.appearance.body import Body, Humanoid, Identity, random_identity
from flowact.datagen.clip import LANDMARKS
from flowact.datagen.performance.gestures import key_poses
from flowact.motion.arkit import ARKIT
from flowact.motion.joints import FINGERS, JOINTS, joint

NAMES = {
    *("idle", "wave_left", "wave_right", "think", "point", "thumbs_up", "shrug"),
    *("beat_left", "beat_right", "beat_both", "hands_together"),
}
CAMERA_DISTANCE, HALF_WIDTH, BELOW_FACE = 14.0, 2.4, 2.4  # dm, as portraits are framed


@pytest.fixture(scope="module")
def people() -> list[Body]:
    humanoid = Humanoid.load()
    someone = [random_identity(np.random.default_rng(seed)) for seed in range(3)]
    return [humanoid.shape(identity) for identity in (Identity(0.5), *someone)]


def posed(body: Body, name: str) -> np.ndarray:
    return body.pose(np.zeros(len(ARKIT), np.float32), key_poses()[name])


def landmark(body: Body, vertices: np.ndarray, name: str) -> np.ndarray:
    return body.landmarks(vertices)[LANDMARKS.index(name)]


def skin_of(body: Body, bone: str) -> np.ndarray:
    """Vertices that follow a bone most."""
    return np.asarray(body.humanoid.skin_index[:, 0] == body.humanoid.bones.index(bone))


def tip(body: Body, vertices: np.ndarray, finger: str, side: str) -> np.ndarray:
    return vertices[skin_of(body, f"{finger}_3_{side}")].mean(0)


def hand(body: Body, vertices: np.ndarray, side: str) -> np.ndarray:
    """All vertices of a hand with its fingers."""
    bones = [f"hand_{side}", *(f"{f}_{s}_{side}" for f in FINGERS for s in (1, 2, 3))]
    return vertices[np.any([skin_of(body, bone) for bone in bones], axis=0)]


def palm(body: Body, vertices: np.ndarray, side: str) -> np.ndarray:
    """Unit vector out of the palm."""
    wrist = vertices[skin_of(body, f"hand_{side}")].mean(0)
    index, little = (vertices[skin_of(body, f"{f}_1_{side}")].mean(0) for f in ("index", "little"))
    normal = np.cross(little - wrist, index - wrist) * (1 if side == "left" else -1)
    return np.asarray(normal / np.linalg.norm(normal))


def in_picture(body: Body, points: np.ndarray) -> float:
    """Share of points [N, 3] that the portrait camera sees."""
    face = body.landmarks(body.rest)
    centre = (face[4:6].mean(0) + landmark(body, body.rest, "chin")) / 2
    nose = landmark(body, body.rest, "nose_tip")
    near = CAMERA_DISTANCE / (CAMERA_DISTANCE + nose[2] - points[:, 2])
    x, y = ((points[:, axis] - centre[axis]) * near for axis in (0, 1))
    return float(((np.abs(x) < HALF_WIDTH) & (y > -BELOW_FACE)).mean())


def test_every_promised_pose_is_there() -> None:
    assert set(key_poses()) >= NAMES
    for pose in key_poses().values():
        assert pose.shape == (len(JOINTS), 3)
        assert pose.dtype == np.float32
        assert np.isfinite(pose).all()
    assert not key_poses()["idle"].any()


@pytest.mark.parametrize("name", key_poses())
def test_joints_stay_within_human_reach(name: str) -> None:
    pose = key_poses()[name]
    limits = {"upper_arm": 2.4, "forearm": 2.8, "hand": 1.2, "clavicle": 0.5}
    for side in ("left", "right"):
        for part, limit in limits.items():
            assert np.linalg.norm(pose[joint(f"{part}_{side}")]) < limit
        curl, thumb, spread = pose[joint(f"fingers_{side}")]
        assert 0 <= curl <= 1.6
        assert -0.6 <= thumb <= 1
        assert abs(spread) <= 0.3
        assert 0 <= curl + pose[joint(f"index_{side}"), 0] <= 1.6


@pytest.mark.parametrize("name", ["wave", "think", "point", "thumbs_up", "beat"])
def test_left_and_right_are_mirror_images(people: list[Body], name: str) -> None:
    body = people[0]
    wrists = []
    for side, sign in (("left", 1.0), ("right", -1.0)):
        vertices = posed(body, f"{name}_{side}")
        wrists.append(vertices[skin_of(body, f"hand_{side}")].mean(0) * (sign, 1, 1))
    assert wrists[0] == pytest.approx(wrists[1], abs=0.1)


@pytest.mark.parametrize(
    ("name", "share"),
    [("wave", 0.9), ("think", 0.9), ("thumbs_up", 0.9), ("point", 0.5), ("beat", 0.5)],
)
def test_hands_stay_in_the_picture(people: list[Body], name: str, share: float) -> None:
    for body in people:
        for side in ("left", "right"):
            assert in_picture(body, hand(body, posed(body, f"{name}_{side}"), side)) > share


@pytest.mark.parametrize(("name", "share"), [("shrug", 0.7), ("hands_together", 0.8)])
def test_two_hands_stay_in_the_picture(people: list[Body], name: str, share: float) -> None:
    for body in people:
        vertices = posed(body, name)
        for side in ("left", "right"):
            assert in_picture(body, hand(body, vertices, side)) > share


@pytest.mark.parametrize("side", ["left", "right"])
def test_spreading_fans_the_fingers_of_either_hand(people: list[Body], side: str) -> None:
    pose = Body.rest_pose()
    pose[joint(f"fingers_{side}")] = (0, 0, 0.2)
    for body in people:
        fan = body.pose(np.zeros(len(ARKIT), np.float32), pose)
        width, before = (
            np.linalg.norm(tip(body, at, "index", side) - tip(body, at, "little", side))
            for at in (fan, body.rest)
        )
        assert width > 1.15 * before


def test_hanging_hands_are_out_of_the_picture(people: list[Body]) -> None:
    for body in people:
        assert in_picture(body, hand(body, posed(body, "idle"), "left")) == 0


@pytest.mark.parametrize("side", ["left", "right"])
def test_a_wave_shows_the_open_palm_upright(people: list[Body], side: str) -> None:
    for body in people:
        vertices = posed(body, f"wave_{side}")
        wrist = vertices[skin_of(body, f"hand_{side}")].mean(0)
        assert palm(body, vertices, side)[2] > 0.7
        assert tip(body, vertices, "middle", side)[1] > wrist[1] + 0.7


@pytest.mark.parametrize("side", ["left", "right"])
def test_a_thinker_touches_the_chin(people: list[Body], side: str) -> None:
    for body in people:
        vertices = posed(body, f"think_{side}")
        distance = np.linalg.norm(
            hand(body, vertices, side) - landmark(body, vertices, "chin"), axis=1
        )
        assert distance.min() < 0.5


@pytest.mark.parametrize("side", ["left", "right"])
def test_thumbs_up_is_a_fist_with_the_thumb_on_top(people: list[Body], side: str) -> None:
    for body in people:
        vertices = posed(body, f"thumbs_up_{side}")
        heights = {finger: tip(body, vertices, finger, side)[1] for finger in FINGERS}
        assert heights.pop("thumb") > max(heights.values()) + 0.25
        assert _stretched(body, vertices, side, "middle") < 0.8


@pytest.mark.parametrize("side", ["left", "right"])
def test_pointing_stretches_only_the_index_finger(people: list[Body], side: str) -> None:
    for body in people:
        vertices = posed(body, f"point_{side}")
        assert _stretched(body, vertices, side, "index") > 0.9
        assert max(_stretched(body, vertices, side, f) for f in ("middle", "ring", "little")) < 0.8
        wrist = vertices[skin_of(body, f"hand_{side}")].mean(0)
        assert tip(body, vertices, "index", side)[2] > wrist[2] + 0.2


def _stretched(body: Body, vertices: np.ndarray, side: str, finger: str) -> float:
    """Distance of fingertip and wrist over the same at rest."""

    def reach(at: np.ndarray) -> float:
        wrist = at[skin_of(body, f"hand_{side}")].mean(0)
        return float(np.linalg.norm(tip(body, at, finger, side) - wrist))

    return reach(vertices) / reach(body.rest)


def test_a_shrug_lifts_the_shoulders(people: list[Body]) -> None:
    for body in people:
        vertices = posed(body, "shrug")
        for side in ("left", "right"):
            collar = skin_of(body, f"clavicle_{side}")
            assert (vertices[collar, 1] - body.rest[collar, 1]).max() > 0.2


def test_hands_come_together_in_front_of_the_body(people: list[Body]) -> None:
    for body in people:
        vertices = posed(body, "hands_together")
        left, right = (hand(body, vertices, side).mean(0) for side in ("left", "right"))
        assert np.linalg.norm(left - right) < 0.8
        assert left[2] > landmark(body, body.rest, "chin")[2]
