"""What a segmentation is punished for."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from surgical_guidance.contract import CLASSES, INSTRUMENT_CLASSES

INSTRUMENTS = [CLASSES.index(name) for name in INSTRUMENT_CLASSES]
THICK = 11  # pixels at the network's size: what is narrower is a wire or a jaw
THIN_WEIGHT = 2.0
REST = [index for index in range(len(CLASSES)) if index not in INSTRUMENTS]


def is_instrument(labels: Tensor) -> Tensor:
    """Give 1.0 where an instrument is, of labels of the contract's classes."""
    return torch.isin(labels, torch.tensor(INSTRUMENTS, device=labels.device)).float()


def thin_parts(labels: Tensor) -> Tensor:
    """Give 1.0 on and beside what is thin of an instrument: wires, jaws, tips; ``float (n, h, w)``.

    What a square of :data:`THICK` pixels cannot cover is thin (a morphological opening).
    """
    mask = is_instrument(labels)[:, None]
    core = -functional.max_pool2d(-mask, THICK, 1, THICK // 2)
    opened = functional.max_pool2d(core, THICK, 1, THICK // 2)
    return functional.max_pool2d(mask * (1.0 - opened), 7, 1, 3)[:, 0]


def class_loss(logits: Tensor, labels: Tensor, weights: Tensor) -> Tensor:
    """Cross entropy, and one minus the mean soft Dice coefficient of the classes that are there.

    Thin parts of instruments weigh more: they are few pixels, and a tip is among them.
    """
    probability = logits[..., ::2, ::2].softmax(1)  # every fourth pixel is enough for a share
    truth = functional.one_hot(labels[..., ::2, ::2], logits.shape[1]).permute(0, 3, 1, 2).float()
    both = (probability * truth).sum((0, 2, 3))
    either = (probability + truth).sum((0, 2, 3))
    there = truth.sum((0, 2, 3)) > 0
    overlap = 1.0 - (2 * both[there] / either[there]).mean()
    each = functional.cross_entropy(logits, labels, weight=weights, reduction='none')
    thin = 1.0 + THIN_WEIGHT * thin_parts(labels)
    return (each * thin).sum() / (weights[labels] * thin).sum() + 0.5 * overlap


def instrument_loss(logits: Tensor, truth: Tensor) -> Tensor:
    """Punish "instrument or not" alone: which instrument, and which tissue, is left open.

    :param truth: ``float (n, h, w)``, 1 where an instrument is.
    """
    odds = logits[:, INSTRUMENTS].logsumexp(1) - logits[:, REST].logsumexp(1)
    probability = odds.sigmoid()
    overlap = 1.0 - 2 * (probability * truth).sum() / (probability + truth).sum().clamp(min=1.0)
    return functional.binary_cross_entropy_with_logits(odds, truth) + 0.5 * overlap


def doubt_loss(logits: Tensor, classes: list[int]) -> Tensor:
    """Punish being sure of any of ``classes`` over the others: for pictures that show none of them."""
    return -logits[:, classes].log_softmax(1).mean()
