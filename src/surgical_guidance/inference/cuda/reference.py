"""What the kernels of ``frame.cu`` compute, in NumPy and OpenCV: what they are held against."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from surgical_guidance.inference.cuda.arguments import BOX, COMPONENT, Encoding, Flag, Prepare, Type

_TO_BGR = {
    Encoding.rgb8: cv2.COLOR_RGB2BGR,
    Encoding.mono8: cv2.COLOR_GRAY2BGR,
    Encoding.nv12: cv2.COLOR_YUV2BGR_NV12,
    Encoding.yuyv: cv2.COLOR_YUV2BGR_YUYV,
}
_DTYPES = {Type.uint8: np.uint8, Type.float32: np.float32, Type.float16: np.float16}


def prepare(p: Prepare, source: NDArray[np.uint8]) -> NDArray[np.generic]:
    """Give the network's input, ``(3, height, width)`` or ``(height, width, 3)``.

    :param source: the frame as it lies in memory; ``yuyv`` as ``(height, width, 2)``. BT.601.
    """
    encoding = Encoding(p.encoding)
    bgr = source if encoding == Encoding.bgr8 else cv2.cvtColor(source, _TO_BGR[encoding])
    inner = cv2.resize(bgr, (p.inner_width, p.inner_height), interpolation=cv2.INTER_LINEAR)
    picture = np.full((p.height, p.width, 3), round(p.border), np.uint8)
    picture[p.top : p.top + p.inner_height, p.left : p.left + p.inner_width] = inner
    if p.rgb:
        picture = picture[..., ::-1]
    kind = Type(p.type)
    values = picture if kind == Type.uint8 else picture * np.float32(p.gain[:]) + np.float32(p.offset[:])
    values = values.transpose(2, 0, 1) if p.nchw else values
    return np.ascontiguousarray(values, _DTYPES[kind])


def reduce_logits(logits: NDArray[np.floating]) -> tuple[NDArray[np.uint8], NDArray[np.uint8], Flag]:
    """Give the winning class of each pixel, its probability times 255, and what is wrong.

    :param logits: ``(classes, height, width)``.
    """
    values = logits.astype(np.float64)
    finite = np.isfinite(values).all(axis=0)
    safe = np.where(np.isfinite(values), values, -1e30)
    labels = safe.argmax(axis=0).astype(np.uint8)
    probability = 1.0 / np.exp(safe - safe.max(axis=0)).sum(axis=0)
    confidence = np.where(finite, np.floor(probability * 255.0), 0).astype(np.uint8)
    return labels, confidence, Flag(0) if finite.all() else Flag.NOT_FINITE


def components(labels: NDArray[np.uint8], confidence: NDArray[np.uint8], smallest: int) -> NDArray[np.void]:
    """Give the components of at least ``smallest`` pixels, sorted by the index of their first pixel."""
    found = []
    for label in np.unique(labels[labels > 0]):
        count, names, measures, _ = cv2.connectedComponentsWithStats((labels == label).astype(np.uint8), connectivity=8)
        for name in range(1, count):
            left, top, width, height, area = (int(value) for value in measures[name])
            if area < smallest:
                continue
            rows, columns = np.nonzero(names == name)
            row = np.zeros((), COMPONENT)
            row['label'], row['area'], row['first'] = label, area, int((rows * labels.shape[1] + columns).min())
            row['from_left'], row['from_top'] = labels.shape[1] - left, labels.shape[0] - top
            row['right'], row['bottom'] = left + width, top + height
            row['sum_x'], row['sum_y'] = int(columns.sum()), int(rows.sum())
            row['confidence'] = int(confidence[rows, columns].sum(dtype=np.int64))
            found.append(row)
    return np.sort(np.array(found, COMPONENT), order='first')


def boxes(raw: NDArray[np.floating], classes: int, threshold: float) -> NDArray[np.void]:
    """Give the boxes of at least a score, sorted by anchor.

    :param raw: ``(4 + classes + extras, anchors)``.
    """
    scores = raw[4 : 4 + classes].astype(np.float32)
    anchors = np.flatnonzero(scores.max(axis=0) >= np.float32(threshold))
    found = np.zeros(len(anchors), BOX)
    for index, name in enumerate(('x', 'y', 'width', 'height')):
        found[name] = raw[index, anchors]
    found['score'], found['label'], found['anchor'] = scores[:, anchors].max(0), scores[:, anchors].argmax(0), anchors
    extras = raw[4 + classes :, anchors].T
    found['extras'][:, : extras.shape[1]] = extras
    return found
