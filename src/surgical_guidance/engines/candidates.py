"""The engines that ``engine bench`` compares: what this host has, in the precisions there are."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from surgical_guidance.engines.artefact import read_artefact
from surgical_guidance.engines.convert import to_half
from surgical_guidance.engines.measure import Candidate
from surgical_guidance.engines.source import Source, file_sha256
from surgical_guidance.inference.engine import ENGINES, Engine, make_engine
from surgical_guidance.inference.manifest import Manifest

_OTHERS = ('auto', 'onnxruntime')  # what `auto` would choose is in the list under its own name


class EngineTimes:
    """An engine of the inference room, as something to time.

    :param engine: loaded.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        rng = np.random.default_rng(0)
        self._inputs = {
            name: (rng.random(tensor.shape, np.float32) * 255.0).astype(tensor.dtype)
            for name, tensor in engine.inputs.items()
        }
        self._outputs = {name: np.empty(tensor.shape, tensor.dtype) for name, tensor in engine.outputs.items()}
        self._given: Any = {}

    def write(self) -> None:
        """Write a picture into the inputs."""
        for name, value in self._inputs.items():
            np.copyto(self._engine.input(name), value)

    def infer(self) -> None:
        """Run, and wait until it is done."""
        self._given = self._engine.infer()

    def read(self) -> None:
        """Copy the results out."""
        for name, target in self._outputs.items():
            np.copyto(target, self._given[name])

    def close(self) -> None:
        """Let the engine go."""
        self._engine.close()


def candidates(
    source: Source, folder: Path, calibrated: Path | None = None, threads: tuple[int, ...] = (1, 2)
) -> Iterator[Candidate]:
    """Give what can be compared of a model: ONNX Runtime on the processor, then every engine of a GPU.

    :param folder: for networks that are converted on the way.
    :param calibrated: what ``engine calibrate`` made of it.
    """
    manifest = source.need_manifest('bench')
    variants = [('fp32', manifest)]
    if calibrated is not None:
        read_artefact(calibrated)
        variants.append(('int8', _with_file(manifest, calibrated)))
    for count in threads:
        for precision, own in variants:
            yield Candidate(f'ONNX Runtime CPU, {count} thread{"s" * (count > 1)}', precision,
                            _loading('onnxruntime', own, count))  # fmt: skip
    half = folder / 'half.onnx'
    half.write_bytes(to_half(source.graph, source.path).SerializeToString())
    for kind in ENGINES:
        if kind in _OTHERS:
            continue
        for precision, own in (*variants, ('fp16', _with_file(manifest, half))):
            yield Candidate(kind, precision, _loading(kind, own, threads[-1]))


def _loading(kind: str, manifest: Manifest, threads: int) -> Callable[[], EngineTimes]:
    return lambda: EngineTimes(make_engine(kind, manifest, threads))


def _with_file(manifest: Manifest, file: Path) -> Manifest:
    """Give the manifest for another file of the same network."""
    return manifest.model_copy(update={'file': str(file.resolve()), 'sha256': file_sha256(file)})


def temporary_folder() -> tempfile.TemporaryDirectory[str]:
    """Make a folder for converted networks."""
    return tempfile.TemporaryDirectory(prefix='surgical-guidance-')
