"""Make a session on a running server, push a recording into it, keep what it showed as mp4.

Shows the session API and its client. Start the server with a key: `FLOWACT_API_KEYS=secret flowact live`.

    python examples/session_client.py --key secret --audio my_voice.wav --out said.mp4
"""

import argparse
import asyncio
from pathlib import Path

from flowact.client import FlowActClient
from flowact.live.protocol.events import PlaybackFinished
from flowact.media import Recording
from flowact.serving.audio_source import to_pcm16


async def speak(address: str, key: str, pcm: bytes) -> tuple[PlaybackFinished, bytes]:
    """Return how much was heard, and the video."""
    async with FlowActClient(address, key) as client, client.session() as avatar:
        await avatar.push(pcm, rate=16_000, item_id="recording")
        await avatar.commit()
        async for event in avatar:
            if isinstance(event, PlaybackFinished):
                return event, await avatar.recording()
    raise SystemExit("the server ended the session")


def main(argv: list[str] | None = None) -> None:
    """Say a recording and save the video."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--server", default="http://127.0.0.1:7860", help="%(default)s")
    parser.add_argument("--key", required=True, help="one of the server's FLOWACT_API_KEYS")
    parser.add_argument("--audio", type=Path, required=True, help="the recording")
    parser.add_argument("--out", type=Path, required=True, help="the mp4 file")
    args = parser.parse_args(argv)
    pcm = to_pcm16(Recording.open(args.audio).read())
    heard, video = asyncio.run(speak(args.server, args.key, pcm))
    args.out.write_bytes(video)
    print(f"{heard.played_ms} ms heard, {len(video)} bytes of video")


if __name__ == "__main__":
    main()
