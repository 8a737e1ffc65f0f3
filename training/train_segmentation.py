"""Trains the segmentation model on the phantom and puts it where the inference room finds it.

::

    python -m venv .venv-training && .venv-training/bin/pip install -r training/requirements.txt -e .
    .venv-training/bin/python training/train_segmentation.py

A GPU is used where there is one (seven minutes on an H100 with 16 cores); without one it takes most of a day. The
manifest's sha256 must be set to the one printed at the end. The seeds are fixed; two runs on the same
machine and versions give models that agree within the noise of a GPU's additions.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import multiprocessing
import os
import platform
import time
from pathlib import Path

import numpy as np
import torch
from augment import Augment
from evaluate import MODELS, NAME, measure
from network import Deployed, Network, normalise
from pictures import SEEN, SIZE, training_pictures
from torch import Tensor
from torch.nn import functional

OPSET = 17
RARE = {'cystic_artery': 2.5, 'l_hook_electrocautery': 1.6, 'grasper': 1.4, 'connective_tissue': 1.3}
UNLIKE_SHARE = 8  # one picture of this many in a batch is unlike anything known


def render(count: int, first_seed: int) -> tuple[Tensor, Tensor]:
    """Render ``count`` tissues on all cores, as ``uint8`` tensors."""
    started = time.monotonic()
    with multiprocessing.get_context('spawn').Pool(os.cpu_count()) as pool:
        parts = pool.map(training_pictures, range(first_seed, first_seed + count), chunksize=4)
    images = torch.from_numpy(np.concatenate([part[0] for part in parts]))
    labels = torch.from_numpy(np.concatenate([part[1] for part in parts]))
    print(f'{len(images)} pictures of {count} tissues rendered in {time.monotonic() - started:.0f} s', flush=True)
    return images, labels


def overlap_loss(logits: Tensor, labels: Tensor) -> Tensor:
    """One minus the mean soft Dice coefficient of the classes that are there."""
    probability = logits.softmax(1)
    truth = functional.one_hot(labels, logits.shape[1]).permute(0, 3, 1, 2).float()
    both = (probability * truth).sum((0, 2, 3))
    either = (probability + truth).sum((0, 2, 3))
    there = truth.sum((0, 2, 3)) > 0
    return 1.0 - (2 * both[there] / either[there]).mean()


def train(images: Tensor, labels: Tensor, steps: int, batch: int, device: torch.device) -> Network:
    """Train a network from scratch."""
    network = Network(len(SEEN)).to(device)
    augment = Augment(device, seed=5)
    weights = torch.tensor([RARE.get(name, 1.0) for name in SEEN], device=device)
    optimiser = torch.optim.AdamW(network.parameters(), lr=4e-3, weight_decay=1e-4)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, max_lr=4e-3, total_steps=steps, pct_start=0.1)
    picks = torch.Generator().manual_seed(7)
    half_precision = device.type == 'cuda'
    network.train()
    started = time.monotonic()
    for step in range(steps):
        pick = torch.randint(len(images), (batch,), generator=picks).to(images.device)
        x, y = augment(images[pick].to(device), labels[pick].to(device))
        unlike = batch // UNLIKE_SHARE
        x[:unlike] = augment.unlike(x[:unlike])
        with torch.autocast(device.type, torch.bfloat16, enabled=half_precision):
            logits = network(normalise(x))
        logits = functional.interpolate(logits.float(), scale_factor=2.0, mode='bilinear', align_corners=False)
        known = functional.cross_entropy(logits[unlike:], y[unlike:], weight=weights)
        honest = -logits[:unlike].log_softmax(1).mean()  # what is unlike everything shall be any class alike
        loss = known + 0.5 * overlap_loss(logits[unlike:], y[unlike:]) + 0.15 * honest
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        optimiser.step()
        schedule.step()
        if step % 250 == 0 or step == steps - 1:
            print(f'step {step:5d}  loss {loss.item():.3f}  {time.monotonic() - started:5.0f} s', flush=True)
    return network.eval()


def export(network: Network, path: Path) -> str:
    """Write the ONNX file; give its SHA-256."""
    model = Deployed(network.cpu()).eval()
    example = torch.zeros((1, SIZE[1], SIZE[0], 3), dtype=torch.uint8)
    torch.onnx.export(
        model, (example,), str(path), input_names=['image'], output_names=['labels', 'confidence'],
        opset_version=OPSET, dynamo=False,
    )  # fmt: skip
    return hashlib.sha256(path.read_bytes()).hexdigest()


def main() -> None:
    """Render, train, measure, export."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--tissues', type=int, default=1600, help='painted tissues; 8 pictures are taken of each')
    parser.add_argument('--steps', type=int, default=8000)
    parser.add_argument('--batch', type=int, default=32)
    parser.add_argument('--out', type=Path, default=MODELS)
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(3)
    device = torch.device('cuda' if torch.cuda.is_available() else 'cpu')
    images, labels = render(options.tissues, first_seed=100)
    if device.type == 'cuda':
        images, labels = images.to(device), labels.to(device)
    network = train(images, labels, options.steps, options.batch, device)
    processor = torch.cuda.get_device_name() if device.type == 'cuda' else platform.machine()
    digest = export(network, options.out / f'{NAME}.onnx')
    measured = measure(options.out / f'{NAME}.onnx')
    measured.update(
        sha256=digest,
        trained_with=f'PyTorch {torch.__version__}, {processor}',
        tissues=options.tissues,
        steps=options.steps,
        batch=options.batch,
    )
    (options.out / f'{NAME}.metrics.json').write_text(json.dumps(measured, indent=2) + '\n', encoding='utf-8')
    print(json.dumps(measured, indent=2))


if __name__ == '__main__':
    main()
