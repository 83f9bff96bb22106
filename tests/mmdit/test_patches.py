import pytest
import torch

from flowact.mmdit.patches import PatchGrid

VIEWS = ((0, 0, 480, 480), (120, 88, 240, 240))


def test_patches_go_back_to_where_they_came_from() -> None:
    grid = PatchGrid.of(8, 16, 2, VIEWS)
    latents = torch.randn(2, 3, 16, 8, 16)
    tokens = grid.patchify(latents)
    assert tokens.shape == (2, 3, 32, 64)
    assert torch.equal(grid.unpatchify(tokens), latents)


def test_a_token_holds_one_square_of_one_view() -> None:
    grid = PatchGrid.of(8, 16, 2, VIEWS)
    latents = torch.zeros(1, 1, 16, 8, 16)
    latents[0, 0, :, 2:4, 8 + 4 : 8 + 6] = 1  # second row, third column of the face
    touched = grid.patchify(latents)[0, 0].sum(-1)
    assert touched.nonzero().flatten().tolist() == [16 + 4 + 2]
    assert touched.max() == 64


def test_grids_that_do_not_divide_are_refused() -> None:
    with pytest.raises(ValueError, match="9x16"):
        PatchGrid.of(9, 16, 2, VIEWS)
    with pytest.raises(ValueError, match="2 views"):
        PatchGrid.of(8, 18, 2, VIEWS)
