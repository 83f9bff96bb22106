"""The client makes a session on a real server with tiny weights, speaks and keeps the video."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from shutil import which

import av
import pytest
from gradio_client import Client
from gradio_client.exceptions import AppError

from flowact.bench.server import ServerProcess, serving
from flowact.client import ClientError, FlowActClient, RemoteAvatar
from flowact.live.protocol.events import PlaybackFinished
from flowact.serving.audio_source import to_pcm16
from tests.tiny_assets import write_wave
from tests.tiny_pipeline import speech

KEY = "of-the-example"


@pytest.fixture
def server(tiny_assets: Path) -> ServerProcess:
    flags = ("--threads", "1", "--spare", "no", "--sample-study", "no")
    with serving(*flags, environment={"FLOWACT_API_KEYS": KEY}) as running:
        yield running


def test_session_client(
    example: Callable[..., None],
    server: ServerProcess,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    sound, out = write_wave(tmp_path / "said.wav", speech(2.0).read()), tmp_path / "said.mp4"
    address = server.address.rstrip("/")
    example("session_client", "--server", address, "--key", KEY, "--audio", sound, "--out", out)
    assert "2000 ms heard" in capsys.readouterr().out
    with av.open(str(out)) as file:
        assert file.streams.audio
        assert sum(1 for _ in file.decode(video=0)) >= 50
    asyncio.run(asyncio.wait_for(_refusals_and_a_long_push(address), 200))
    _gradio_client(address)


async def _refusals_and_a_long_push(address: str) -> None:
    """One server for several stories: starting one takes longer than all of them."""
    async with FlowActClient(address, "wrong") as stranger:
        assert [one.name for one in await stranger.characters()] == ["mira"]
        with pytest.raises(ClientError) as refused:
            await stranger.make_session()
        assert refused.value.problem.code == "wrong_key"
    async with FlowActClient(address, KEY) as client:
        ticket = await client.make_session(codec="jpeg")

        async def nothing() -> bytes:
            return b""

        async with RemoteAvatar.join(ticket, nothing) as avatar:
            ten_minutes = to_pcm16(speech(10).read()) * 60
            pushing = asyncio.create_task(avatar.push(ten_minutes, item_id="long"))
            await asyncio.sleep(3)
            assert not pushing.done()  # it waits for room, and the session goes on
            await avatar.clear()
            await avatar.act("wave")
            async for event in avatar:
                if isinstance(event, PlaybackFinished):
                    assert event.interrupted and event.item_id == "long"
                    break
            pushing.cancel()
            with pytest.raises(ClientError) as used:
                async with RemoteAvatar.join(ticket, nothing):
                    pass
            assert used.value.problem.code == "token_used"
    async with FlowActClient("http://127.0.0.1:9", KEY) as nowhere:
        with pytest.raises(ClientError) as dead:
            await nowhere.voices()
        assert dead.value.problem.code == "unreachable"


def _gradio_client(address: str) -> None:
    """Whoever has a Space uses Gradio's own client."""
    page = Client(address, verbose=False)
    named = page.view_api(return_format="dict", print_info=False)["named_endpoints"]
    assert {"/characters", "/speak"} <= named.keys()
    assert page.predict(api_name="/characters") == ["mira"]
    if which("flite"):
        shown = page.predict(text="Hello.", character="mira", action="", api_name="/speak")
        with av.open(shown) as file:
            assert sum(1 for _ in file.decode(video=0)) > 5
    with pytest.raises(AppError, match="nobody"):
        page.predict(text="Hello.", character="nobody", action="", api_name="/speak")
