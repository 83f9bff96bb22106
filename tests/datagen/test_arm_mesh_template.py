import numpy as np
import pytest
from scipy.spatial import cKDTree

from flowact.datagen.appearance.body import Humanoid
from flowact.datagen.arm_mesh_template import AVERAGE, make_arm_mesh
from flowact.evaluation.measures.hand_gestures import act
from flowact.motion.arm_mesh import ARM_SIDES, HAND, load_arm_mesh


def test_the_shipped_mesh_is_the_humanoids_own() -> None:
    made, shipped = make_arm_mesh(), load_arm_mesh()
    for name in (
        "vertices",
        "triangles",
        "kinds",
        "sides",
        "bones",
        "weights",
        "eyes",
        "key_poses",
    ):
        np.testing.assert_allclose(getattr(shipped, name), made[name], atol=1e-5, err_msg=name)
    np.testing.assert_allclose(shipped.skeleton.heads, made["heads"], atol=1e-5)


def test_it_is_two_forearms_with_hands() -> None:
    mesh = load_arm_mesh()
    for side, sign in enumerate((1, -1)):
        own = mesh.triangles[mesh.sides == side]
        assert (mesh.vertices[own, 0] * sign > 0).all()
        kinds = mesh.kinds[mesh.sides == side]
        assert 0.5 < (kinds == HAND).mean() < 0.95  # fingers have most triangles
    assert ARM_SIDES == ("left", "right")


@pytest.mark.parametrize("behaviour", ["waving", "pointing", "thumbs_up"])
def test_it_moves_as_the_whole_body_does(behaviour: str) -> None:
    mesh, pose = load_arm_mesh(), act(behaviour, 0).pose[40]
    body = Humanoid.load().shape(AVERAGE).pose(np.zeros(52, np.float32), pose)
    away, _ = cKDTree(body).query(mesh.moved(mesh.skeleton.pose(pose)))
    assert away.max() < 1e-3
