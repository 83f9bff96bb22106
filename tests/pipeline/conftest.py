from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from flowact.pipeline import FlowActPipeline
from tests.tiny_pipeline import tiny_pipeline


@pytest.fixture(scope="session")
def pipeline() -> FlowActPipeline:
    return tiny_pipeline()


@pytest.fixture(scope="session")
def picture() -> NDArray[np.uint8]:
    rows, columns = np.mgrid[0:480, 0:480]
    shades = [rows / 2, columns / 2, (rows + columns) / 4]
    return np.stack(shades, axis=-1).clip(0, 255).astype(np.uint8)
