"""Render a few clips and train every stage of the recipe, for ten minutes of training in all.

Shows the commands of a training, one after another, and leaves a checkpoint that runs. It will not be a good
one: `flowact train all` does the same in an hour and a half, two stages at a time. Needs the program flite
and the extra `tts`.

    python examples/train_ten_minutes.py --out runs/ten
    flowact generate --checkpoint runs/ten/checkpoint --character mira --audio my_voice.wav --out out.mp4
"""

import argparse
from pathlib import Path

from flowact.cli import main as flowact

TOKENIZER = {"face-decoder": 2.6, "whole-decoder": 1.4, "face-encoder": 0.5, "whole-encoder": 0.5}
MOTION = {"audio": 1.5, "adapt": 0.5, "joint": 1.5, "self-forcing": 0.5, "cfg-distill": 0.4}
FEW_STEPS = {"step-distill": 0.4, "dmd": 0.2}
"""Minutes of ten, in the order of the recipe; the last two imitate `cfg-distill`."""


def run(*words: object) -> None:
    """Do what `flowact WORDS` does; its own sentence has said what went wrong."""
    print("flowact", *words, flush=True)
    if code := flowact([str(word) for word in words]):
        raise SystemExit(code)


def main(argv: list[str] | None = None) -> None:
    """Render, train and export."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--out", type=Path, required=True, help="folder of data and runs")
    parser.add_argument("--share", type=float, default=1.0, help="of the ten minutes (%(default)g)")
    parser.add_argument("--clips", type=int, default=60, help="to render (%(default)d)")
    parser.add_argument("--imagined", type=int, default=300, help="clips without pictures")
    parser.add_argument("--preset", default="default", help="sizes of the transformer")
    args = parser.parse_args(argv)
    out, clips, latents = args.out, args.out / "clips", args.out / "latents"

    run("synth", "--out", clips, "--clips", args.clips, "--heldout", 4, "--seconds", 0.96)
    for stage, minutes in TOKENIZER.items():
        view, _, part = stage.partition("-")
        words = ("--view", view, "--part", part, "--minutes", minutes * args.share)
        run("train", "tokenizer", "--data", clips, "--out", out / stage, *words)
    run("train", "latents", "--out", latents, "--imagined", args.imagined, "--voices", "english")
    start: tuple[object, ...] = ()
    for stage, minutes in (MOTION | FEW_STEPS).items():
        teacher = ("--teacher", out / "cfg-distill") if stage in FEW_STEPS else ()
        words = ("--data", latents, "--preset", args.preset, "--minutes", minutes * args.share)
        run("train", stage, "--out", out / stage, *words, *start, *teacher)
        init = ("--init", out / stage) if stage != "audio" else ()
        start = ("--audio", out / "audio", *init)
    parts = [word for stage in TOKENIZER for word in (f"--{stage}", out / stage)]
    run("train", "export", *parts, "--transformer", out / "dmd", "--out", out / "checkpoint")


if __name__ == "__main__":
    main()
