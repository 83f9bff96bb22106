"""Encoded clips whose mouth is a linear function of the sound, and a transformer of their size."""

from pathlib import Path

import torch
import yaml

from flowact.conditioning.audio import SILENT_MEL
from flowact.mmdit.model import FlowActTransformer
from flowact.training.data.latents import LatentClip, LatentFolder
from flowact.training.transformer.latent_probe import curve_index, fit_probe

SHAPE = (4, 4, 4)
SIZES = {
    "latent_channels": 4, "latent_height": 4, "latent_width": 4, "patch_size": 2,
    "views": ((0, 0, 480, 480),), "dim": 64, "audio_dim": 48, "text_dim": 16, "heads": 2,
    "head_dim": 32, "layers": 2, "mlp_ratio": 2.0, "text_tokens": 1,
}  # fmt: skip
JAW = curve_index("jawOpen")


def toy_transformer() -> FlowActTransformer:
    torch.manual_seed(0)
    return FlowActTransformer(**SIZES)


def toy_clip(seed: int, latents: int = 40, behaviour: int = 2) -> LatentClip:
    """Loudness opens the mouth of the same frame; a slow drift stands for head motion."""
    fixed = torch.Generator().manual_seed(99)
    mouth, drift, spectrum = (
        torch.randn(*shape, generator=fixed) for shape in ((4, 64), (2, 64), (80,))
    )
    mouth, drift = (torch.linalg.qr(each.T).Q.T for each in (mouth, drift))
    rng = torch.Generator().manual_seed(seed)
    loudness = torch.rand(4 * latents, generator=rng)
    pauses = (torch.rand(latents, generator=rng) > 0.3).repeat_interleave(16)[: 4 * latents]
    loudness = loudness * pauses
    heard = loudness.repeat_interleave(4)[:, None]
    head = torch.randn(latents, 2, generator=rng).cumsum(0) * 0.3
    z = 6 * (loudness.view(latents, 4) - 0.35) @ mouth + head @ drift
    curves = torch.zeros(4 * latents, 52)
    curves[:, JAW] = loudness
    return LatentClip(
        z=(z + 0.1 * torch.randn(latents, 64, generator=rng)).view(latents, *SHAPE).half(),
        reference=(-2.1 * mouth.sum(0)).view(1, *SHAPE).half(),
        mel=(SILENT_MEL + heard * (2 + spectrum.abs())).half(),
        motion=curves.half(),
        behaviour=torch.full((4 * latents,), behaviour, dtype=torch.uint8),
        meta={"seed": seed},
    )


def write_toys(root: Path, train: int, heldout: int) -> None:
    for split, seeds in (("train", range(train)), ("heldout", range(1000, 1000 + heldout))):
        for seed in seeds:
            toy_clip(seed).save(root / split / f"{seed}.safetensors")


def write_toy_data(root: Path) -> Path:
    """Clips, their read-out and a preset of their sizes: all that a stage reads."""
    write_toys(root, train=24, heldout=4)
    train, heldout = (LatentFolder(root / split).clips for split in ("train", "heldout"))
    fit_probe(train, heldout).save(root / "readout.safetensors")
    sizes = {**SIZES, "views": [list(view) for view in SIZES["views"]]}
    preset = {
        "name": "toy", "description": "toy", "transformer": sizes, "codec": {"kind": "compact"}
    }  # fmt: skip
    (root / "toy.yaml").write_text(yaml.safe_dump(preset))
    return root
