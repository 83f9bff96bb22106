import torch

from flowact.portrait import frame_points, look_at_portrait, named_portraits


def test_points_of_frames_are_those_of_the_search_and_no_face_has_none() -> None:
    picture = named_portraits()[0]
    frame = torch.from_numpy(picture.copy()).permute(2, 0, 1)[None].float() / 127.5 - 1
    empty = torch.linspace(-1, 1, 480).expand(1, 3, 480, 480)
    found = frame_points(torch.cat([frame, empty]))
    searched = look_at_portrait(picture).points
    assert (found[0] - torch.from_numpy(searched)).norm(dim=1).mean() < 1.0
    assert found[1].isnan().all()
