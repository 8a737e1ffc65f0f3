"""The network of bleeding and view quality: what spoils or should stop the view, each with a level of its own."""

from __future__ import annotations

import torch
from layers import Encoder, normalise
from torch import Tensor, nn

FEATURES = 160


class ViewNetwork(nn.Module):
    """Gives logits ``(n, levels)`` of normalised thumbnails ``(n, 3, h, w)``, h and w divisible by 32."""

    def __init__(self, levels: int) -> None:
        super().__init__()
        self.encoder = Encoder(FEATURES)
        self.mix = nn.Linear(2 * FEATURES, 96)
        self.head = nn.Linear(96, levels)

    def forward(self, x: Tensor) -> Tensor:
        """Give the logits."""
        y = self.encoder(x)
        # Smoke and light are in the mean of the picture, a spurt of blood or a drop on the lens in its maximum.
        logits: Tensor = self.head(torch.relu(self.mix(torch.cat([y.mean((2, 3)), y.amax((2, 3))], 1))))
        return logits


class DeployedView(nn.Module):
    """As it is shipped: ``image``, bgr ``uint8 (1, h, w, 3)``, to ``levels``, ``float32 (1, n)``, 0 to 1 each."""

    def __init__(self, network: ViewNetwork) -> None:
        super().__init__()
        self.network = network

    def forward(self, image: Tensor) -> Tensor:
        """Give the levels."""
        levels: Tensor = torch.sigmoid(self.network(normalise(image.permute(0, 3, 1, 2).float())))
        return levels
