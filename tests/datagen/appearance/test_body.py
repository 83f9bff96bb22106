"""The body: its shapes, the units of the face, the skeleton, and what a camera sees of it."""

import numpy as np
import pytest

from flowact.datagen.appearance.body import Body, Humanoid, Identity, random_identity
from flowact.datagen.appearance.build_humanoid import PARTS
from flowact.datagen.clip import LANDMARKS
from flowact.datagen.graphics.camera import Camera
from flowact.datagen.graphics.raster import rasterize
from flowact.motion.arkit import ARKIT
from flowact.motion.joints import JOINTS, PARENTS, joint

SHUT = 0.03  # of the mouth's width
HAIRLINE = 120  # samples, 0.003 dm^2: less than a slit of one pixel along the lips in a portrait
PEOPLE = range(6)


def face(**values: float) -> np.ndarray:
    """Curves [52]; a name without a side sets both sides."""
    curves = np.zeros(len(ARKIT), np.float32)
    for name, value in values.items():
        rows = [ARKIT.index(n) for n in (name, f"{name}Left", f"{name}Right") if n in ARKIT]
        assert rows, name
        curves[rows] = value
    return curves


def turned(**vectors: tuple[float, float, float]) -> np.ndarray:
    pose = Body.rest_pose()
    for name, vector in vectors.items():
        pose[joint(name)] = vector
    return pose


@pytest.fixture(scope="module")
def humanoid() -> Humanoid:
    return Humanoid.load()


@pytest.fixture(scope="module")
def body(humanoid: Humanoid) -> Body:
    return humanoid.shape(Identity(0.5))


@pytest.fixture(scope="module")
def people(humanoid: Humanoid) -> list[Body]:
    return [humanoid.shape(random_identity(np.random.default_rng(seed))) for seed in PEOPLE]


def landmark(body: Body, vertices: np.ndarray, name: str) -> np.ndarray:
    return body.landmarks(vertices)[LANDMARKS.index(name)]


def seen(body: Body, vertices: np.ndarray, part: str) -> tuple[int, int]:
    """Samples that show a part on the person's right and left half, from the portrait camera."""
    humanoid = body.humanoid
    worn = [p for p in PARTS if p not in ("shirt", "lashes")]
    triangles = humanoid.triangles[np.any([humanoid.part_mask(p) for p in worn], axis=0)]
    drawn = np.any([humanoid.part_mask(p) for p in worn], axis=0)
    shown = humanoid.part_mask(part)[drawn]
    nose = landmark(body, body.rest, "nose_tip")
    camera = Camera.framing((0.0, float(nose[1]), float(nose[2])), (240, 240), 200.0, 14.0)
    ids = np.full((480, 480), -1, np.int32)
    near = np.zeros(ids.shape, np.float32)
    one_sided = np.zeros(len(triangles), bool)
    rasterize(camera.project(vertices), np.ascontiguousarray(triangles), one_sided, ids, near)
    hit = (ids >= 0) & shown[np.maximum(ids, 0)]
    return int(hit[:, :240].sum()), int(hit[:, 240:].sum())


def test_the_mesh_is_consistent(humanoid: Humanoid) -> None:
    count = len(humanoid.template)
    assert humanoid.triangles.min() == 0
    assert humanoid.triangles.max() == count - 1
    assert humanoid.uv.shape == (len(humanoid.triangles), 3, 2)
    assert sum(humanoid.part_mask(part).sum() for part in PARTS) == len(humanoid.triangles)
    assert np.allclose(humanoid.skin_weight.sum(1), 1, atol=1e-5)
    assert humanoid.skin_index.max() < len(humanoid.bones)
    for name in ("lips", "mouth"):
        mask = humanoid.masks[name]
        assert mask.shape == (count,)
        assert 0 <= mask.min() < mask.max() <= 1


def test_the_lip_mask_lies_round_the_mouth(humanoid: Humanoid) -> None:
    lips = humanoid.template[humanoid.masks["lips"] > 0.5]
    assert len(lips) > 50
    assert np.abs(lips[:, 0]).max() < 0.4
    assert np.ptp(lips[:, 1]) < 0.6


def test_a_pose_of_zeros_is_the_rest(people: list[Body]) -> None:
    for body in people:
        assert np.allclose(body.pose(face(), body.rest_pose()), body.rest, atol=1e-5)


def test_posing_does_not_change_the_body(body: Body) -> None:
    before = body.rest.copy()
    body.pose(face(jawOpen=1), turned(head=(0.2, 0.3, 0.1), fingers_left=(1, 1, 0)))
    assert np.array_equal(body.rest, before)


def test_landmarks_are_where_they_are_named(people: list[Body]) -> None:
    for body in people:
        at = dict(zip(LANDMARKS, body.landmarks(body.rest), strict=True))
        assert at["mouth_left"][0] > 0.1 > -0.1 > at["mouth_right"][0]
        assert at["eye_left_centre"][0] > 0.2 > -0.2 > at["eye_right_centre"][0]
        heights = [at[n][1] for n in ("eye_left_centre", "nose_tip", "lip_upper_inner", "chin")]
        assert heights == sorted(heights, reverse=True)
        assert at["nose_tip"][2] == max(p[2] for p in at.values())


def test_the_mouth_is_shut_at_rest(people: list[Body]) -> None:
    assert max(body.opening(body.rest) for body in people) == 0


def test_the_jaw_opens_the_mouth_steadily(people: list[Body]) -> None:
    for body in people:
        amounts = (0.0, 0.25, 0.5, 0.75, 1.0)
        gaps = [body.opening(body.pose(face(jawOpen=a), body.rest_pose())) for a in amounts]
        assert gaps == sorted(gaps)
        assert gaps[-1] > 0.5


@pytest.mark.parametrize("jaw", [0.2, 0.6, 1.0])
def test_mouth_close_shuts_what_the_jaw_opened(people: list[Body], jaw: float) -> None:
    for body in people:
        vertices = body.pose(face(jawOpen=jaw, mouthClose=jaw), body.rest_pose())
        assert body.opening(vertices) < SHUT


@pytest.mark.parametrize(
    "curve", ["mouthRollUpper", "mouthRollLower", "mouthPress", "mouthShrugLower", "jawLeft"]
)
def test_lips_that_roll_press_or_slide_stay_shut(people: list[Body], curve: str) -> None:
    for body in people:
        assert body.opening(body.pose(face(**{curve: 1}), body.rest_pose())) == 0


def test_turning_away_does_not_open_the_mouth(people: list[Body]) -> None:
    pose = turned(spine=(0.1, 0.2, 0.1), neck=(0.1, 0.1, 0.1), head=(0.4, 0.6, -0.2))
    for body in people:
        for jaw in (0.0, 0.4):
            straight = body.opening(body.pose(face(jawOpen=jaw), body.rest_pose()))
            assert body.opening(body.pose(face(jawOpen=jaw), pose)) == pytest.approx(
                straight, abs=1e-3
            )


def test_a_blink_covers_one_eye(people: list[Body]) -> None:
    for body in people:
        right, left = seen(body, body.rest, "eyes")
        assert min(right, left) > 80
        blinking = body.pose(face(eyeBlinkLeft=1), body.rest_pose())
        assert seen(body, blinking, "eyes") == (right, 0)


def test_wide_eyes_show_more_and_narrow_eyes_less(body: Body) -> None:
    def shown(**values: float) -> int:
        return sum(seen(body, body.pose(face(**values), body.rest_pose()), "eyes"))

    assert shown(eyeWide=1) > 1.1 * shown() > 1.1 * 1.1 * shown(eyeSquint=1)


def test_teeth_stay_behind_shut_lips(people: list[Body]) -> None:
    for body in people:
        for curves in (face(), face(mouthSmile=0.4), face(mouthPress=0.5), face(mouthPucker=0.7)):
            vertices = body.pose(curves, body.rest_pose())
            teeth = (*seen(body, vertices, "teeth_upper"), *seen(body, vertices, "teeth_lower"))
            assert sum(teeth) < HAIRLINE


def test_an_open_smile_shows_teeth(people: list[Body]) -> None:
    for body in people:
        vertices = body.pose(face(jawOpen=0.4, mouthSmile=0.6, mouthUpperUp=0.5), body.rest_pose())
        assert sum(seen(body, vertices, "teeth_upper")) > 3 * HAIRLINE


def test_lower_teeth_and_tongue_follow_the_jaw(body: Body) -> None:
    moved = body.pose(face(jawOpen=1), body.rest_pose()) - body.rest
    drop = {p: moved[body.humanoid.part_vertices(p), 1] for p in ("teeth_lower", "tongue")}
    assert drop["teeth_lower"].mean() < -0.15
    assert drop["tongue"].mean() < -0.1
    assert np.abs(moved[body.humanoid.part_vertices("teeth_upper")]).max() < 1e-4


def test_left_is_the_persons_left(body: Body) -> None:
    moved = body.pose(face(mouthSmileLeft=1), body.rest_pose())
    shift = body.landmarks(moved) - body.landmarks(body.rest)
    assert shift[LANDMARKS.index("mouth_left"), 1] > 0.03
    assert np.abs(shift[LANDMARKS.index("mouth_right")]).max() < 0.01


@pytest.mark.parametrize(
    ("vector", "point", "axis", "sign"),
    [
        ((0.3, 0, 0), "nose_tip", 1, -1),
        ((0, 0.3, 0), "nose_tip", 0, 1),
        ((0, 0, 0.3), "eye_left_centre", 1, 1),
    ],
)
def test_the_head_nods_turns_and_tilts(
    body: Body, vector: tuple[float, float, float], point: str, axis: int, sign: int
) -> None:
    vertices = body.pose(face(), turned(head=vector))
    shift = landmark(body, vertices, point) - landmark(body, body.rest, point)
    assert sign * shift[axis] > 0.05


def test_a_turned_skull_keeps_its_shape(body: Body) -> None:
    skull = np.flatnonzero(body.rest[:, 1] > landmark(body, body.rest, "eye_left_centre")[1] + 0.4)
    turned_skull = body.pose(face(), turned(neck=(0.1, 0.2, 0), head=(0.3, 0.5, 0.1)))[skull]
    centre = body.rest[skull].mean(0)
    before = np.linalg.norm(body.rest[skull] - centre, axis=1)
    after = np.linalg.norm(turned_skull - turned_skull.mean(0), axis=1)
    assert np.allclose(before, after, atol=0.02)


def test_an_eyeball_turns_alone_and_stays_in_its_socket(body: Body) -> None:
    vertices = body.pose(face(), turned(eye_left=(0.0, 0.4, 0.0)))
    moved = np.abs(vertices - body.rest).max(1) > 1e-4
    eyes = body.humanoid.part_vertices("eyes") & (body.humanoid.template[:, 0] > 0)
    assert moved[eyes].mean() > 0.9
    assert np.linalg.norm(vertices[eyes].mean(0) - body.rest[eyes].mean(0)) < 0.06
    assert moved[~eyes].mean() < 0.01


def test_an_arm_moves_only_its_own_side(body: Body) -> None:
    vertices = body.pose(face(), turned(upper_arm_left=(-1.0, 0, 0), forearm_left=(-1.2, 0, 0)))
    moved = np.abs(vertices - body.rest).max(1) > 0.01
    assert moved[body.rest[:, 0] > 2].mean() > 0.9
    assert not moved[body.rest[:, 0] < 0].any()


def test_mirrored_arms_mirror_the_body(body: Body) -> None:
    left = body.pose(face(), turned(upper_arm_left=(-0.8, 0.2, 0.3), fingers_left=(0.7, 0.3, 0)))
    right = body.pose(
        face(), turned(upper_arm_right=(-0.8, -0.2, -0.3), fingers_right=(0.7, 0.3, 0))
    )
    for reach in (np.max, np.min):
        mirrored = np.array([-1.0, 1.0, 1.0]) * right
        assert reach(left, axis=0) == pytest.approx(reach(mirrored, axis=0), abs=0.05)


def test_a_curl_brings_the_fingertips_to_the_palm(body: Body) -> None:
    def reach(curl: float) -> float:
        vertices = body.pose(face(), turned(fingers_left=(curl, 0, 0)))
        return float(
            np.linalg.norm(
                _bone(body, vertices, "middle_3_left") - _bone(body, vertices, "hand_left")
            )
        )

    assert reach(0) > reach(0.8) > reach(1.4)


def _bone(body: Body, vertices: np.ndarray, bone: str) -> np.ndarray:
    """Centre of the skin that follows a bone."""
    row = body.humanoid.bones.index(bone)
    return vertices[body.humanoid.skin_index[:, 0] == row].mean(0)


def test_arms_hang_beside_the_body(people: list[Body]) -> None:
    for body in people:
        for side, sign in (("left", 1), ("right", -1)):
            upper, hand = (_bone(body, body.rest, f"{b}_{side}") for b in ("upper_arm", "hand"))
            assert hand[1] < upper[1] - 3.0
            assert 0 < sign * hand[0] - sign * upper[0] + 1.0 < 1.6


def test_random_people_repeat_with_the_seed_and_differ_without() -> None:
    first, again, other = (random_identity(np.random.default_rng(s)) for s in (1, 1, 2))
    assert first == again
    assert first != other


def test_random_people_are_plausible_adults(humanoid: Humanoid, people: list[Body]) -> None:
    for body in people:
        assert np.isfinite(body.rest).all()
        at = dict(zip(LANDMARKS, body.landmarks(body.rest), strict=True))
        eyes = np.linalg.norm(at["eye_left_centre"] - at["eye_right_centre"])
        mouth = np.linalg.norm(at["mouth_left"] - at["mouth_right"])
        height = at["eye_left_centre"][1] - at["chin"][1]
        assert 0.5 < eyes < 0.8
        assert 0.3 < mouth < 0.7
        assert 0.8 < height < 1.5
    identities = [random_identity(np.random.default_rng(seed)) for seed in range(100)]
    assert all(abs(sum(i.race) - 1) < 1e-6 for i in identities)
    assert 30 < sum(i.gender > 0.5 for i in identities) < 70
    assert all({name for name, _ in i.local} <= set(humanoid.target_names) for i in identities)


def test_men_have_wider_shoulders_and_age_changes_the_face(humanoid: Humanoid) -> None:
    def shoulders(identity: Identity) -> float:
        body = humanoid.shape(identity)
        return float(_bone(body, body.rest, "upper_arm_left")[0])

    assert shoulders(Identity(gender=1.0)) > 1.1 * shoulders(Identity(gender=0.0))
    young, old = (humanoid.shape(Identity(age=a)).rest for a in (0.1, 0.9))
    assert np.abs(young - old).max() > 0.1


def test_unknown_names_are_refused(humanoid: Humanoid) -> None:
    with pytest.raises(ValueError, match="no-such-target"):
        humanoid.shape(Identity(local=(("no-such-target", 0.5),)))
    with pytest.raises(ValueError, match="nose.*expected one of body"):
        humanoid.part_mask("nose")
    with pytest.raises(ValueError, match="knee.*expected one of spine"):
        joint("knee")


def test_joints_come_after_their_parents() -> None:
    assert len(JOINTS) == 18
    for name, parent in PARENTS.items():
        assert parent is None or JOINTS.index(parent) < JOINTS.index(name)
