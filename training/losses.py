"""What a segmentation is punished for."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from surgical_guidance.contract import CLASSES, INSTRUMENT_CLASSES

INSTRUMENTS = [CLASSES.index(name) for name in INSTRUMENT_CLASSES]
REST = [index for index in range(len(CLASSES)) if index not in INSTRUMENTS]


def is_instrument(labels: Tensor) -> Tensor:
    """Give 1.0 where an instrument is, of labels of the contract's classes."""
    return torch.isin(labels, torch.tensor(INSTRUMENTS, device=labels.device)).float()


def class_loss(logits: Tensor, labels: Tensor, weights: Tensor) -> Tensor:
    """Cross entropy, and one minus the mean soft Dice coefficient of the classes that are there."""
    probability = logits[..., ::2, ::2].softmax(1)  # every fourth pixel is enough for a share
    truth = functional.one_hot(labels[..., ::2, ::2], logits.shape[1]).permute(0, 3, 1, 2).float()
    both = (probability * truth).sum((0, 2, 3))
    either = (probability + truth).sum((0, 2, 3))
    there = truth.sum((0, 2, 3)) > 0
    overlap = 1.0 - (2 * both[there] / either[there]).mean()
    return functional.cross_entropy(logits, labels, weight=weights) + 0.5 * overlap


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
