"""The network of bleeding and view quality: what spoils or should stop the view, each with a level of its own.

How thick smoke is cannot be told from one picture of a camera that nobody knows: a pale picture is smoke before one
camera and a clear view before another. So the network remembers the clearest view that it has had, and compares.
"""

from __future__ import annotations

import torch
from layers import Encoder, normalise
from torch import Tensor, nn

FEATURES, IMPRESSION = 160, 96
MEMORY = IMPRESSION + 2  # the impression of the clearest view, how spoilt that was, and whether there is one
FADING = 0.0005  # by which the clearest view counts as worse with every picture: 0.005 a second at 10 Hz


class ViewNetwork(nn.Module):
    """Gives logits ``(n, levels)`` of normalised thumbnails ``(n, 3, h, w)``, h and w divisible by 32."""

    def __init__(self, levels: int) -> None:
        super().__init__()
        self.encoder = Encoder(FEATURES)
        self.mix = nn.Linear(2 * FEATURES, IMPRESSION)
        self.compare = nn.Linear(3 * IMPRESSION + 1, 96)
        self.head = nn.Linear(96 + IMPRESSION, levels)

    def look(self, x: Tensor) -> Tensor:
        """Give the impression of each picture, ``(n, IMPRESSION)``."""
        y = self.encoder(x)
        # Smoke and light are in the mean of the picture, a spurt of blood or a drop on the lens in its maximum.
        return torch.relu(self.mix(torch.cat([y.mean((2, 3)), y.amax((2, 3))], 1)))

    def judge(self, now: Tensor, clearest: Tensor, known: Tensor) -> Tensor:
        """Give the logits of impressions beside those of the clearest view.

        :param known: ``(n, 1)``, 1 where there is a clearest view, 0 where not.
        """
        clearest = clearest * known
        compared = torch.relu(self.compare(torch.cat([now, clearest, (now - clearest) * known, known], 1)))
        logits: Tensor = self.head(torch.cat([compared, now], 1))
        return logits

    def forward(self, x: Tensor, clearest: Tensor, known: Tensor) -> Tensor:
        """Give the logits of pictures and the clearest views that go with them."""
        now, before = self.look(torch.cat([x, clearest])).float().chunk(2)
        return self.judge(now, before, known)


class DeployedView(nn.Module):
    """As it is shipped: ``image``, bgr ``uint8 (n, h, w, 3)``, and ``memory``, ``float32 (n, MEMORY)``.

    It gives ``levels``, ``float32 (n, levels)``, 0 to 1 each, the first of which is no fault of the view, and the
    memory for the next picture.
    """

    def __init__(self, network: ViewNetwork) -> None:
        super().__init__()
        self.network = network

    def forward(self, image: Tensor, memory: Tensor) -> tuple[Tensor, Tensor]:
        """Give levels and next memory."""
        now = self.network.look(normalise(image.permute(0, 3, 1, 2).float()))
        clearest, spoilt, known = memory[:, :IMPRESSION], memory[:, IMPRESSION : IMPRESSION + 1], memory[:, -1:]
        levels = torch.sigmoid(self.network.judge(now, clearest, known))
        worst = levels[:, 1:].amax(dim=1, keepdim=True)
        faded = spoilt + FADING
        clearer = ((known < 0.5) | (worst < faded)).float()
        following = torch.cat(
            [clearest + (now - clearest) * clearer, faded + (worst - faded) * clearer, torch.ones_like(known)], 1
        )
        return levels, following
