"""Whole files or none."""

import resource
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from flowact.errors import UserError
from flowact.files import whole


@pytest.fixture
def full_disk() -> Iterator[None]:
    """Files may not grow beyond a kilobyte, which fails as a full disk does."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, before)
    signal.signal(signal.SIGXFSZ, handler)


def test_a_file_or_folder_replaces_the_one_before(tmp_path: Path) -> None:
    for text in ("old", "new"):
        with whole(tmp_path / "deep" / "file") as path:
            path.write_text(text)
        with whole(tmp_path / "folder") as path:
            path.mkdir()
            (path / text).touch()
    assert (tmp_path / "deep" / "file").read_text() == "new"
    assert [path.name for path in (tmp_path / "folder").iterdir()] == ["new"]
    assert len(list(tmp_path.iterdir())) == 2


def test_a_mistake_leaves_the_file_before_and_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("old")
    with pytest.raises(KeyError), whole(tmp_path / "file") as path:
        path.write_text("half")
        raise KeyError
    assert [(path.name, path.read_text()) for path in tmp_path.iterdir()] == [("file", "old")]


@pytest.mark.parametrize("kind", ["bytes", "safetensors", "torch"])
def test_a_full_disk_is_said_and_leaves_nothing(kind: str, tmp_path: Path, full_disk: None) -> None:
    tensor = torch.zeros(10_000)
    with pytest.raises(UserError, match="file cannot be written"), whole(tmp_path / "file") as path:
        if kind == "bytes":
            path.write_bytes(bytes(10_000))
        elif kind == "safetensors":
            save_file({"x": tensor}, path)
        else:
            torch.save(tensor, path)
    assert not list(tmp_path.iterdir())
