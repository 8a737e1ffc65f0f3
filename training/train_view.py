"""Trains the model of bleeding and view quality on the phantom and puts it where the inference room finds it.

::

    .venv-training/bin/python training/train_view.py

What :mod:`train_segmentation` says of the set-up, the sha256 and the seeds holds here too.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Iterator
from pathlib import Path

import pictures
import runs
import torch
from layers import normalise
from torch import Tensor
from torch.nn import functional
from view_network import DeployedView, ViewNetwork

NAME = 'phantom_view'


class Losses:
    """The loss of one batch after another: cross entropy with the true level of each thing.

    Pictures are mirrored and their white balance varies; what is to be recognised (light, blur, haze) is left alone.
    """

    def __init__(self, network: ViewNetwork, thumbnails: Tensor, levels: Tensor, batch: int) -> None:
        self._network, self._thumbnails, self._levels, self._batch = network, thumbnails, levels, batch
        self._device = next(network.parameters()).device
        self._picks = torch.Generator().manual_seed(17)
        self._random = torch.Generator(self._device).manual_seed(19)

    def __iter__(self) -> Iterator[Tensor]:
        while True:
            pick = torch.randint(len(self._thumbnails), (self._batch,), generator=self._picks).to(self._levels.device)
            x = self._seen(self._thumbnails[pick].to(self._device).permute(0, 3, 1, 2).float())
            with torch.autocast(self._device.type, torch.bfloat16, enabled=self._device.type == 'cuda'):
                logits = self._network(normalise(x))
            yield functional.binary_cross_entropy_with_logits(logits.float(), self._levels[pick].to(self._device))

    def _seen(self, x: Tensor) -> Tensor:
        n = len(x)
        numbers = torch.rand((n, 10, 1, 1), generator=self._random, device=self._device)
        for axis, column in ((3, 0), (2, 1)):
            x = torch.where(numbers[:, column : column + 1] < 0.5, x, x.flip(axis))
        balance = torch.exp((numbers[:, 2:5] - 0.5) * 0.3)
        grey = x.mean(1, keepdim=True)
        x = (grey + (x - grey) * (0.5 + 0.9 * numbers[:, 5:6])) * balance * torch.exp((numbers[:, 6:7] - 0.5) * 0.3)
        # Cameras differ in their tone curves more than in anything else; haze must not be taken for one of them.
        x = 255.0 * (x.clamp(0.1, 400) / 255.0) ** torch.exp((numbers[:, 8:9] - 0.5) * 0.6)
        x = 128.0 + (x - 128.0) * (0.85 + 0.45 * numbers[:, 9:10])
        x = x + 5.0 * numbers[:, 7:8] * torch.randn(x.shape, generator=self._random, device=self._device)
        return x.clamp(0, 255)


def main() -> None:
    """Render, train, export."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        '--takes', type=int, default=pictures.TAKES, help=f'{pictures.FRAMES} pictures are made of each'
    )
    parser.add_argument('--steps', type=int, default=6000)
    parser.add_argument('--seconds', type=float, default=math.inf, help='train no longer than this')
    parser.add_argument('--batch', type=int, default=96)
    parser.add_argument('--cache', type=Path, help='keep the rendered pictures here, for the next run')
    parser.add_argument('--out', type=Path, default=runs.MODELS)
    options = parser.parse_args()
    torch.manual_seed(13)
    device = runs.device()
    sample = pictures.training_sample(options.takes, options.cache)
    thumbnails, levels = torch.from_numpy(sample.thumbnails).to(device), torch.from_numpy(sample.levels).to(device)
    network = ViewNetwork(len(pictures.LEVELS)).to(device)
    losses = Losses(network, thumbnails, levels, options.batch)
    trained, steps = runs.train(network, losses, options.steps, options.seconds, rate=3e-3)
    example = torch.zeros((1, pictures.THUMBNAIL[1], pictures.THUMBNAIL[0], 3), dtype=torch.uint8)
    path = options.out / f'{NAME}.onnx'
    digest = runs.export(DeployedView(trained), [example], ['image'], ['levels'], path)
    runs.report(path, digest, takes=options.takes, pictures=len(levels), steps=steps, batch=options.batch)


if __name__ == '__main__':
    main()
