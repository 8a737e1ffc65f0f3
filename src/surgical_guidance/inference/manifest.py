"""The manifest of a model: what a YAML file beside it says it is, checked before anything is loaded."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from surgical_guidance.contract import BACKGROUND, CLASSES
from surgical_guidance.errors import ModelError

MODELS = Path(__file__).parent / 'models'
"""The models that come with the package."""

DEFAULT_MODEL = 'phantom_demo'  # finds the hook's tip better than phantom_segmentation, which knows more classes

_Triple = Annotated[tuple[float, float, float], Field()]


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
    :param normalisation: ``in_graph``: the network takes ``uint8`` and does the rest itself; else it takes ``float32``.
    """

    name: str = Field(min_length=1)
    width: int = Field(ge=16, le=4096)
    height: int = Field(ge=16, le=4096)
    layout: Literal['nhwc', 'nchw']
    colour: Literal['bgr', 'rgb']
    normalisation: Literal['in_graph'] | Normalisation

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """Shape of the input's tensor."""
        return (1, self.height, self.width, 3) if self.layout == 'nhwc' else (1, 3, self.height, self.width)

    @property
    def dtype(self) -> str:
        """Element type of the input's tensor, as NumPy names it."""
        return 'uint8' if self.normalisation == 'in_graph' else 'float32'


class Thresholds(_Strict):
    """What is made of results.

    :param frozen_results: this many results in a row that are equal although the picture changes: the engine hangs.
    :param event_level: of a multilabel model: what reaches this level is going on,
    :param event_end_level: until it is below this one. The two differ, since a level that wavers is still one event.
    """

    frozen_results: int = Field(default=10, ge=2, le=1000)
    event_level: float = Field(default=0.25, gt=0, lt=1)
    event_end_level: float = Field(default=0.25, gt=0, lt=1)

    @model_validator(mode='after')
    def _ends_below(self) -> Thresholds:
        if self.event_end_level > self.event_level:
            raise ValueError('event_end_level must not be above event_level')
        return self


class Manifest(_Strict):
    """What a model is.

    :param name: for people, log and status.
    :param task: a task of :mod:`surgical_guidance.inference.tasks`.
    :param file: of the network, beside the manifest.
    :param sha256: of that file.
    :param input: the picture as the network takes it.
    :param outputs: the task's names of its outputs -> the network's.
    :param classes: of a segmentation: names by the network's index, each a class of the contract.
    :param heads: of any other task: the task's names of its outputs -> the names of the numbers in each.
    :param memory: inputs of the network -> outputs that are their values for the next picture; they start as 0.
    :param thresholds: when results are not believed.
    :param priority: which model goes first where several share a processor; the highest does.
    :param stride: it looks at every such frame: 1 = all, 2 = every second one.
    :param budget_ms: the time an inference may take on the hardware it is meant for [ms].
    :param path: where the manifest was read; not part of the file.
    """

    name: str = Field(pattern=r'^[a-z][a-z0-9_]*$')
    task: str
    file: str = Field(min_length=1)
    sha256: str = Field(pattern=r'^[0-9a-f]{64}$')
    input: InputSpec
    outputs: dict[str, str]
    classes: tuple[str, ...] = ()
    heads: dict[str, Annotated[tuple[str, ...], Field(min_length=1)]] = {}
    memory: dict[str, str] = {}
    thresholds: Thresholds = Thresholds()
    priority: int = Field(default=0, ge=0, le=1000)
    stride: int = Field(default=1, ge=1, le=30)
    budget_ms: float = Field(gt=0, le=1000)
    path: Path = Field(default=Path(), exclude=True)

    @field_validator('classes')
    @classmethod
    def _known(cls, classes: tuple[str, ...]) -> tuple[str, ...]:
        if not classes:
            return classes
        for name in classes:
            if name not in CLASSES:
                raise ValueError(f'{name!r} is not a class of the contract ({", ".join(CLASSES)})')
            if classes.count(name) > 1:
                raise ValueError(f'{name!r} is there twice')
        if classes[0] != BACKGROUND:
            raise ValueError(f'the first class must be {BACKGROUND!r}')
        return classes

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
        raise ModelError(f'the model manifest cannot be read ({error})', where=str(path)) from error
    return Manifest.model_validate(_checked(path, _parsed(path, text)) | {'path': path})


def _parsed(path: Path, text: str) -> dict[str, Any]:
    try:
        content = yaml.safe_load(text)
    except (yaml.YAMLError, RecursionError, TypeError) as error:  # the last two: nested without end, odd keys
        mark = getattr(error, 'problem_mark', None)
        where = f'{path}:{mark.line + 1}' if mark is not None else str(path)
        problem = getattr(error, 'problem', None) or 'it cannot be parsed'
        raise ModelError(f'this is not YAML: {problem}', where=where) from error
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
