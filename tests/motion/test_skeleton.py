import numpy as np
from scipy.spatial.transform import Rotation

from flowact.motion.arm_mesh import BONES, load_arm_mesh
from flowact.motion.joints import JOINTS, joint
from flowact.motion.skeleton import rotations


def test_rotations_are_those_of_scipy() -> None:
    vectors = np.random.default_rng(0).normal(0, 2, (50, 3))
    vectors[0] = 0
    np.testing.assert_allclose(
        rotations(vectors), Rotation.from_rotvec(vectors).as_matrix(), atol=1e-12
    )


def test_a_pose_of_rest_moves_nothing() -> None:
    skeleton = load_arm_mesh().skeleton
    still = skeleton.pose(np.zeros((len(JOINTS), 3)))
    np.testing.assert_allclose(still, np.tile(np.eye(3, 4), (len(BONES), 1, 1)), atol=1e-6)


def test_a_bent_elbow_takes_the_hand_along_and_leaves_the_shoulder() -> None:
    skeleton, pose = load_arm_mesh().skeleton, np.zeros((len(JOINTS), 3))
    pose[joint("forearm_left")] = -1.5, 0, 0
    moved = skeleton.pose(pose)
    rows = {
        name: BONES.index(f"{name}_left") for name in ("upper_arm", "forearm", "hand", "middle_3")
    }
    heads = {
        name: moved[row, :, :3] @ skeleton.heads[row] + moved[row, :, 3] - skeleton.heads[row]
        for name, row in rows.items()
    }
    assert not heads["upper_arm"].any() and np.abs(heads["forearm"]).max() < 1e-5
    assert heads["middle_3"][1] > heads["hand"][1] > 1, "up, in decimetres"
