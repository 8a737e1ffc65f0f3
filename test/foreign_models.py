"""Networks as others export them, made here: the layouts of three public families, small and with random weights.

Nothing of theirs is in these files, only the shapes: what goes in, what comes out, and the operators on the way that
make an engine or a task stumble. ``write(path)`` makes the ONNX file; the same call gives the same bytes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

BATCH, HEIGHT, WIDTH = 'batch', 'height', 'width'
OPSET, IR = 17, 8  # what PyTorch exported for years, and what every engine of today reads

YOLO_CLASSES, YOLO_MASKS, YOLO_SIZE = 3, 32, 320
SWIN_CLASSES, SWIN_SIZE, _WINDOW, _WIDTH, _HEADS = 4, 224, 7, 24, 3
DEEPLAB_CLASSES = 5


@dataclass(frozen=True)
class Foreign:
    """A layout.

    :param write: makes the file.
    :param input: name of the picture's input, float32 (batch, 3, height, width), rgb.
    :param size: height and width to run it with [px]; where ``sizes`` is True any multiple of 32 goes as well.
    :param sizes: height and width are dynamic, not the batch alone.
    :param outputs: name to shape at batch 1 and ``size``.
    """

    write: Callable[[Path], None]
    input: str
    size: tuple[int, int]
    sizes: bool
    outputs: dict[str, tuple[int, ...]]


class _Graph:
    """Nodes and weights of a network in the making. Each method adds one operator and gives the name of its output."""

    def __init__(self, seed: int) -> None:
        self._random = np.random.default_rng(seed)
        self._nodes: list[onnx.NodeProto] = []
        self._weights: list[onnx.TensorProto] = []
        self._ends: tuple[str, ...] = ()

    def constant(self, value: object, dtype: type = np.float32) -> str:
        name = f'c{len(self._weights)}'
        self._weights.append(numpy_helper.from_array(np.asarray(value, dtype), name))
        return name

    def weight(self, *shape: int) -> str:
        spread = np.sqrt(2.0 / np.prod(shape[1:]) if len(shape) > 2 else 1.0 / shape[0])
        return self.constant(self._random.normal(0.0, spread, shape))

    def add(self, operator: str, *inputs: str, outputs: int = 1, **attributes: object) -> str:
        names = [f'n{len(self._nodes)}_{index}' for index in range(outputs)]
        self._nodes.append(helper.make_node(operator, inputs, names, f'{operator}_{len(self._nodes)}', **attributes))
        return names[0]

    def split(self, value: str, axis: int, sizes: Sequence[int]) -> list[str]:
        first = self.add('Split', value, self.constant(sizes, np.int64), outputs=len(sizes), axis=axis)
        return [f'{first[:-1]}{index}' for index in range(len(sizes))]

    def conv(self, value: str, taken: int, given: int, side: int = 3, *, stride: int = 1, dilation: int = 1) -> str:
        pad = dilation * (side // 2)
        return self.add(
            'Conv', value, self.weight(given, taken, side, side), self.constant(np.zeros(given)),
            kernel_shape=[side, side], strides=[stride, stride], dilations=[dilation, dilation], pads=[pad] * 4,
        )  # fmt: skip

    def relu(self, value: str) -> str:
        return self.add('Relu', value)

    def silu(self, value: str) -> str:
        return self.add('Mul', value, self.add('Sigmoid', value))

    def gelu(self, value: str) -> str:
        """As it is exported: by the error function."""
        share = self.add('Erf', self.add('Div', value, self.constant(np.sqrt(2.0))))
        sum_ = self.add('Add', share, self.constant(1.0))
        return self.add('Mul', self.add('Mul', value, sum_), self.constant(0.5))

    def linear(self, value: str, taken: int, given: int) -> str:
        return self.add('Add', self.add('MatMul', value, self.weight(taken, given)), self.constant(np.zeros(given)))

    def norm(self, value: str, width: int) -> str:
        return self.add(
            'LayerNormalization', value, self.constant(np.ones(width)), self.constant(np.zeros(width)),
            axis=-1, epsilon=1e-5,
        )  # fmt: skip

    def reshape(self, value: str, *shape: int) -> str:
        return self.add('Reshape', value, self.constant(shape, np.int64))

    def transpose(self, value: str, *order: int) -> str:
        return self.add('Transpose', value, perm=list(order))

    def slice(self, value: str, start: int, end: int, axis: int, step: int = 1) -> str:
        return self.add('Slice', value, *(self.constant([number], np.int64) for number in (start, end, axis, step)))

    def save(self, path: Path, name: str, input_: tuple[str, list[object]], outputs: dict[str, list[object]]) -> None:
        for own, value in zip(outputs, self._ends, strict=True):
            self._nodes.append(helper.make_node('Identity', [value], [own], own))
        graph = helper.make_graph(
            self._nodes,
            name,
            [helper.make_tensor_value_info(input_[0], TensorProto.FLOAT, input_[1])],
            [helper.make_tensor_value_info(own, TensorProto.FLOAT, shape) for own, shape in outputs.items()],
            self._weights,
        )
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid('', OPSET)], ir_version=IR)
        onnx.checker.check_model(model, full_check=True)
        path.write_bytes(model.SerializeToString(deterministic=True))

    def end(self, *values: str) -> None:
        self._ends = values


def write_yolov8_seg(path: Path) -> None:
    """A YOLOv8-seg as its exporter writes it: ``output0`` (batch, 4 + classes + 32, anchors), ``output1`` (batch, 32,
    h / 4, w / 4). Boxes are centre and size in pixels of the input, class numbers went through a sigmoid, the masks'
    coefficients did not. The anchors are constants: the size is fixed."""
    graph = _Graph(8)
    channels = {8: 32, 16: 48, 32: 64}
    stem = graph.silu(graph.conv('images', 3, 16, stride=2))
    stem = graph.silu(graph.conv(stem, 16, 24, stride=2))
    levels = {}
    value, width = stem, 24
    for stride, given in channels.items():
        value = graph.silu(graph.conv(value, width, given, stride=2))
        value = _yolo_block(graph, value, given)
        levels[stride], width = value, given
    pooled = [levels[32]]
    for _ in range(2):
        pooled.append(graph.add('MaxPool', pooled[-1], kernel_shape=[5, 5], strides=[1, 1], pads=[2] * 4))
    levels[32] = graph.silu(graph.conv(graph.add('Concat', *pooled, axis=1), 3 * 64, 64, 1))
    for low, high in ((16, 32), (8, 16)):
        scales = graph.constant([1.0, 1.0, 2.0, 2.0])
        up = graph.add(
            'Resize', levels[high], '', scales, mode='nearest', nearest_mode='floor',
            coordinate_transformation_mode='asymmetric',
        )  # fmt: skip
        joined = graph.add('Concat', up, levels[low], axis=1)
        levels[low] = graph.silu(graph.conv(joined, channels[high] + channels[low], channels[low], 1))
    boxes, classes, masks, points, strides = [], [], [], [], []
    for stride, value in levels.items():
        side = YOLO_SIZE // stride
        distribution = graph.conv(value, channels[stride], 64, 1)
        boxes.append(graph.reshape(distribution, 0, 64, side * side))
        classes.append(
            graph.reshape(graph.conv(value, channels[stride], YOLO_CLASSES, 1), 0, YOLO_CLASSES, side * side)
        )
        masks.append(graph.reshape(graph.conv(value, channels[stride], YOLO_MASKS, 1), 0, YOLO_MASKS, side * side))
        y, x = np.mgrid[:side, :side] + 0.5
        points.append(np.stack([x.ravel(), y.ravel()]))
        strides.append(np.full(side * side, float(stride)))
    anchors = sum(value.size for value in strides)
    distribution = graph.reshape(graph.add('Concat', *boxes, axis=2), 0, 4, 16, anchors)
    spread = graph.add('Softmax', graph.transpose(distribution, 0, 2, 1, 3), axis=1)
    bins = graph.constant(np.arange(16.0).reshape(1, 16, 1, 1))
    sides = graph.reshape(graph.add('Conv', spread, bins, kernel_shape=[1, 1], strides=[1, 1]), 0, 4, anchors)
    near, far = graph.split(sides, 1, [2, 2])
    point = graph.constant(np.concatenate(points, axis=1)[None])
    first, last = graph.add('Sub', point, near), graph.add('Add', point, far)
    centre = graph.add('Div', graph.add('Add', first, last), graph.constant(2.0))
    box = graph.add('Concat', centre, graph.add('Sub', last, first), axis=1)
    box = graph.add('Mul', box, graph.constant(np.concatenate(strides)[None, None]))
    scores = graph.add('Sigmoid', graph.add('Concat', *classes, axis=2))
    output = graph.add('Concat', box, scores, graph.add('Concat', *masks, axis=2), axis=1)
    prototypes = graph.add(
        'ConvTranspose', graph.silu(graph.conv(levels[8], 32, 32)), graph.weight(32, 32, 2, 2), strides=[2, 2],
        kernel_shape=[2, 2],
    )  # fmt: skip
    graph.end(output, graph.silu(graph.conv(graph.silu(prototypes), 32, YOLO_MASKS, 1)))
    quarter = YOLO_SIZE // 4
    graph.save(
        path,
        'yolov8_seg',
        ('images', [BATCH, 3, YOLO_SIZE, YOLO_SIZE]),
        {
            'output0': [BATCH, 4 + YOLO_CLASSES + YOLO_MASKS, anchors],
            'output1': [BATCH, YOLO_MASKS, quarter, quarter],
        },
    )


def _yolo_block(graph: _Graph, value: str, width: int) -> str:
    half = width // 2
    kept, through = graph.split(graph.silu(graph.conv(value, width, width, 1)), 1, [half, half])
    deeper = graph.add('Add', through, graph.silu(graph.conv(graph.silu(graph.conv(through, half, half)), half, half)))
    return graph.silu(graph.conv(graph.add('Concat', kept, through, deeper, axis=1), 3 * half, width, 1))


def write_swin_unet(path: Path) -> None:
    """A Swin-Unet: attention in windows and in shifted windows, patches merged and expanded, ``logits`` (batch,
    classes, 224, 224). The size is fixed by its windows, the batch is not."""
    graph = _Graph(224)
    side = SWIN_SIZE // 4
    patches = graph.add(
        'Conv', 'input', graph.weight(_WIDTH, 3, 4, 4), graph.constant(np.zeros(_WIDTH)), kernel_shape=[4, 4],
        strides=[4, 4],
    )  # fmt: skip
    tokens = graph.transpose(graph.reshape(patches, 0, _WIDTH, side * side), 0, 2, 1)
    tokens = graph.norm(tokens, _WIDTH)
    skip = _swin_block(graph, _swin_block(graph, tokens, side, _WIDTH, 0), side, _WIDTH, _WINDOW // 2)
    grid = graph.reshape(skip, 0, side, side, _WIDTH)
    parts = [graph.slice(graph.slice(grid, row, side, 1, 2), column, side, 2, 2) for column in (0, 1) for row in (0, 1)]
    merged = graph.reshape(graph.add('Concat', *parts, axis=3), 0, side * side // 4, 4 * _WIDTH)
    deep = graph.linear(graph.norm(merged, 4 * _WIDTH), 4 * _WIDTH, 2 * _WIDTH)
    deep = _swin_block(graph, deep, side // 2, 2 * _WIDTH, 0)
    raised = _expand(graph, deep, side // 2, 2 * _WIDTH, 2)
    joined = graph.linear(graph.add('Concat', raised, skip, axis=2), 2 * _WIDTH, _WIDTH)
    full = _expand(graph, _swin_block(graph, joined, side, _WIDTH, 0), side, _WIDTH, 4, _WIDTH)
    picture = graph.transpose(graph.reshape(full, 0, SWIN_SIZE, SWIN_SIZE, _WIDTH), 0, 3, 1, 2)
    graph.end(graph.conv(picture, _WIDTH, SWIN_CLASSES, 1))
    shape: list[object] = [BATCH, SWIN_CLASSES, SWIN_SIZE, SWIN_SIZE]
    graph.save(path, 'swin_unet', ('input', [BATCH, 3, SWIN_SIZE, SWIN_SIZE]), {'logits': shape})


def _swin_block(graph: _Graph, tokens: str, side: int, width: int, shift: int) -> str:
    grid = graph.reshape(graph.norm(tokens, width), 0, side, side, width)
    if shift:
        grid = _roll(graph, _roll(graph, grid, shift, side, 1), shift, side, 2)
    count, area, depth = side // _WINDOW, _WINDOW * _WINDOW, width // _HEADS
    windows = graph.transpose(graph.reshape(grid, -1, count, _WINDOW, count, _WINDOW, width), 0, 1, 3, 2, 4, 5)
    windows = graph.reshape(windows, -1, area, width)
    joint = graph.transpose(
        graph.reshape(graph.linear(windows, width, 3 * width), -1, area, 3, _HEADS, depth), 2, 0, 3, 1, 4
    )
    query, key, value = (graph.add('Gather', joint, graph.constant(index, np.int64), axis=0) for index in range(3))
    query = graph.add('Mul', query, graph.constant(depth**-0.5))
    scores = graph.add('MatMul', query, graph.transpose(key, 0, 1, 3, 2))
    scores = graph.add('Add', scores, graph.weight(1, _HEADS, area, area))
    if shift:
        shape = (-1, count * count, _HEADS, area, area)
        masked = graph.add('Add', graph.reshape(scores, *shape), graph.constant(_mask(side, shift)))
        scores = graph.reshape(masked, -1, _HEADS, area, area)
    seen = graph.add('MatMul', graph.add('Softmax', scores, axis=-1), value)
    seen = graph.linear(graph.reshape(graph.transpose(seen, 0, 2, 1, 3), -1, area, width), width, width)
    seen = graph.transpose(graph.reshape(seen, -1, count, count, _WINDOW, _WINDOW, width), 0, 1, 3, 2, 4, 5)
    seen = graph.reshape(seen, -1, side, side, width)
    if shift:
        seen = _roll(graph, _roll(graph, seen, side - shift, side, 1), side - shift, side, 2)
    tokens = graph.add('Add', tokens, graph.reshape(seen, -1, side * side, width))
    inner = graph.gelu(graph.linear(graph.norm(tokens, width), width, 2 * width))
    return graph.add('Add', tokens, graph.linear(inner, 2 * width, width))


def _roll(graph: _Graph, value: str, shift: int, side: int, axis: int) -> str:
    tail, head = graph.slice(value, shift, side, axis), graph.slice(value, 0, shift, axis)
    return graph.add('Concat', tail, head, axis=axis)


def _mask(side: int, shift: int) -> np.ndarray:
    """Keep apart what only the shift has put into one window."""
    region = np.zeros((side, side))
    cuts = (slice(0, -_WINDOW), slice(-_WINDOW, -shift), slice(-shift, None))
    for index, (rows, columns) in enumerate((rows, columns) for rows in cuts for columns in cuts):
        region[rows, columns] = index
    count = side // _WINDOW
    windows = region.reshape(count, _WINDOW, count, _WINDOW).transpose(0, 2, 1, 3).reshape(count * count, -1)
    apart = windows[:, None, :] != windows[:, :, None]
    return np.where(apart, -100.0, 0.0)[None, :, None]


def _expand(graph: _Graph, tokens: str, side: int, width: int, factor: int, given: int | None = None) -> str:
    given = given or width // factor
    raised = graph.linear(tokens, width, factor * factor * given)
    raised = graph.transpose(graph.reshape(raised, 0, side, side, factor, factor, given), 0, 1, 3, 2, 4, 5)
    return graph.norm(graph.reshape(raised, -1, side * side * factor * factor, given), given)


def write_deeplab(path: Path) -> None:
    """A DeepLab: dilated convolutions, pyramid pooling with a branch over the whole picture, ``out`` (batch, classes,
    height, width) resized to whatever came in."""
    graph = _Graph(3)
    value, taken = 'input', 3
    for given in (16, 24, 32):
        value = graph.relu(graph.conv(value, taken, given, stride=2))
        taken = given
    value = graph.add('Add', value, graph.relu(graph.conv(value, 32, 32, dilation=2)))
    branches = [graph.relu(graph.conv(value, 32, 16, 1))]
    branches += [graph.relu(graph.conv(value, 32, 16, dilation=dilation)) for dilation in (6, 12, 18)]
    whole = graph.relu(graph.conv(graph.add('GlobalAveragePool', value), 32, 16, 1))
    branches.append(_resize_like(graph, whole, 16, value))
    joined = graph.relu(graph.conv(graph.add('Concat', *branches, axis=1), 5 * 16, 32, 1))
    logits = graph.conv(joined, 32, DEEPLAB_CLASSES, 1)
    graph.end(_resize_like(graph, logits, DEEPLAB_CLASSES, 'input'))
    shape: list[object] = [BATCH, DEEPLAB_CLASSES, HEIGHT, WIDTH]
    graph.save(path, 'deeplab', ('input', [BATCH, 3, HEIGHT, WIDTH]), {'out': shape})


def _resize_like(graph: _Graph, value: str, width: int, other: str) -> str:
    """Scale to the size of another tensor, read from it at run time, as exporters write it."""
    shape = graph.add('Shape', other)
    batch, size = graph.slice(shape, 0, 1, 0), graph.slice(shape, 2, 4, 0)
    wanted = graph.add('Concat', batch, graph.constant([width], np.int64), size, axis=0)
    return graph.add(
        'Resize', value, '', '', wanted, mode='linear', coordinate_transformation_mode='pytorch_half_pixel'
    )


_ANCHORS = sum((YOLO_SIZE // stride) ** 2 for stride in (8, 16, 32))

FOREIGN = {
    'yolov8_seg': Foreign(
        write_yolov8_seg,
        'images',
        (YOLO_SIZE, YOLO_SIZE),
        False,
        {
            'output0': (1, 4 + YOLO_CLASSES + YOLO_MASKS, _ANCHORS),
            'output1': (1, YOLO_MASKS, YOLO_SIZE // 4, YOLO_SIZE // 4),
        },
    ),
    'swin_unet': Foreign(
        write_swin_unet, 'input', (SWIN_SIZE, SWIN_SIZE), False, {'logits': (1, SWIN_CLASSES, SWIN_SIZE, SWIN_SIZE)}
    ),
    'deeplab': Foreign(write_deeplab, 'input', (256, 320), True, {'out': (1, DEEPLAB_CLASSES, 256, 320)}),
}
"""The layouts by name."""
