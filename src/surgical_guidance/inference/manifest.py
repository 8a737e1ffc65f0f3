"""The manifest of a model: what a YAML file beside it says it is, checked before anything is loaded."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, ValidationInfo, field_validator, model_validator

from surgical_guidance.contract import CLASSES
from surgical_guidance.errors import ModelError

MODELS = Path(__file__).parent / 'models'
"""The models that come with the package."""

DEFAULT_MODELS = ('phantom_segmentation', 'phantom_view', 'phantom_phase')
"""What the node runs unless it is told otherwise."""

SAFETY_PRIORITY = 50
"""From this priority on a model is safety-relevant: it looks whenever its turn comes, whatever the time left."""

_Triple = Annotated[tuple[float, float, float], Field()]
_Side = Annotated[int, Field(ge=16, le=4096)]
_Resolution = Annotated[str, Field(pattern=r'^[1-9]\d{1,4}x[1-9]\d{1,4}$')]


class _Strict(BaseModel):
    model_config = ConfigDict(extra='forbid', frozen=True)


class Normalisation(_Strict):
    """``(value - mean) / scale``, by channel in the network's colour order, of pixel values 0 to 255."""

    mean: _Triple
    scale: _Triple

    @field_validator('scale')
    @classmethod
    def _no_zero(cls, scale: tuple[float, float, float]) -> tuple[float, float, float]:
        if not all(value > 0 for value in scale):
            raise ValueError('every scale must be above 0')
        return scale


class InputSpec(_Strict):
    """The picture as the network takes it.

    :param name: of the network's input.
    :param width: [px].
    :param height: [px].
    :param layout: order of the axes: rows, columns, colours (nhwc) or colours, rows, columns (nchw).
    :param colour: order of the colours.
    :param normalisation: ``in_graph``: the network takes ``uint8`` and does the rest itself; else it takes ``float32``
        or ``float16``.
    :param fit: the whole picture is stretched to the size, or it keeps its shape and the rest is grey (letterbox).
    :param size_step: the network takes every size that is a multiple of this [px]; 0: only the one above.
    :param cameras: resolution of a camera, such as ``720x576`` -> width and height of the network's picture for it
        [px]. For any other camera it is that of the one of the nearest shape, the size above counting as a camera.
    """

    name: str = Field(min_length=1)
    width: int = Field(ge=16, le=4096)
    height: int = Field(ge=16, le=4096)
    layout: Literal['nhwc', 'nchw']
    colour: Literal['bgr', 'rgb']
    normalisation: Literal['in_graph'] | Normalisation
    fit: Literal['stretch', 'letterbox'] = 'stretch'
    size_step: int = Field(default=0, ge=0, le=512)
    cameras: dict[_Resolution, tuple[_Side, _Side]] = {}

    @field_validator('cameras')
    @classmethod
    def _taken(cls, cameras: dict[str, tuple[int, int]], info: ValidationInfo) -> dict[str, tuple[int, int]]:
        step = info.data.get('size_step', 0)
        for camera, size in cameras.items():
            if not step:
                raise ValueError('the network takes one size alone: say in size_step which others')
            if any(side % step for side in size):
                raise ValueError(f'{size[0]} x {size[1]} for {camera} is no multiple of size_step {step}')
        return cameras

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """Shape of the input's tensor."""
        return (1, self.height, self.width, 3) if self.layout == 'nhwc' else (1, 3, self.height, self.width)

    @property
    def dtype(self) -> str:
        """Element type of the input's tensor that is usual, as NumPy names it."""
        return self.dtypes[0]

    @property
    def dtypes(self) -> tuple[str, ...]:
        """Element types that the input's tensor may have, as NumPy names them."""
        return ('uint8',) if self.normalisation == 'in_graph' else ('float32', 'float16')

    def scaled(self, share: float) -> InputSpec:
        """Give the same input with its sides scaled by about this share, where the network takes other sizes."""
        step = self.size_step
        if not step:
            return self

        def scaled(size: tuple[int, int]) -> tuple[int, int]:
            width, height = (max(step, round(side * share / step) * step) for side in size)
            return width, height

        cameras = {camera: scaled(size) for camera, size in self.cameras.items()}
        return self.at(scaled((self.width, self.height))).model_copy(update={'cameras': cameras})

    def at(self, size: tuple[int, int]) -> InputSpec:
        """Give the same input with this width and height [px]."""
        return self.model_copy(update={'width': size[0], 'height': size[1]})

    @property
    def sizes(self) -> tuple[tuple[int, int], ...]:
        """Every width and height that the network is run at [px], the commonest first."""
        return tuple(dict.fromkeys(((self.width, self.height), *self.cameras.values())))

    def size_for(self, width: int, height: int) -> tuple[int, int]:
        """Give the width and height of the network's picture for a camera of this resolution [px]."""
        exact = self.cameras.get(f'{width}x{height}')
        if exact is not None:
            return exact
        nearest = min(self._shapes(), key=lambda each: abs(math.log(each[0] * height / width)))  # the first of equals
        return nearest[1]

    def _shapes(self) -> Iterator[tuple[float, tuple[int, int]]]:
        """Give how wide the pictures of each known camera are for their height, and the network's size for them."""
        yield self.width / self.height, (self.width, self.height)
        for camera, size in self.cameras.items():
            width, height = map(int, camera.split('x'))
            yield width / height, size


class Thresholds(_Strict):
    """What is made of results.

    :param frozen_results: this many results in a row that are equal although the picture changes: the engine hangs.
    :param event_level: of a multilabel model: what reaches this level is going on,
    :param event_end_level: until it is below this one. The two differ, since a level that wavers is still one event.
    :param score: of a detection: what is less likely is not taken.
    :param overlap: of two boxes of a class that share more than this of their joint area the likelier one is taken.
    :param detections: this many at most, the likeliest.
    """

    frozen_results: int = Field(default=10, ge=2, le=1000)
    event_level: float = Field(default=0.25, gt=0, lt=1)
    event_end_level: float = Field(default=0.25, gt=0, lt=1)
    score: float = Field(default=0.25, gt=0, lt=1)
    overlap: float = Field(default=0.45, gt=0, lt=1)
    detections: int = Field(default=32, ge=1, le=300)

    @model_validator(mode='after')
    def _ends_below(self) -> Thresholds:
        if self.event_end_level > self.event_level:
            raise ValueError('event_end_level must not be above event_level')
        return self


class ForProcessor(_Strict):
    """The same network as a processor runs it faster: cut before what costs less outside it.

    :param file: of that network, beside the manifest.
    :param sha256: of that file.
    :param outputs: the task's names of its outputs -> the network's.
    """

    file: str = Field(min_length=1)
    sha256: str = Field(pattern=r'^[0-9a-f]{64}$')
    outputs: dict[str, str]


class Manifest(_Strict):
    """What a model is.

    :param name: for people, log and status.
    :param task: a task of :mod:`surgical_guidance.inference.tasks`.
    :param file: of the network, beside the manifest.
    :param sha256: of that file.
    :param input: the picture as the network takes it.
    :param outputs: the task's names of its outputs -> the network's.
    :param scores: what the network gives for its classes or heads: probabilities, or logits that become them here.
    :param assumed_confidence: what is taken for the probability of a pixel of which the network tells none.
    :param class_map: names in ``classes`` or ``heads`` as the network's makers spell them -> ours. Classes of no
        interest are ``background``; numbers of a head that are of none have the name ``''``.
    :param classes: by the network's index; each a class of the contract, or in ``class_map``.
    :param heads: of any other task: the task's names of its outputs -> the names of the numbers in each.
    :param memory: inputs of the network -> outputs that are their values for the next picture; they start as 0.
    :param thresholds: when results are not believed.
    :param priority: which model goes first where several share a processor; the highest does. From 50 on a model is
        safety-relevant.
    :param stride: it looks at every such frame: 1 = all, 2 = every second one.
    :param processor: the network as engines on a processor run it; None: the same.
    :param budget_ms: the time an inference may take on the hardware it is meant for [ms].
    :param path: where the manifest was read; not part of the file.
    """

    name: str = Field(pattern=r'^[a-z][a-z0-9_]*$')
    task: str
    file: str = Field(min_length=1)
    sha256: str = Field(pattern=r'^[0-9a-f]{64}$')
    input: InputSpec
    outputs: dict[str, str]
    scores: Literal['probabilities', 'logits'] = 'probabilities'
    assumed_confidence: float | None = Field(default=None, gt=0, le=1)
    class_map: dict[str, str] = {}
    classes: tuple[str, ...] = ()
    heads: dict[str, Annotated[tuple[str, ...], Field(min_length=1)]] = {}
    memory: dict[str, str] = {}
    thresholds: Thresholds = Thresholds()
    priority: int = Field(default=0, ge=0, le=1000)
    stride: int = Field(default=1, ge=1, le=30)
    budget_ms: float = Field(gt=0, le=1000)
    processor: ForProcessor | None = None
    path: Path = Field(default=Path(), exclude=True)

    @field_validator('classes')
    @classmethod
    def _known(cls, classes: tuple[str, ...], info: ValidationInfo) -> tuple[str, ...]:
        ours = info.data.get('class_map', {})
        for name in classes:
            if ours.get(name, name) not in CLASSES:
                raise ValueError(f'{ours.get(name, name)!r} is not a class of the contract ({", ".join(CLASSES)})')
            if classes.count(name) > 1:
                raise ValueError(f'{name!r} is there twice')
        return classes

    @property
    def contract_classes(self) -> tuple[str, ...]:
        """The classes by the network's index, in our names; several may be the same."""
        return tuple(self.class_map.get(name, name) for name in self.classes)

    @property
    def contract_heads(self) -> dict[str, tuple[str, ...]]:
        """The heads, with our names of their numbers."""
        return {head: tuple(self.class_map.get(name, name) for name in names) for head, names in self.heads.items()}

    @property
    def on_processor(self) -> Manifest:
        """The manifest of what a processor runs."""
        own = self.processor
        if own is None:
            return self
        return self.model_copy(
            update={'file': own.file, 'sha256': own.sha256, 'outputs': own.outputs, 'processor': None}
        )

    @property
    def safety_relevant(self) -> bool:
        """Whether it must look whenever its turn comes."""
        return self.priority >= SAFETY_PRIORITY

    @property
    def model_path(self) -> Path:
        """Where the network's file is."""
        return self.path.parent / self.file


def load_manifest(model: str) -> Manifest:
    """Read the manifest of a model.

    :param model: the name of a model that comes with the package, or the path of a manifest.
    :raises ModelError: what is wrong, in which file and field, and what to do.
    """
    path = Path(model) if '/' in model or model.endswith(('.yaml', '.yml')) else MODELS / f'{model}.yaml'
    try:
        text = path.read_text(encoding='utf-8')
    except FileNotFoundError as error:
        known = ', '.join(sorted(found.stem for found in MODELS.glob('*.yaml')))
        raise ModelError(
            'there is no such model manifest', where=str(path), remedy=f'give the path of one, or one of: {known}'
        ) from error
    except (OSError, UnicodeDecodeError) as error:
        raise ModelError(
            f'the model manifest cannot be read ({error})', where=str(path), remedy='it must be a text file in UTF-8'
        ) from error
    return Manifest.model_validate(_checked(path, _parsed(path, text)) | {'path': path})


def _parsed(path: Path, text: str) -> dict[str, Any]:
    try:
        content = yaml.safe_load(text)
    except (yaml.YAMLError, RecursionError, TypeError) as error:  # the last two: nested without end, odd keys
        mark = getattr(error, 'problem_mark', None)
        where = f'{path}:{mark.line + 1}' if mark is not None else str(path)
        problem = getattr(error, 'problem', None) or 'it cannot be parsed'
        raise ModelError(f'this is not YAML: {problem}', where=where, remedy='mend it there or just before') from error
    if not isinstance(content, dict):
        raise ModelError(
            'a model manifest is a table of fields', where=str(path), remedy='docs/models.md shows one to start from'
        )
    if 'path' in content:
        raise ModelError('there is no such field', where=f'{path}: path', remedy='remove it')
    return content


def _checked(path: Path, content: dict[str, Any]) -> dict[str, Any]:
    """Check the fields; the first fault is told, since the others often follow from it."""
    try:
        Manifest.model_validate(content)
    except ValidationError as error:
        faults = error.errors()
        # Of a field that may be a word or a table, the fault in the table tells more than that it is not the word.
        fault = next((found for found in faults if found['type'] != 'literal_error'), faults[0])
        field = '.'.join(str(part) for part in fault['loc'] if part != Normalisation.__name__)
        what = {'missing': 'this field is missing', 'extra_forbidden': 'there is no such field'}.get(
            fault['type'], fault['msg'].removeprefix('Value error, ')
        )
        raise ModelError(what, where=f'{path}: {field}', remedy='docs/models.md explains every field') from error
    return content
