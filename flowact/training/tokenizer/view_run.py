"""What the runs of a view's decoder and encoder have in common: their beginning and their windows."""

from pathlib import Path

import torch

from flowact.datagen.performance import motion_statistics
from flowact.timebase import FRAMES_PER_LATENT
from flowact.tokenizer.code import LinearMotionCodec
from flowact.tokenizer.config import ViewConfig
from flowact.tokenizer.views import View
from flowact.training.loop.backend import Backend, choose_backend
from flowact.training.loop.checkpoints import newest_step
from flowact.training.tokenizer.clips import ClipFolder, WindowLoader, Windows, spread_windows
from flowact.training.tokenizer.starting_weights import save_view_config


def begin_view_run(run: Path, config: ViewConfig, seed: int) -> Backend:
    """Seed the weights that are made next, leave the view's sizes in the run, choose the device."""
    torch.manual_seed(seed)
    save_view_config(run, config)
    return choose_backend()


def adopt_motion_statistics(code: LinearMotionCodec) -> None:
    """Standardise curves and pose by the moments of the performances that the data engine makes."""
    code.adopt(*map(torch.from_numpy, motion_statistics.load()))


def open_windows(
    data: Path,
    view: View,
    run: Path,
    batch: int,
    seed: tuple[int, int],
    heldout: int,
    shown: int = FRAMES_PER_LATENT,
) -> tuple[WindowLoader, Windows]:
    """Batches of windows to train on, from where the run was, and windows to measure on.

    Args:
        data: folder of rendered clips with `train/` and `heldout/`.
        view: what of the pictures is cut out.
        run: folder of the run; its newest checkpoint tells the first batch.
        batch: windows of a batch.
        seed: of the batches, and the rank of this process.
        heldout: number of windows to measure on.
        shown: frames of a window.
    """
    folders = {split: ClipFolder(data / split, view, shown) for split in ("train", "heldout")}
    loader = WindowLoader(folders["train"], batch, seed, first=newest_step(run))
    return loader, spread_windows(folders["heldout"], heldout)
