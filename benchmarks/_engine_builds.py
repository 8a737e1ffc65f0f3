"""The builds of the benchmark ``engine``, in processes of their own."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from surgical_guidance.engines import shapes
from surgical_guidance.engines.artefact import write_artefact
from surgical_guidance.engines.calibrate import Method, calibrate
from surgical_guidance.engines.calibration_set import open_set
from surgical_guidance.engines.inspection import inputs_of
from surgical_guidance.engines.make import make
from surgical_guidance.engines.options import Options, Precision
from surgical_guidance.engines.source import Source, open_source
from surgical_guidance.engines.store import Store
from surgical_guidance.engines.verify import open_subject, verify
from surgical_guidance.errors import GuidanceError
from surgical_guidance.evaluation.example import Example
from surgical_guidance.inference.manifest import Manifest
from surgical_guidance.inference.plan import Range
from surgical_guidance.inference.trt_library import load

sys.path.append(str(Path(__file__).resolve().parent.parent / 'test'))
from foreign_models import FOREIGN

PRECISIONS: tuple[Precision, ...] = ('fp32', 'fp16', 'int8')
BUILT_ON = 1  # pictures that ranges are found on where only the build counts
VERIFIED = 'phantom_segmentation'  # whose loss is measured
EFFORT = 0  # of the library's optimiser: all of it in a minute


@dataclass(frozen=True, slots=True)
class Build:
    """What became of one plan; its time from the network to the cache, and from the cache."""

    name: str
    precision: Precision
    seconds: float = 0.0
    cached_s: float = 0.0
    failure: str = ''


def foreign() -> tuple[str, ...]:
    """Name the public layouts that the tests know."""
    return tuple(FOREIGN)


def write_foreign(folder: Path) -> None:
    """Write them."""
    for name, layout in FOREIGN.items():
        layout.write(folder / f'{name}.onnx')


def build(folder: Path, name: str, precision: Precision) -> list[Build]:
    """Build one network in one precision for every profile."""
    source, library, store, ranges = _source(folder, name), load('tensorrt_rtx'), Store(folder / 'cache'), None
    if precision == 'int8':
        ranges = folder / f'{name}.int8.onnx'
        pictures = open_set(folder / 'pictures').pictures
        method: Method = 'percentile' if name == VERIFIED else 'minmax'
        network = calibrate(source, pictures if name == VERIFIED else pictures[:BUILT_ON], method)
        write_artefact(ranges, network, source, 'int8', {'method': method})
    built = []
    for profiles in _profiles(source):
        options = Options(precision=precision, profiles=profiles, effort=EFFORT)
        try:
            start = time.perf_counter()
            make(source, options, library, ranges, store)
            seconds = time.perf_counter() - start
            start = time.perf_counter()
            make(source, options, library, ranges, store)
            built.append(Build(name, precision, seconds, time.perf_counter() - start))
        except GuidanceError as error:
            built.append(Build(name, precision, failure=str(error)))
    return built


def drop(folder: Path, precision: Precision, examples: Sequence[Example]) -> float:
    """Verify what was built of the segmentation, on pictures with their truth; give the drop [points]."""
    source = open_source(VERIFIED)
    ranges = folder / f'{VERIFIED}.int8.onnx' if precision == 'int8' else None
    options = Options(precision=precision, profiles=next(_profiles(source)), effort=EFFORT)
    made = make(source, options, load('tensorrt_rtx'), ranges, Store(folder / 'cache'))
    return verify(source, open_subject(made.path, source), examples).drop


def _profiles(source: Source) -> Iterator[tuple[dict[str, Range], ...]]:
    """Give the live profile, and the graded one where the network leaves anything open."""
    inputs, where = inputs_of(source.graph), str(source.path)
    yield shapes.live(inputs, source.sizes, where)
    if any(-1 in one.shape for one in inputs):
        yield (shapes.graded(inputs, where),)


def _source(folder: Path, name: str) -> Source:
    """Open a network; one from elsewhere with as much of a manifest as a calibration needs."""
    if name not in FOREIGN:
        return open_source(name)
    layout, path = FOREIGN[name], folder / f'{name}.onnx'
    bare = open_source(str(path))
    picture = {
        'name': layout.input,
        'width': layout.size[1],
        'height': layout.size[0],
        'layout': 'nchw',
        'colour': 'rgb',
        'normalisation': {'mean': (0.0, 0.0, 0.0), 'scale': (255.0, 255.0, 255.0)},
    }
    manifest = Manifest.model_validate(
        {'name': name, 'task': 'elsewhere', 'file': path.name, 'sha256': bare.sha256, 'input': picture,
         'outputs': {}, 'budget_ms': 20.0, 'path': folder / f'{name}.yaml'}
    )  # fmt: skip
    return Source(name, path, bare.sha256, bare.graph, manifest)
