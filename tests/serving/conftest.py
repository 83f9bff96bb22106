import pytest

from tests.serving.engine_bench import Bench
from tests.tiny_pipeline import tiny_pipeline


@pytest.fixture(scope="module")
def pipeline():
    return tiny_pipeline()


@pytest.fixture
def bench(pipeline):
    return Bench(pipeline)
