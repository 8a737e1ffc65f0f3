"""The segmentation network: a small encoder and decoder of depthwise separable convolutions.

It reads a picture as the camera gives it and gives what the scene needs: the conversion, the normalisation, the argmax
and the confidence are in the graph, so that nothing of the frame's size is computed outside the engine.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

MEAN, SPREAD = 90.0, 70.0  # of the phantom's pixel values; it only has to be about right


class _Separable(nn.Module):
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
        y = torch.relu(self.deep_norm(self.deep(x)))
        y = self.point_norm(self.point(y))
        return torch.relu(y + x) if self.shortcut else torch.relu(y)


class _Fuse(nn.Module):
    """Brings coarse features to the size of finer ones and joins them."""

    def __init__(self, coarse: int, fine: int, outputs: int) -> None:
        super().__init__()
        self.narrow = nn.Conv2d(coarse, outputs, 1)
        self.join = nn.Conv2d(fine, outputs, 1)
        self.refine = _Separable(outputs, outputs)

    def forward(self, coarse: Tensor, fine: Tensor) -> Tensor:
        up = functional.interpolate(self.narrow(coarse), scale_factor=2.0, mode='bilinear', align_corners=False)
        refined: Tensor = self.refine(torch.relu(up + self.join(fine)))
        return refined


class Network(nn.Module):
    """Gives logits ``(n, classes, h / 2, w / 2)`` of normalised pictures ``(n, 3, h, w)``; h and w divide by 16."""

    def __init__(self, classes: int) -> None:
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, 16, 3, 2, 1, bias=False), nn.BatchNorm2d(16), nn.ReLU())
        self.quarter = nn.Sequential(_Separable(16, 32, 2), _Separable(32, 32))
        self.eighth = nn.Sequential(_Separable(32, 64, 2), _Separable(64, 64), _Separable(64, 64))
        self.sixteenth = nn.Sequential(
            _Separable(64, 128, 2),
            _Separable(128, 128, kernel=5),
            _Separable(128, 128, dilation=2),
            _Separable(128, 128, kernel=5, dilation=2),
            _Separable(128, 128, kernel=5),
        )
        self.to_eighth = _Fuse(128, 64, 64)
        self.to_quarter = _Fuse(64, 32, 32)
        self.to_half = _Fuse(32, 16, 16)
        self.head = nn.Conv2d(16, classes, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Give the logits."""
        half = self.stem(x)
        quarter = self.quarter(half)
        eighth = self.eighth(quarter)
        y = self.to_eighth(self.sixteenth(eighth), eighth)
        logits: Tensor = self.head(self.to_half(self.to_quarter(y, quarter), half))
        return logits


def normalise(image: Tensor) -> Tensor:
    """Give ``(n, 3, h, w)`` pixel values, 0 to 255, as the network takes them."""
    return (image - MEAN) / SPREAD


class Deployed(nn.Module):
    """The network as it is shipped: ``image``, bgr ``uint8 (1, h, w, 3)``, to ``labels`` and ``confidence``.

    Both are ``uint8 (1, h, w)``. Confidence is the probability of the winning class times 255.
    """

    def __init__(self, network: Network) -> None:
        super().__init__()
        self.network = network

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor]:
        """Give labels and confidence."""
        logits = self.network(normalise(image.permute(0, 3, 1, 2).float()))
        # The confidence is smooth: at half size it costs a quarter. 1 / sum(exp(l - max)) is the softmax of the winner,
        # in operators that ONNX Runtime runs five times faster than its softmax over channels.
        winner = 255.0 / (logits - logits.amax(dim=1, keepdim=True)).exp().sum(dim=1, keepdim=True)
        winner = functional.interpolate(winner, scale_factor=2.0, mode='nearest')
        full = functional.interpolate(logits, scale_factor=2.0, mode='bilinear', align_corners=False)
        return full.argmax(dim=1).to(torch.uint8), winner[:, 0].round().to(torch.uint8)
