"""The segmentation head of INP-Former++: from the residual to the probability of a defect."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class SegmentationHead(nn.Module):
    """Two transposed convolutions, one convolution, bilinear up to the input, sigmoid.

    The paper names the layers; their widths and kernels are our assumption. So is the input
    scale: residuals are far below 1, and on a short schedule the head would only learn how large
    a defect is on average. A scale of 1 is the paper's form.

    Args:
        dim: Channels C of the residual.
        widths: Channels after each transposed convolution.
        bias: Of the last convolution, at the start.
    """

    def __init__(self, dim: int, widths: tuple[int, int], bias: float) -> None:
        super().__init__()
        self.register_buffer("input_scale", torch.ones(()))
        self.layers = nn.Sequential(
            nn.ConvTranspose2d(dim, widths[0], kernel_size=4, stride=2, padding=1),
            nn.ReLU(inplace=True),
            nn.ConvTranspose2d(widths[0], widths[1], kernel_size=4, stride=2, padding=1),
            nn.ReLU(inplace=True),
            nn.Conv2d(widths[1], 1, kernel_size=3, padding=1),
        )
        nn.init.constant_(self.layers[-1].bias, bias)

    def forward(self, residual: Tensor, output_size: tuple[int, int]) -> Tensor:
        """Return the probability of a defect, `(B, height, width)` in [0, 1].

        Args:
            residual: `(B, C, rows, columns)`.
            output_size: Height and width of the result.
        """
        logits = self.layers(residual * self.input_scale)
        logits = F.interpolate(logits, size=output_size, mode="bilinear", align_corners=False)
        return logits.squeeze(1).sigmoid()
