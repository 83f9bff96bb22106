"""The card that lies beside the weights of the readers."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class ReaderFit:
    """How one reader was trained and what it reaches on held-out clips."""

    name: str
    purpose: str
    steps: int
    scores: Mapping[str, float]


def reader_card(fits: list[ReaderFit], clips: Mapping[str, int], seed: int) -> str:
    """Markdown with data, steps, seed, command and scores.

    Args:
        fits: one a reader.
        clips: how many of each split were used.
        seed: of weights, batches and disturbances.
    """
    used = " and ".join(f"{count} {split}" for split, count in clips.items())
    lines = [
        "# Readers of `flowact eval`",
        "",
        "These small networks judge generated video. They never see the networks that they judge. They learn",
        "from clips of `flowact synth`, where the truth is known, under random tone, blur, noise and shifts.",
        "Their weights are in half precision, under Apache-2.0.",
        "",
        f"The data is {used} clips of `flowact synth`. The held-out ones have other sentences,",
        f"another voice and, in part, other people. The seed is {seed}. This command trained the readers:",
        "",
        "```console",
        f"$ flowact eval --fit --data DIR --fit-steps {fits[0].steps}",
        "```",
        "",
        "| reader | purpose | steps | on held-out clips |",
        "|---|---|---|---|",
    ]
    for fit in fits:
        found = ", ".join(
            f"{name.replace('_', ' ')} {value:.3f}" for name, value in fit.scores.items()
        )
        lines.append(f"| `{fit.name}` | {fit.purpose} | {fit.steps} | {found} |")
    return "\n".join(lines) + "\n"
