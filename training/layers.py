"""What the three networks are made of."""

from __future__ import annotations

import torch
from torch import Tensor, nn

MEAN, SPREAD = 90.0, 70.0  # of the phantom's pixel values; it only has to be about right


class Separable(nn.Module):
    """Depthwise, then pointwise; with a shortcut where the shape allows it."""

    def __init__(self, inputs: int, outputs: int, stride: int = 1, kernel: int = 3, dilation: int = 1) -> None:
        super().__init__()
        padding = dilation * (kernel // 2)
        self.deep = nn.Conv2d(inputs, inputs, kernel, stride, padding, dilation, groups=inputs, bias=False)
        self.deep_norm = nn.BatchNorm2d(inputs)
        self.point = nn.Conv2d(inputs, outputs, 1, bias=False)
        self.point_norm = nn.BatchNorm2d(outputs)
        self.shortcut = stride == 1 and inputs == outputs

    def forward(self, x: Tensor) -> Tensor:
        """Give the features, smaller by the stride."""
        y = torch.relu(self.deep_norm(self.deep(x)))
        y = self.point_norm(self.point(y))
        return torch.relu(y + x) if self.shortcut else torch.relu(y)


class Encoder(nn.Sequential):
    """Gives features ``(n, outputs, h / 32, w / 32)`` of a normalised thumbnail ``(n, 3, h, w)``."""

    def __init__(self, outputs: int) -> None:
        super().__init__(
            nn.Conv2d(3, 24, 3, 2, 1, bias=False),
            nn.BatchNorm2d(24),
            nn.ReLU(),
            Separable(24, 48, 2),
            Separable(48, 48),
            Separable(48, 96, 2),
            Separable(96, 96),
            Separable(96, 96),
            Separable(96, 160, 2),
            Separable(160, 160),
            Separable(160, 160),
            Separable(160, outputs, 2),
            Separable(outputs, outputs),
        )
        self.outputs = outputs


def normalise(image: Tensor) -> Tensor:
    """Give ``(n, 3, h, w)`` pixel values, 0 to 255, as the networks take them."""
    return (image - MEAN) / SPREAD
