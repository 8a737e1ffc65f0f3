"""Measures a segmentation model on scripted scenes of seeds it was not trained on, as it runs in the product.

::

    python training/evaluate.py
"""

from __future__ import annotations

import json
import multiprocessing
import os
import sys
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import onnxruntime as ort
from pictures import SEEN, SIZE, TEST_SEEDS, Pictures, test_pictures

MODELS = Path(__file__).resolve().parent.parent / 'src' / 'surgical_guidance' / 'inference' / 'models'
NAME = 'phantom_segmentation'


def measure(model: Path) -> dict[str, Any]:
    """Give the intersection over union of every class, and how sure the model is of what it knows and does not know."""
    session = ort.InferenceSession(str(model), providers=['CPUExecutionProvider'])
    with multiprocessing.get_context('spawn').Pool(os.cpu_count()) as pool:
        scenes = pool.map(test_pictures, TEST_SEEDS)
    counts = np.zeros((len(SEEN), len(SEEN)), np.int64)
    sure: list[float] = []
    for images, labels in scenes:
        for image, truth in zip(images, labels, strict=True):
            found, confidence = session.run(None, {'image': image[None]})
            both = truth.ravel().astype(np.int64) * len(SEEN) + found.ravel()
            counts += np.bincount(both, minlength=counts.size).reshape(counts.shape)
            sure.append(float(confidence.mean()) / 255.0)
    hit = np.diag(counts)
    iou = hit / (counts.sum(0) + counts.sum(1) - hit)
    unlike = [float(session.run(None, {'image': image[None]})[1].mean()) / 255.0 for image in _unlike()]
    return {
        'pictures': len(sure),
        'miou': round(float(iou.mean()), 4),
        'iou': {name: round(float(value), 4) for name, value in zip(SEEN, iou, strict=True)},
        'pixels_right': round(float(hit.sum() / counts.sum()), 4),
        'mean_confidence': round(float(np.mean(sure)), 4),
        'mean_confidence_on_noise': round(float(np.mean(unlike)), 4),
    }


def _unlike() -> list[Pictures]:
    """Give patches of random colours: nothing that can be known."""
    rng = np.random.default_rng(0)
    return [
        np.asarray(cv2.resize(rng.integers(0, 255, (9, 16, 3), np.uint8), SIZE, interpolation=cv2.INTER_NEAREST))
        for _ in range(20)
    ]


if __name__ == '__main__':
    json.dump(measure(MODELS / f'{NAME}.onnx'), sys.stdout, indent=2)
