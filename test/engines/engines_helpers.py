"""Small networks, manifests, pictures and sets for the tests of the engine tools."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from foreign_models import FOREIGN
from surgical_guidance.engines.source import Source, file_sha256, open_source
from surgical_guidance.inference.manifest import Manifest

SIDE = 32


def tiny(path: Path, *, scale: float = 1.0, seed: int = 0, batch: object = 1, side: object = SIDE) -> Path:
    """Write a network that TensorRT takes: uint8 picture in, two convolutions, labels and confidence out."""
    rng = np.random.default_rng(seed)
    weights = {
        'first': rng.normal(0.0, 0.3, (8, 3, 3, 3)) * scale,
        'second': rng.normal(0.0, 0.3, (4, 8, 3, 3)),
        'white': np.float32(255.0),
    }
    nodes = [
        helper.make_node('Transpose', ['image'], ['planes'], 'planes', perm=[0, 3, 1, 2]),
        helper.make_node('Cast', ['planes'], ['numbers'], 'numbers', to=TensorProto.FLOAT),
        helper.make_node('Div', ['numbers', 'white'], ['unit'], 'unit'),
        helper.make_node('Conv', ['unit', 'first'], ['a'], 'conv_1', pads=[1] * 4, kernel_shape=[3, 3]),
        helper.make_node('Relu', ['a'], ['b'], 'relu'),
        helper.make_node('Conv', ['b', 'second'], ['logits'], 'conv_2', pads=[1] * 4, kernel_shape=[3, 3]),
        helper.make_node('ArgMax', ['logits'], ['index'], 'index', axis=1, keepdims=0),
        helper.make_node('Cast', ['index'], ['labels'], 'labels', to=TensorProto.UINT8),
        helper.make_node('Softmax', ['logits'], ['shares'], 'shares', axis=1),
        helper.make_node('ReduceMax', ['shares'], ['confidence'], 'confidence', axes=[1], keepdims=0),
    ]
    graph = helper.make_graph(
        nodes,
        'tiny',
        [helper.make_tensor_value_info('image', TensorProto.UINT8, [batch, side, side, 3])],
        [
            helper.make_tensor_value_info('labels', TensorProto.UINT8, [batch, side, side]),
            helper.make_tensor_value_info('confidence', TensorProto.FLOAT, [batch, side, side]),
        ],
        [numpy_helper.from_array(np.asarray(value, np.float32), name) for name, value in weights.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid('', 17)], ir_version=8)
    onnx.checker.check_model(model, full_check=True)
    path.write_bytes(model.SerializeToString(deterministic=True))
    return path


def tiny_source(folder: Path, **options: object) -> Source:
    """Write the tiny network and its manifest, and open them."""
    path = tiny(folder / 'tiny.onnx', **options)
    manifest = folder / 'tiny.yaml'
    manifest.write_text(
        f'name: tiny\ntask: semantic_segmentation\nfile: {path.name}\nsha256: {file_sha256(path)}\n'
        f'input: {{name: image, width: {SIDE}, height: {SIDE}, layout: nhwc, colour: bgr, normalisation: in_graph}}\n'
        'outputs: {labels: labels, confidence: confidence}\n'
        'classes: [background, grasper, liver, blood]\nbudget_ms: 5\n'
    )
    return open_source(str(manifest))


def foreign_source(folder: Path, name: str) -> Source:
    """Write a foreign network and open it with just as much of a manifest as the tools need."""
    layout = FOREIGN[name]
    path = folder / f'{name}.onnx'
    layout.write(path)
    bare = open_source(str(path))
    height, width = layout.size
    manifest = Manifest.model_validate(
        {
            'name': name,
            'task': 'elsewhere',
            'file': path.name,
            'sha256': bare.sha256,
            'input': {
                'name': layout.input,
                'width': width,
                'height': height,
                'layout': 'nchw',
                'colour': 'rgb',
                'normalisation': {'mean': [0, 0, 0], 'scale': [255, 255, 255]},
            },
            'outputs': {},
            'budget_ms': 20,
            'path': folder / f'{name}.yaml',
        }
    )
    return Source(name, path, bare.sha256, bare.graph, manifest)


def picture(seed: int, width: int = 64, height: int = 48) -> np.ndarray:
    """Make a picture with something in it: soft random blobs."""
    rng = np.random.default_rng(seed)
    return cv2.resize(rng.integers(0, 256, (6, 8, 3), np.uint8), (width, height), interpolation=cv2.INTER_CUBIC)


def picture_set(root: Path, counts: dict[str, int], vendors: tuple[str, ...] = ('one', 'two')) -> Path:
    """Write a calibration set: so many different pictures of each kind, from the vendors by turns."""
    seed = 0
    for kind, count in counts.items():
        for number in range(count):
            place = root / kind / vendors[number % len(vendors)] / f'{number:04}.png'
            place.parent.mkdir(parents=True, exist_ok=True)
            cv2.imwrite(str(place), picture(seed))
            seed += 1
    return root


def files_under(root: Path) -> dict[str, bytes]:
    """Give every file below a folder but lock files, which are empty."""
    return {
        str(path.relative_to(root)): path.read_bytes()
        for path in sorted(root.rglob('*'))
        if path.is_file() and path.suffix != '.lock'
    }
