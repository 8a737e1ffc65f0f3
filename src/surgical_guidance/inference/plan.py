"""Plans: engines that ``surgical-guidance engine build`` made, each with a sidecar that tells what it is.

``x.plan`` lies beside ``x.plan.json``. The library loads a plan with a flipped byte without a word, therefore a plan
is only ever read through :func:`read_plan`, which holds it against the hash in its sidecar.

Deployed plans are where the node looks: ``$SURGICAL_GUIDANCE_ENGINES``, or ``surgical-guidance/engines`` below
``$XDG_DATA_HOME`` (``~/.local/share``). There, ``<model>/<library>-<target>.json`` is the sidecar of the one plan that
counts and the marker that it was verified; replacing this file is what switches from one plan to the next.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from surgical_guidance.errors import EngineError

REBUILD = 'build it again with `surgical-guidance engine build`'
Shape = tuple[int, ...]


class _Strict(BaseModel):
    model_config = ConfigDict(extra='forbid', frozen=True)


class PlanTensor(_Strict):
    """An input or output of a plan. A dimension of -1 is open within the profiles."""

    name: str
    dtype: str
    shape: Shape


class Range(_Strict):
    """The shapes of one input that one profile allows, and the one it is fastest for."""

    min: Shape
    opt: Shape
    max: Shape


class Verification(_Strict):
    """What ``engine verify`` found.

    :param engine_ran: whether the plan itself was run; else only the network it was built from.
    :param ran_on: what ran it.
    :param metric: what was compared.
    :param reference: its value with the FP32 network.
    :param value: with the engine.
    :param drop: reference - value, in points of 0.01.
    :param limit: the drop that is refused.
    :param inputs: how many pictures.
    :param outputs: output -> largest and mean difference from the FP32 network.
    """

    engine_ran: bool
    ran_on: str
    passed: bool
    metric: str
    reference: float
    value: float
    drop: float
    limit: float
    inputs: int
    inputs_sha256: str
    outputs: dict[str, dict[str, float]]
    at: str


class Plan(_Strict):
    """The sidecar of a plan, or of a network file that was made on the way to one.

    :param file: its name, beside the sidecar.
    :param sha256: of that file.
    :param key: what the cache knows it by: a hash of everything it depends on, dates excluded.
    :param model: name in the manifest, or of the network's file.
    :param model_sha256: of the network as it was given: the manifest's hash.
    :param onnx_sha256: of the network that was built, after conversion.
    :param target: the GPUs it runs on: ``any`` (TensorRT-RTX without a target), ``sm86``, or a device by its name.
    :param calibration: how INT8 or FP8 ranges were found, the audit of the pictures included.
    :param built: when, how long, by what.
    """

    format: Literal[1] = 1
    file: str = Field(pattern=r'^[^/]+$')
    sha256: str = Field(pattern=r'^[0-9a-f]{64}$')
    bytes: int
    key: str
    model: str
    model_sha256: str
    onnx_sha256: str
    precision: Literal['fp32', 'fp16', 'int8', 'fp8']
    library: str
    library_version: str
    target: str
    platform: str
    options: dict[str, Any]
    profiles: tuple[dict[str, Range], ...]
    inputs: tuple[PlanTensor, ...]
    outputs: tuple[PlanTensor, ...]
    layers: int
    calibration: dict[str, Any] | None = None
    built: dict[str, Any] = {}
    verification: Verification | None = None


def sidecar_of(plan: Path) -> Path:
    """Say where the sidecar of a plan is."""
    return plan if plan.suffix == '.json' else plan.with_name(f'{plan.name}.json')


def read_sidecar(path: Path) -> Plan:
    """Read what a plan is.

    :param path: of the plan or of its sidecar.
    :raises EngineError: if it is not there or says something it cannot.
    """
    sidecar = sidecar_of(path)
    try:
        return Plan.model_validate_json(sidecar.read_bytes())
    except FileNotFoundError as error:
        raise EngineError(
            'the plan has no sidecar: nobody can tell what it is', where=str(sidecar), remedy=REBUILD
        ) from error
    except ValidationError as error:
        fault = error.errors()[0]
        field = '.'.join(map(str, fault['loc']))
        raise EngineError(
            f'the sidecar is broken: {field} {fault["msg"]}', where=str(sidecar), remedy=REBUILD
        ) from error


def read_plan(path: Path) -> tuple[Plan, bytes]:
    """Read a plan and make sure that it is what its sidecar says, byte for byte.

    :param path: of the plan or of its sidecar.
    :raises EngineError: if it is missing, empty, cut short or changed.
    """
    sidecar = read_sidecar(path)
    file = sidecar_of(path).with_name(sidecar.file)
    try:
        content = file.read_bytes()
    except FileNotFoundError as error:
        raise EngineError('there is no such plan', where=str(file), remedy=REBUILD) from error
    if len(content) != sidecar.bytes:
        raise EngineError(
            f'the plan has {len(content)} bytes and was built with {sidecar.bytes}: it was cut short or written over',
            where=str(file),
            remedy='copy it again, or b' + REBUILD[1:],
        )
    if hashlib.sha256(content).hexdigest() != sidecar.sha256:
        raise EngineError(
            'the plan is not the one that was built: its SHA-256 is another',
            where=str(file),
            remedy='copy it again, or b' + REBUILD[1:],
        )
    return sidecar, content


def deployed_folder() -> Path:
    """Say where deployed plans are."""
    own = os.environ.get('SURGICAL_GUIDANCE_ENGINES')
    if own:
        return Path(own)
    return Path(os.environ.get('XDG_DATA_HOME') or Path.home() / '.local/share') / 'surgical-guidance' / 'engines'


def deployed(model: str, model_sha256: str, library: str, version: str) -> Iterator[Path]:
    """Give the sidecars of the deployed plans of a model that this library can load, the newest first.

    Plans of another network of the same name, of another version, or not verified, are passed over.
    """
    folder = deployed_folder() / model
    markers = sorted(folder.glob(f'{library}-*.json'), key=lambda path: path.stat().st_mtime, reverse=True)
    for marker in markers:
        try:
            plan = read_sidecar(marker)
        except EngineError:
            continue
        fits = plan.model_sha256 == model_sha256 and plan.library == library
        compatible = plan.library_version == version or bool(plan.options.get('version_compatible'))
        if fits and compatible and plan.verification is not None and plan.verification.passed:
            yield marker
