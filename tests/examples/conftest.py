"""The examples run beside tiny weights, as scripts that are loaded from their files."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.tiny_assets import write_assets

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"


@pytest.fixture(scope="session")
def assets_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_assets(tmp_path_factory.mktemp("assets"))


@pytest.fixture
def tiny_assets(assets_folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("FLOWACT_ASSETS", str(assets_folder))
    return assets_folder


@pytest.fixture
def example() -> Callable[..., None]:
    """Runs the example of that name with those words, as `python examples/NAME.py WORDS` does."""

    def run(name: str, *words: object) -> None:
        spec = importlib.util.spec_from_file_location(name, EXAMPLES / f"{name}.py")
        assert spec and spec.loader
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        module.main([str(word) for word in words])

    return run
