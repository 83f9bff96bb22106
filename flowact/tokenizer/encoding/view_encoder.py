"""The encoder of one view: a frame and the portrait to curves and pose."""

import torch
from torch import Tensor, nn

from flowact.tokenizer.config import LATENT_GRID, ViewConfig
from flowact.tokenizer.layers import Pyramid, activate, zero_init

HIDDEN = 256
"""Width of the layer between the coarsest features and the channels that are estimated."""
DROPOUT = 0.2


class ViewEncoder(nn.Module):
    """A frame and the reference, 240x240 each, to standardised curves and pose of the frame."""

    def __init__(self, config: ViewConfig) -> None:
        super().__init__()
        self.pyramid = Pyramid(3 * 2, config.encoder_widths, blocks=1)
        self.gather = nn.Linear(config.encoder_widths[-1] * LATENT_GRID**2, HIDDEN)
        self.dropout = nn.Dropout(DROPOUT)
        self.leave = zero_init(nn.Linear(HIDDEN, config.readouts))

    def forward(self, frames: Tensor, reference: Tensor) -> Tensor:
        """`frames` and `reference`, each `[batch, 3, 240, 240]` in [-1, 1].

        Returns `[batch, curves + pose]`.
        """
        stacked = torch.cat([frames, reference], 1).to(self.leave.weight.dtype)
        features = self.pyramid(stacked.contiguous(memory_format=torch.channels_last))[-1]
        gathered = self.dropout(activate(self.gather(features.flatten(1))))
        estimate: Tensor = self.leave(gathered)
        return estimate.float()
