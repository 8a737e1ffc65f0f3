"""Networks for the GPU's benchmark, of known architectures and with weights that mean nothing: made by torchvision.

The weights are a short pattern repeated, so that they are the same on every machine and the files pack small.
"""

from __future__ import annotations

import hashlib
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torchvision

CLASSES = 16
_PATTERN = np.random.default_rng(4).standard_normal(8191).astype(np.float32)


@dataclass(frozen=True)
class Network:
    """One network of the benchmark: takes float16 or float32 ``(1, 3, side, side)``."""

    name: str
    side: int
    output: str
    make: Any


class _Logits(torch.nn.Module):
    """A segmentation network that gives its logits alone."""

    def __init__(self) -> None:
        super().__init__()
        self.body = torchvision.models.segmentation.lraspp_mobilenet_v3_large(
            weights=None, weights_backbone=None, num_classes=CLASSES
        )

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        return self.body(image)['out']


NETWORKS = (
    Network('lraspp_512', 512, 'logits', _Logits),
    Network('swin_t_224', 224, 'scores', lambda: torchvision.models.swin_t(weights=None)),
    Network('resnet50_224', 224, 'scores', lambda: torchvision.models.resnet50(weights=None)),
)
SMALL = Network('small_64', 64, 'scores', lambda: torchvision.models.squeezenet1_1(weights=None))
"""Loads in a moment: for what is done hundreds of times."""


def network(which: Network) -> torch.nn.Module:
    """Make a network in float32, ready to run."""
    module = which.make().eval()
    at = 0
    with torch.no_grad():
        for parameter in module.parameters():
            if parameter.dim() > 1:
                values = np.resize(np.roll(_PATTERN, at), parameter.numel()) * (1.4 / np.sqrt(parameter[0].numel()))
                parameter.copy_(torch.from_numpy(values).reshape(parameter.shape))
                at += 17
        picture = _picture(which.side)
        _settle(module, picture)
        if isinstance(module, _Logits):
            _spread(module, picture)
    return module


def _picture(side: int) -> torch.Tensor:
    """Give a picture with areas, edges and noise, as the benchmark's frames are."""
    random = np.random.default_rng(5)
    coarse = torch.from_numpy(random.uniform(-2.1, 2.6, (1, 3, 18, 32)).astype(np.float32))
    noise = torch.from_numpy(random.standard_normal((1, 3, side, side)).astype(np.float32))
    return torch.nn.functional.interpolate(coarse, (side, side), mode='bicubic') + 0.05 * noise


def _settle(module: torch.nn.Module, picture: torch.Tensor) -> None:
    """Take the statistics of one picture for those of all: without any, values grow beyond what float16 holds."""
    norms = [part for part in module.modules() if isinstance(part, torch.nn.BatchNorm2d)]
    for norm in norms:
        norm.momentum = 1.0
        norm.train()
    if norms:
        module(picture)
    module.eval()


def _spread(module: _Logits, picture: torch.Tensor) -> None:
    """Let every class win somewhere: without training one wins everywhere, and there is nothing to compare."""
    head = module.body.classifier
    logits = module(picture)
    scale = 2.0 / (logits - logits.mean((2, 3), keepdim=True)).std((2, 3)).clamp_min(1e-6)[0]
    for part in (head.low_classifier, head.high_classifier):
        part.weight.mul_(scale[:, None, None, None])
        part.bias.mul_(scale)
    head.high_classifier.bias.sub_(module(picture).mean((0, 2, 3)))


def export(which: Network, folder: Path) -> Path:
    """Write a network as float16 ONNX where it is not there yet; give its path."""
    path = folder / f'{which.name}.onnx'
    if not path.exists():
        folder.mkdir(parents=True, exist_ok=True)
        module = network(which).half()
        picture = torch.zeros(1, 3, which.side, which.side, dtype=torch.float16)
        torch.onnx.export(
            module,
            (picture,),
            path,
            input_names=['image'],
            output_names=[which.output],
            opset_version=18,
            dynamo=True,
            external_data=False,
            verbose=False,
        )
    return path


def sha256(path: Path) -> str:
    """Give a file's SHA-256."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


if __name__ == '__main__':
    for one in (*NETWORKS, SMALL):
        made = export(one, Path(sys.argv[1]))
        print(made, made.stat().st_size, sha256(made))
