from dataclasses import fields

import torch

from flowact.datagen.face_mesh_template import make_template
from flowact.motion.face_mesh import EYE, LIDS, MOUTH, load_template


def test_the_shipped_template_is_the_humanoids_own() -> None:
    made, shipped = make_template(), load_template()
    for field in fields(made):
        torch.testing.assert_close(
            getattr(shipped, field.name), getattr(made, field.name), msg=field.name
        )


def test_eyes_are_two_and_the_mouth_is_one() -> None:
    template = load_template()
    eyes = {frozenset(t.tolist()) for t in template.triangles[template.kinds == EYE]}
    for lids in LIDS.values():
        assert sum(corners <= set(lids) for corners in eyes) == len(lids) - 2
    assert (template.kinds == MOUTH).sum() == 10


def test_both_rows_of_front_teeth_are_whole_and_as_high_everywhere() -> None:
    for upper, lower in load_template().teeth.view(2, 2, -1, 3):
        assert (upper[:, 0].diff() >= 0).all() and (lower[:, 0].diff() >= 0).all()
        assert ((upper - lower)[:, 1] > 0.15).all()
