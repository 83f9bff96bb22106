"""Let your own picture say your own recording.

Shows what a stranger's picture needs: the face is found, brought to where the model expects it and looked over, words
for the action are matched with those it was trained on, and every frame is marked as generated. Ask the person
in the picture first.

    python examples/own_portrait.py --picture me.jpg --audio my_voice.m4a --out me.mp4
"""

import argparse
from contextlib import closing
from pathlib import Path

from flowact import FlowActPipeline
from flowact.conditioning.actions import resolve
from flowact.media import Recording, VideoWriter
from flowact.media.watermark import Watermark
from flowact.portrait import read_portrait


def main(argv: list[str] | None = None) -> None:
    """Write a marked video of a picture and a recording."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--picture", type=Path, required=True, help="any format that Pillow reads")
    parser.add_argument("--audio", type=Path, required=True, help="any format that FFmpeg reads")
    parser.add_argument("--action", default="speaking", help='in words: "smile", "wave"')
    parser.add_argument("--out", type=Path, required=True, help="the mp4 file")
    args = parser.parse_args(argv)

    portrait = read_portrait(args.picture)
    print(*portrait.notices, sep="\n")
    action = resolve(args.action)
    if not action.exact:
        print(action.message)
    recording = Recording.open(args.audio)
    frames = FlowActPipeline.from_pretrained().stream(
        portrait.pixels, recording, action=action.matched_phrase
    )
    mark = Watermark(visible=True).apply
    with VideoWriter(args.out, recording, mark=mark) as video, closing(frames):
        for frame in frames:
            video.write(frame.image[None])
    print(f"{args.out}; `flowact verify {args.out}` finds the mark")


if __name__ == "__main__":
    main()
