"""The segmentation network: a small encoder and decoder of depthwise separable convolutions.

It reads a picture as the camera gives it and gives what the scene needs: the conversion, the normalisation, the argmax
and the confidence are in the graph, so that nothing of the frame's size is computed outside the engine.

Most of its weights work at a sixteenth and a thirty-second of the picture, where a weight costs next to nothing; what
costs time on a processor are the layers at a half and a quarter, which are as thin as they can be.
"""

from __future__ import annotations

import torch
from layers import Separable, normalise
from torch import Tensor, nn
from torch.nn import functional


class _Fuse(nn.Module):
    """Brings coarse features to the size of finer ones and joins them."""

    def __init__(self, coarse: int, fine: int, outputs: int) -> None:
        super().__init__()
        self.narrow = nn.Conv2d(coarse, outputs, 1)
        self.join = nn.Conv2d(fine, outputs, 1)
        self.refine = Separable(outputs, outputs)

    def forward(self, coarse: Tensor, fine: Tensor) -> Tensor:
        up = functional.interpolate(self.narrow(coarse), scale_factor=2.0, mode='bilinear', align_corners=False)
        refined: Tensor = self.refine(torch.relu(up + self.join(fine)))
        return refined


class Network(nn.Module):
    """Gives logits ``(n, classes, h / 2, w / 2)`` of normalised pictures ``(n, 3, h, w)``; h and w divide by 32."""

    def __init__(self, classes: int) -> None:
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, 16, 3, 2, 1, bias=False), nn.BatchNorm2d(16), nn.ReLU())
        self.quarter = nn.Sequential(Separable(16, 32, 2), Separable(32, 32))
        self.eighth = nn.Sequential(Separable(32, 64, 2), Separable(64, 64), Separable(64, 64))
        self.sixteenth = nn.Sequential(
            Separable(64, 128, 2), Separable(128, 128, kernel=5), Separable(128, 128, dilation=2), Separable(128, 128)
        )
        self.coarsest = nn.Sequential(
            Separable(128, 192, 2), Separable(192, 192, kernel=5), Separable(192, 192, kernel=5), Separable(192, 192)
        )
        self.to_sixteenth = _Fuse(192, 128, 96)
        self.to_eighth = _Fuse(96, 64, 64)
        self.to_quarter = _Fuse(64, 32, 32)
        self.to_half = _Fuse(32, 16, 16)
        self.head = nn.Conv2d(16, classes, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Give the logits."""
        half = self.stem(x)
        quarter = self.quarter(half)
        eighth = self.eighth(quarter)
        sixteenth = self.sixteenth(eighth)
        y = self.to_sixteenth(self.coarsest(sixteenth), sixteenth)
        y = self.to_quarter(self.to_eighth(y, eighth), quarter)
        logits: Tensor = self.head(self.to_half(y, half))
        return logits


class OnProcessor(nn.Module):
    """The network as engines on a processor run it: ``image`` as below to ``logits`` ``(n, classes, h / 2, w / 2)``.

    ``inference/winners.py`` makes labels and confidence of them, the same ones, in an eighth of the time.
    """

    def __init__(self, network: Network) -> None:
        super().__init__()
        self.network = network

    def forward(self, image: Tensor) -> Tensor:
        """Give the logits."""
        logits: Tensor = self.network(normalise(image.permute(0, 3, 1, 2).float()))
        return logits


class Deployed(nn.Module):
    """The network as it is shipped: ``image``, bgr ``uint8 (n, h, w, 3)``, to ``labels`` and ``confidence``.

    Both are ``uint8 (n, h, w)``. h and w may be anything that 32 divides; the manifest says what it was
    trained at. Confidence is the probability of the winning class times 255.
    """

    def __init__(self, network: Network) -> None:
        super().__init__()
        self.network = network

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor]:
        """Give labels and confidence."""
        logits = self.network(normalise(image.permute(0, 3, 1, 2).float()))
        # Over classes as the last axis: 16 planes of 4 KiB times n lie in the same few lines of a processor's cache,
        # and going through them side by side takes twice as long. The flattening keeps ONNX Runtime from undoing it.
        rows = logits.permute(0, 2, 3, 1).flatten(0, 2)
        # The confidence is smooth: at half size it costs a quarter. 1 / sum(exp(l - max)) is the softmax of the winner,
        # in operators that ONNX Runtime runs five times faster than its softmax over channels.
        winner = 255.0 / (rows - rows.amax(dim=1, keepdim=True)).exp().sum(dim=1, keepdim=True)
        winner = winner.reshape(logits.shape[0], 1, *logits.shape[2:])
        winner = functional.interpolate(winner, scale_factor=2.0, mode='nearest')
        full = functional.interpolate(logits, scale_factor=2.0, mode='bilinear', align_corners=False)
        labels = full.permute(0, 2, 3, 1).flatten(0, 2).argmax(dim=1).reshape(full.shape[0], *full.shape[2:])
        return labels.to(torch.uint8), winner[:, 0].round().to(torch.uint8)
