"""Trains the model of surgical phase and action on the phantom and puts it where the inference room finds it.

::

    .venv-training/bin/python training/train_phase.py

What :mod:`train_segmentation` says of the set-up, the sha256 and the seeds holds here too.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import runs
import sequences
import torch
from layers import normalise
from phase_network import MEMORY, DeployedPhase, PhaseNetwork
from torch import Tensor
from torch.nn import functional

from surgical_guidance.phantom.truth import PHASES, VERBS

NAME = 'phantom_phase'
WINDOW = 32  # thumbnails in a sequence: 16 s
VERB_WEIGHT = 0.6
SHORT_SHARE = 0.3  # of the windows that show a short scenario


class Losses:
    """The loss of one batch of windows after another.

    A window starts anywhere in an operation, since the system may be switched on at any time; a third of them jump to
    another place of the same operation on their way, so that the memory is used and not trusted blindly.

    :param operations: whole ones first, then short scenarios.
    :param whole: how many are whole operations.
    """

    def __init__(self, network: PhaseNetwork, operations: Sequence[sequences.Sequence], whole: int, batch: int) -> None:
        self._network, self._batch, self._whole = network, batch, whole
        self._device = next(network.parameters()).device
        self._thumbnails = torch.from_numpy(np.concatenate([one.thumbnails for one in operations])).to(self._device)
        self._phases = torch.from_numpy(np.concatenate([one.phases for one in operations])).to(self._device)
        self._verbs = torch.from_numpy(np.concatenate([one.verbs for one in operations])).to(self._device)
        self._ends = np.cumsum([len(one.phases) for one in operations])
        self._rng = np.random.default_rng(23)
        self._random = torch.Generator(self._device).manual_seed(29)

    def __iter__(self) -> Iterator[Tensor]:
        while True:
            pick = torch.from_numpy(np.stack([self._window() for _ in range(self._batch)])).to(self._device)
            x = normalise(self._seen(self._thumbnails[pick]))
            with torch.autocast(self._device.type, torch.bfloat16, enabled=self._device.type == 'cuda'):
                phase, verb = self._network(x)
            phase, verb = phase.float().flatten(0, 1), verb.float().flatten(0, 1)
            yield (
                functional.cross_entropy(phase, self._phases[pick].flatten(), label_smoothing=0.03)
                + VERB_WEIGHT * functional.cross_entropy(verb, self._verbs[pick].flatten(), label_smoothing=0.03)
            )

    def _window(self) -> np.ndarray:
        """Choose the thumbnails of one window, half a second apart, or as a slower or faster camera would have them."""
        rng = self._rng
        short = len(self._ends) > self._whole and rng.random() < SHORT_SHARE
        number = int(rng.integers(self._whole, len(self._ends)) if short else rng.integers(self._whole))
        first, end = int(self._ends[number - 1]) if number else 0, int(self._ends[number])
        pace = float(rng.choice((0.5, 1.0, 1.0, 1.0, 1.3)))
        start = rng.uniform(first, end - 1) if rng.random() < 0.75 else first
        steps = start + pace * np.arange(WINDOW)
        if rng.random() < 0.33:
            jump = int(rng.integers(4, WINDOW - 4))
            steps[jump:] = rng.uniform(first, end - 1) + pace * np.arange(WINDOW - jump)
        return np.clip(steps, first, end - 1).astype(np.int64)

    def _seen(self, thumbnails: Tensor) -> Tensor:
        """Turn ``uint8 (n, time, h, w, 3)`` into ``float (n, time, 3, h, w)``, each window with its own look."""
        n, time = thumbnails.shape[:2]
        x = thumbnails.permute(0, 1, 4, 2, 3).flatten(0, 1).float()
        numbers = torch.rand((n, 10), generator=self._random, device=self._device).repeat_interleave(time, 0)
        zoom = 0.75 + 0.4 * numbers[:, 0]
        mirror = torch.where(numbers[:, 1] < 0.5, -1.0, 1.0)
        still = torch.zeros_like(zoom)
        matrix = torch.stack(
            [
                torch.stack([zoom * mirror, still, (numbers[:, 2] - 0.5) * 0.3], 1),
                torch.stack([still, zoom, (numbers[:, 3] - 0.5) * 0.3], 1),
            ],
            1,
        )
        grid = functional.affine_grid(matrix, list(x.shape), align_corners=False)
        x = functional.grid_sample(x, grid, mode='bilinear', align_corners=False)
        balance = torch.exp((numbers[:, 4:7, None, None] - 0.5) * 0.4)
        grey = x.mean(1, keepdim=True)
        x = (grey + (x - grey) * (0.5 + 0.8 * numbers[:, 7, None, None, None])) * balance
        x = x * torch.exp((numbers[:, 8, None, None, None] - 0.5) * 0.8)
        noise = torch.randn(x.shape, generator=self._random, device=self._device)
        x = x + 8.0 * numbers[:, 9, None, None, None] * noise
        return x.clamp(0, 255).unflatten(0, (n, time))


def main() -> None:
    """Render, train, export."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--operations', type=int, default=sequences.OPERATIONS)
    parser.add_argument('--short', type=int, default=sequences.SHORT, help='short scenarios')
    parser.add_argument('--steps', type=int, default=4000)
    parser.add_argument('--seconds', type=float, default=math.inf, help='train no longer than this')
    parser.add_argument('--batch', type=int, default=12)
    parser.add_argument('--out', type=Path, default=runs.MODELS)
    options = parser.parse_args()
    torch.manual_seed(11)
    device = runs.device()
    seeds = [*range(sequences.FIRST_SEED, sequences.FIRST_SEED + options.operations),
             *range(sequences.FIRST_SHORT, sequences.FIRST_SHORT + options.short)]  # fmt: skip
    operations = runs.on_all_cores('operations of the phantom', sequences.render, seeds)
    network = PhaseNetwork(len(PHASES), len(VERBS)).to(device)
    trained, steps = runs.train(
        network,
        Losses(network, operations, options.operations, options.batch),
        options.steps,
        options.seconds,
        rate=2e-3,
    )
    example = torch.zeros((2, sequences.THUMBNAIL[1], sequences.THUMBNAIL[0], 3), dtype=torch.uint8)
    path = options.out / f'{NAME}.onnx'
    digest = runs.export(
        DeployedPhase(trained),
        [example, torch.zeros(2, MEMORY)],
        ['image', 'memory'],
        ['phase', 'verb', 'next_memory'],
        path,
    )
    thumbnails = sum(len(one.phases) for one in operations)
    facts = {'operations': options.operations, 'short': options.short}
    runs.report(path, digest, **facts, thumbnails=thumbnails, steps=steps, batch=options.batch)


if __name__ == '__main__':
    main()
