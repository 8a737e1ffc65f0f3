"""Networks from elsewhere need a manifest and nothing else: three public layouts, checked against plain NumPy."""

from __future__ import annotations

import hashlib
from itertools import pairwise
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import onnxruntime
import pytest
import yaml
from inference_helpers import as_frame

from foreign_models import DEEPLAB_CLASSES, FOREIGN, SWIN_CLASSES, YOLO_CLASSES
from surgical_guidance.errors import ModelError
from surgical_guidance.inference.pipeline import Pipeline
from surgical_guidance.inference.readings import Instances
from surgical_guidance.phantom.scene import Scene
from surgical_guidance.scene.builder import SceneBuilder

IMAGENET = {'mean': [123.675, 116.28, 103.53], 'scale': [58.395, 57.12, 57.375]}
UNIT = {'mean': [0, 0, 0], 'scale': [255, 255, 255]}
SEGMENTATION = {'task': 'semantic_segmentation', 'scores': 'logits'}
ORGANS = ['other', 'Liver', 'Gallbladder', 'Fat', 'grasper']
OURS = {'other': 'background', 'Liver': 'liver', 'Gallbladder': 'gallbladder', 'Fat': 'fat'}

MANIFESTS: dict[str, dict[str, Any]] = {
    'yolov8_seg': {
        'task': 'detection', 'outputs': {'boxes': 'output0', 'prototypes': 'output1'}, 'assumed_confidence': 0.8,
        'classes': ['Grasper', 'Clip applier', 'Gauze'],
        'class_map': {'Grasper': 'grasper', 'Clip applier': 'clipper', 'Gauze': 'background'},
        'normalisation': UNIT, 'fit': 'letterbox',
    },
    'swin_unet': SEGMENTATION | {
        'outputs': {'scores': 'logits'}, 'classes': ORGANS[:SWIN_CLASSES], 'class_map': OURS, 'normalisation': IMAGENET,
    },
    'deeplab': SEGMENTATION | {
        'outputs': {'scores': 'out'}, 'classes': ORGANS[:DEEPLAB_CLASSES], 'class_map': OURS, 'normalisation': IMAGENET,
    },
}  # fmt: skip


@pytest.fixture(scope='module')
def networks(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp('foreign')
    for name, foreign in FOREIGN.items():
        foreign.write(folder / f'{name}.onnx')
    return folder


@pytest.fixture(scope='module')
def image() -> np.ndarray:
    image = np.empty((1080, 1920, 3), np.uint8)
    Scene(1920, 1080, seed=7001).render(1.0, image)
    return image


def manifest_of(networks: Path, name: str, size: tuple[int, int] | None = None, /, **fields: Any) -> str:
    """Write the manifest that a user would write, and give its path."""
    content = dict(MANIFESTS[name])
    height, width = size or FOREIGN[name].size
    own = {'normalisation': content.pop('normalisation'), 'fit': content.pop('fit', 'stretch')}
    network = networks / f'{name}.onnx'
    size_of_input = {'name': FOREIGN[name].input, 'width': width, 'height': height, 'layout': 'nchw', 'colour': 'rgb'}
    content |= {'name': name, 'file': network.name, 'budget_ms': 50.0, 'input': own | size_of_input}
    content['sha256'] = hashlib.sha256(network.read_bytes()).hexdigest()
    path = networks / f'{name}.yaml'
    path.write_text(yaml.safe_dump(content | fields))
    return str(path)


def plainly(networks: Path, name: str, picture: np.ndarray) -> list[np.ndarray]:
    """Run a network on a picture of its size, bgr, with nothing of ours."""
    normalisation = MANIFESTS[name]['normalisation']
    rgb = picture[:, :, ::-1].astype(np.float32)
    values = (rgb - np.float32(normalisation['mean'])) / np.float32(normalisation['scale'])
    session = onnxruntime.InferenceSession(networks / f'{name}.onnx', providers=['CPUExecutionProvider'])
    outputs: list[np.ndarray] = session.run(None, {FOREIGN[name].input: values.transpose(2, 0, 1)[None].copy()})
    return outputs


@pytest.mark.parametrize(
    ('name', 'size'), [('swin_unet', (224, 224)), ('deeplab', (256, 320)), ('deeplab', (160, 288))]
)
def test_a_segmentation_from_elsewhere_is_read_as_numpy_reads_it(
    networks: Path, image: np.ndarray, name: str, size: tuple[int, int]
) -> None:
    pipeline = Pipeline.load(manifest_of(networks, name, size))
    result = pipeline.run(as_frame(image))
    assert result.segmentation is not None, result.problem
    (scores,) = plainly(networks, name, cv2.resize(image, size[::-1], interpolation=cv2.INTER_LINEAR))
    named = np.array([OURS.get(organ, organ) for organ in MANIFESTS[name]['classes']])[scores[0].argmax(0)]
    found = np.array(result.segmentation.classes)[result.segmentation.labels]
    assert found.shape == size
    assert (found == named).mean() > 0.999  # the rest are ties within rounding
    assert len(np.unique(named)) > 1
    probability = np.exp(scores[0] - scores[0].max(0)).sum(0) ** -1
    assert np.abs(result.segmentation.confidence / 255 - probability).mean() < 0.01
    assert SceneBuilder().build(as_frame(image), result.segmentation).valid


def test_a_detector_with_masks_from_elsewhere_is_read_as_numpy_reads_it(networks: Path, image: np.ndarray) -> None:
    side = FOREIGN['yolov8_seg'].size[0]
    boxed = np.full((side, side, 3), 114, np.uint8)
    boxed[70:250] = cv2.resize(image, (side, 180), interpolation=cv2.INTER_LINEAR)
    rows, prototypes = (output[0] for output in plainly(networks, 'yolov8_seg', boxed))
    scores = rows[4 : 4 + YOLO_CLASSES]
    wanted = np.flatnonzero(scores.argmax(0) < 2)  # the third class is of no interest
    best = wanted[scores[:, wanted].max(0).argmax()]
    least = float(np.sort(scores[:, wanted].max(0))[-20])

    path = manifest_of(networks, 'yolov8_seg', thresholds={'score': least, 'overlap': 0.45})
    reading = Pipeline.load(path).run(as_frame(image)).reading
    assert isinstance(reading, Instances)
    assert 1 <= len(reading.detected) <= 20
    first = reading.detected[0]
    assert first.class_name == ('grasper', 'clipper')[int(scores[:, best].argmax())]
    assert first.score == pytest.approx(float(scores[:, best].max()), abs=1e-3)
    x, y, width, height = rows[:4, best]
    assert (first.x, first.width) == pytest.approx(((x - width / 2) / side, width / side), abs=1e-3)
    assert (first.y, first.height) == pytest.approx(((y - height / 2 - 70) / 180, height / 180), abs=1e-3)
    assert all(after.score <= before.score for before, after in pairwise(reading.detected))

    mask = (rows[4 + YOLO_CLASSES :, best] @ prototypes.reshape(len(prototypes), -1)).reshape(prototypes.shape[1:]) > 0
    left, top, right, bottom = (
        round(float(value) / 4) for value in (x - width / 2, y - height / 2, x + width / 2, y + height / 2)
    )
    inside = np.zeros_like(mask)
    inside[max(top, 0) : bottom, max(left, 0) : right] = mask[max(top, 0) : bottom, max(left, 0) : right]
    assert reading.segmentation is not None
    painted = reading.segmentation.labels == reading.segmentation.classes.index(first.class_name)
    assert painted.shape == (90, 160)
    there = cv2.resize(inside.astype(np.uint8), (160, 160), interpolation=cv2.INTER_NEAREST)[35:125] > 0
    if there.any():
        assert (painted & there).sum() / there.sum() > 0.9
    assert SceneBuilder().build(as_frame(image), reading.segmentation).valid


def test_a_network_of_open_size_is_bound_to_any_size_and_one_of_fixed_size_is_not(networks: Path) -> None:
    assert Pipeline.load(manifest_of(networks, 'deeplab', (384, 384))).manifest.input.width == 384
    with pytest.raises(ModelError, match=r'the network takes \(batch, 3, 224, 224\), the manifest says'):
        Pipeline.load(manifest_of(networks, 'swin_unet', (256, 256)))
