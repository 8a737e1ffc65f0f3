"""From a network to a plan: convert, look in the cache, build, keep."""

from __future__ import annotations

import hashlib
import json
import platform
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

import onnx
import onnxruntime

from surgical_guidance import __version__
from surgical_guidance.engines.convert import network_for
from surgical_guidance.engines.device import need_device
from surgical_guidance.engines.optimise import clean_up, slim_version
from surgical_guidance.engines.options import CALIBRATED, Options
from surgical_guidance.engines.progress import Progress, Tell, silent
from surgical_guidance.engines.source import Source, file_sha256
from surgical_guidance.engines.store import Store
from surgical_guidance.engines.trt_build import build
from surgical_guidance.errors import EngineError
from surgical_guidance.inference.plan import Plan
from surgical_guidance.inference.trt_library import TrtLibrary

_RECIPE = 1  # of the conversions in `convert` and `camera_bytes`: count up when they give another network


class Made(NamedTuple):
    """A plan in the cache.

    :param built: False where it was there already.
    """

    path: Path
    built: bool


def make(
    source: Source,
    options: Options,
    library: TrtLibrary,
    calibrated: Path | None = None,
    store: Store | None = None,
    tell: Tell = silent,
) -> Made:
    """Give the plan of a network, built where the cache does not have it.

    :param calibrated: what ``engine calibrate`` made, for int8 and fp8.
    :raises GuidanceError: what is wrong, where, and what to do.
    :raises Cancelled: if Ctrl-C stopped the build; nothing is left of it.
    """
    if calibrated is not None and options.precision not in CALIBRATED:
        raise EngineError(
            f'{options.precision} takes no ranges',
            where=str(calibrated),
            remedy='build it as int8 or fp8, or leave it out',
        )
    store = store or Store()
    target = options.target or ('any' if library.rtx else need_device(f'a build with {library.describe()}').name)
    key = key_of(source, options, library, target, calibrated)
    with store.building(key):
        found = store.find(key)
        if found is not None:
            return Made(found, built=False)
        start = time.monotonic()
        network = network_for(source, options.precision, calibrated)
        if options.clean_up:
            network = clean_up(network, source.path).network
        built = build(library, network, options, Progress(tell), source.path)
        content = network.SerializeToString(deterministic=True)
        plan = Plan(
            file=store.place(key).name,
            sha256=hashlib.sha256(built.plan).hexdigest(),
            bytes=len(built.plan),
            key=key,
            model=source.name,
            model_sha256=source.sha256,
            onnx_sha256=hashlib.sha256(content).hexdigest(),
            precision=options.precision,
            library=library.name,
            library_version=library.version,
            target=target,
            platform=_platform(),
            options=options.facts(),
            profiles=options.profiles,
            inputs=built.inputs,
            outputs=built.outputs,
            layers=built.layers,
            calibration=_calibration(calibrated),
            built={
                'at': datetime.now(UTC).isoformat(timespec='seconds'),
                'seconds': round(time.monotonic() - start, 2),
                'by': f'surgical-guidance {__version__}',
                'with': f'onnx {onnx.__version__}, onnxruntime {onnxruntime.__version__}',
            },
        )
        return Made(store.put(plan, built.plan, content), built=True)


def key_of(source: Source, options: Options, library: TrtLibrary, target: str, calibrated: Path | None) -> str:
    """Hash everything that the bytes of a plan depend on."""
    facts = {
        'model': source.sha256,
        'calibrated': file_sha256(calibrated) if calibrated is not None and calibrated.is_file() else None,
        'options': options.model_dump(mode='json'),
        'library': (library.name, library.version),
        'target': target,
        'platform': _platform(),
        'tools': (_RECIPE, onnx.__version__, onnxruntime.__version__, slim_version() if options.clean_up else ''),
    }
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()


def _platform() -> str:
    return f'{platform.system()}_{platform.machine()}'.lower()


def _calibration(calibrated: Path | None) -> dict[str, Any] | None:
    from surgical_guidance.engines.artefact import read_artefact

    return None if calibrated is None else read_artefact(calibrated).calibration
