"""The client talks to a real server with tiny weights and keeps what it was shown."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import av
import pytest

from flowact.bench.server import serving


def test_websocket_client(
    example: Callable[..., None],
    tiny_assets: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    out = tmp_path / "said.mp4"
    with serving("--threads", "1", "--spare", "no", "--sample-study", "no") as server:
        example("websocket_client", "--page", server.address.rstrip("/"), "--out", out)
    assert "frames after" in capsys.readouterr().out
    with av.open(str(out)) as file:
        assert file.streams.audio
        assert sum(1 for _ in file.decode(video=0)) >= 50
