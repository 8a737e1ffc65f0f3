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

import runs
import torch
import views
from layers import normalise
from torch import Tensor
from torch.nn import functional
from view_network import MEMORY, DeployedView, ViewNetwork

NAME = 'phantom_view'
NO_MEMORY, SAME_PICTURE = 0.25, 0.12  # shares of a batch
CANDIDATES = 4  # earlier views, of which the clearest is remembered
UNSURE = 0.06  # standard deviation of how spoilt a view is taken to be when the clearest is chosen


class Losses:
    """The loss of one batch after another: the true level of each thing, as a probability and as a number.

    Each picture comes with the clearest of a few others of its patient and camera, or with none. Both are seen
    through the same change of colour and contrast: what is to be recognised (light, blur, haze) is left alone.
    """

    def __init__(self, network: ViewNetwork, series: views.Series, batch: int) -> None:
        self._network, self._batch = network, batch
        self._device = next(network.parameters()).device
        self._thumbnails = torch.from_numpy(series.thumbnails).to(self._device)
        self._levels = torch.from_numpy(series.levels).to(self._device)
        self._spoilt = self._levels[:, 1:].amax(1)
        self._random = torch.Generator(self._device).manual_seed(19)

    def __iter__(self) -> Iterator[Tensor]:
        while True:
            now, before, known = self._pick()
            numbers = torch.rand((self._batch, 10, 1, 1), generator=self._random, device=self._device)
            x, clearest = (normalise(self._seen(self._thumbnails[which], numbers)) for which in (now, before))
            with torch.autocast(self._device.type, torch.bfloat16, enabled=self._device.type == 'cuda'):
                logits = self._network(x, clearest, known).float()
            true = self._levels[now]
            yield (
                functional.binary_cross_entropy_with_logits(logits, true)
                + 0.5 * functional.l1_loss(logits.sigmoid(), true)
            )

    def _rand(self, *shape: int) -> Tensor:
        return torch.rand(shape, generator=self._random, device=self._device)

    def _pick(self) -> tuple[Tensor, Tensor, Tensor]:
        """Choose pictures, the clearest views that go with them, and whether there is one."""
        series = (self._rand(self._batch) * (len(self._levels) // views.FRAMES)).long()[:, None] * views.FRAMES
        frames = series + (self._rand(self._batch, 1 + CANDIDATES) * views.FRAMES).long()
        now, others = frames[:, 0], frames[:, 1:]
        guessed = self._spoilt[others] + UNSURE * torch.randn(others.shape, generator=self._random, device=self._device)
        few = 1 + (self._rand(self._batch, 1) * CANDIDATES).long()  # 1 to all of them have been seen
        guessed = guessed.masked_fill(torch.arange(CANDIDATES, device=self._device) >= few, math.inf)
        before = others.gather(1, guessed.argmin(1, keepdim=True))[:, 0]
        before = torch.where(self._rand(self._batch) < SAME_PICTURE, now, before)
        known = (self._rand(self._batch, 1) >= NO_MEMORY).float()
        return now, before, known

    def _seen(self, thumbnails: Tensor, numbers: Tensor) -> Tensor:
        """Turn ``uint8 (n, h, w, 3)`` into ``float (n, 3, h, w)``, each mirrored in its own way."""
        x = thumbnails.permute(0, 3, 1, 2).float()
        for axis in (3, 2):
            x = torch.where(self._rand(len(x), 1, 1, 1) < 0.5, x, x.flip(axis))
        balance = torch.exp((numbers[:, 2:5] - 0.5) * 0.3)
        grey = x.mean(1, keepdim=True)
        x = (grey + (x - grey) * (0.7 + 0.6 * numbers[:, 5:6])) * balance * torch.exp((numbers[:, 6:7] - 0.5) * 0.3)
        # Cameras differ in their tone curves more than in anything else; haze must not be taken for one of them.
        x = 255.0 * (x.clamp(0.1, 400) / 255.0) ** torch.exp((numbers[:, 8:9] - 0.5) * 0.4)
        x = 128.0 + (x - 128.0) * (0.9 + 0.25 * numbers[:, 9:10])
        noise = torch.randn(x.shape, generator=self._random, device=self._device)
        return (x + 4.0 * numbers[:, 7:8] * noise).clamp(0, 255)


def main() -> None:
    """Render, train, export."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--series', type=int, default=views.SERIES, help=f'{views.FRAMES} thumbnails are made of each')
    parser.add_argument('--steps', type=int, default=12000)
    parser.add_argument('--seconds', type=float, default=math.inf, help='train no longer than this')
    parser.add_argument('--batch', type=int, default=96)
    parser.add_argument('--out', type=Path, default=runs.MODELS)
    options = parser.parse_args()
    torch.manual_seed(13)
    device = runs.device()
    series = views.training_series(options.series)
    network = ViewNetwork(len(views.LEVELS)).to(device)
    trained, steps = runs.train(
        network, Losses(network, series, options.batch), options.steps, options.seconds, rate=3e-3
    )
    example = torch.zeros((2, views.THUMBNAIL[1], views.THUMBNAIL[0], 3), dtype=torch.uint8)
    path = options.out / f'{NAME}.onnx'
    digest = runs.export(
        DeployedView(trained), [example, torch.zeros(2, MEMORY)], ['image', 'memory'], ['levels', 'next_memory'], path
    )
    runs.report(path, digest, series=options.series, pictures=len(series.levels), steps=steps, batch=options.batch)


if __name__ == '__main__':
    main()
