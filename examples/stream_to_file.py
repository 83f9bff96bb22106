"""Stream frames as they are made and write them, with the sound, to an mp4 file.

Shows `FlowActPipeline.stream`: frames come chunk by chunk while the recording is read, so memory does not
grow with its length, and the first frame is there long before the last.

    python examples/stream_to_file.py --audio my_voice.wav --out out.mp4
"""

import argparse
import time
from pathlib import Path

from flowact import FlowActPipeline, assets
from flowact.media import Recording, VideoWriter
from flowact.portrait import load_reference


def main(argv: list[str] | None = None) -> None:
    """Let a character say a recording."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--audio", type=Path, default=assets.sample_speech(), help="what is said")
    parser.add_argument("--character", default="mira", help="one of assets/characters")
    parser.add_argument("--action", default="speaking", help='in words: "smile", "wave"')
    parser.add_argument("--out", type=Path, required=True, help="the mp4 file")
    args = parser.parse_args(argv)

    pipeline = FlowActPipeline.from_pretrained()
    picture = load_reference(assets.character(args.character).portrait)
    recording = Recording.open(args.audio)
    start = time.perf_counter()
    with VideoWriter(args.out, recording) as video:
        for frame in pipeline.stream(picture, recording, action=args.action):
            if frame.index == 0:
                print(f"first frame after {1000 * (time.perf_counter() - start):.0f} ms")
            video.write(frame.image[None])  # uint8 [1, 480, 480, 3]
    taken = time.perf_counter() - start
    print(f"{args.out}: {recording.seconds:.1f} s of video in {taken:.1f} s")


if __name__ == "__main__":
    main()
