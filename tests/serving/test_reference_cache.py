from __future__ import annotations

import numpy as np
import pytest
import torch

from flowact.serving.reference_cache import ReferenceCache
from tests.tiny_pipeline import tiny_pipeline


def grey(level: int) -> np.ndarray:
    return np.full((480, 480, 3), level, np.uint8)


@pytest.fixture(scope="module")
def pipeline():
    return tiny_pipeline()


def test_a_known_picture_is_not_looked_at_again_and_a_visitors_own_is_not_kept(pipeline):
    references = ReferenceCache(pipeline, [grey(10), grey(20)])
    known, own = grey(20).tobytes(), grey(30).tobytes()
    assert references.at(known) is references.at(known)
    assert references.at(own) is not references.at(own)
    assert torch.equal(
        references.at(known).features.latent, ReferenceCache(pipeline).at(known).features.latent
    )


def test_a_picture_of_another_size_is_refused(pipeline):
    with pytest.raises(ValueError, match="a picture of 5 bytes; expected 691200"):
        ReferenceCache(pipeline).at(b"12345")
