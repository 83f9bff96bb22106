"""Every stage of the transformer on a tiny preset, by the commands of the docs; one process of one or of several.

python -m tests.training.train_preset FOLDER STEPS
"""

import sys
from pathlib import Path

from flowact.cli import main

STAGES = ("adapt", "joint", "self-forcing", "cfg-distill", "step-distill", "dmd")


def commands(folder: Path, steps: int) -> list[list[str]]:
    """What to type for every stage, in the order of the recipe."""
    data = ["--preset", str(folder / "tiny.yaml"), "--data", str(folder / "latents")]
    loop = ["--steps", str(steps), "--batch", "1", "--warm-up", "1", "--evaluate-minutes", "99"]
    runs = {name: str(folder / "runs" / name) for name in ("audio", *STAGES)}
    typed = [["train", "audio", *data, *loop, "--out", runs["audio"]]]
    before: list[str] = []
    for name in STAGES:
        hears = ["--audio", runs["audio"]] if name == "joint" else []
        taught = ["--teacher", runs["joint"]] if name == "dmd" else []
        out = ["--out", runs[name]]
        typed.append(["train", name, *data, *loop, *out, *before, *hears, *taught])
        before = ["--init", runs[name]]
    return typed


if __name__ == "__main__":
    codes = [main(words) for words in commands(Path(sys.argv[1]), int(sys.argv[2]))]
    sys.exit(max(codes))
