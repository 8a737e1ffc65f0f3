"""What networks run on here: processor, memory, GPU, and the libraries that drive them."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path

import psutil

from surgical_guidance.doctor import probe
from surgical_guidance.doctor.finding import Finding

CORES = 2  # what guidance at 30 Hz is made for
MEMORY = 2 * 2**30  # bytes that should be free
TEGRA = Path('/etc/nv_tegra_release')  # NVIDIA Jetson


def processor() -> Finding:
    """Count the cores."""
    cores = len(os.sched_getaffinity(0))
    if cores < CORES:
        detail = f'{cores} core: frames will be dropped while the console is watched'
        return Finding('processor', 'missing', detail, f'give it {CORES} cores')
    return Finding('processor', 'ok', f'{cores} cores')


def memory() -> Finding:
    """Look for enough memory."""
    free = psutil.virtual_memory().available
    detail = f'{free / 2**30:.1f} GiB free'
    if free < MEMORY:
        return Finding('memory', 'problem', detail, f'guidance wants {MEMORY / 2**30:.0f} GiB: end other programs')
    return Finding('memory', 'ok', detail)


def gpu() -> Finding:
    """Look for an NVIDIA GPU."""
    listed = probe.command('nvidia-smi', '--query-gpu=name,driver_version,memory.total', '--format=csv,noheader')
    if listed:
        gpus = [', '.join(part.strip() for part in line.split(',')) for line in listed.splitlines()]
        return Finding('GPU', 'ok', '; '.join(gpus))
    if TEGRA.exists():
        return Finding('GPU', 'ok', f'NVIDIA Jetson, {TEGRA.read_text().splitlines()[0].lstrip("# ")}')
    return Finding(
        'GPU',
        'missing',
        'no NVIDIA GPU (nvidia-smi gives none): inference runs on the CPU',
        'on a host that has one: install its driver',
    )


def tensorrt() -> Finding:
    """Try TensorRT."""
    return _gpu_library('TensorRT', 'tensorrt', 'import tensorrt; print(tensorrt.__version__)')


def pycuda() -> Finding:
    """Try PyCUDA on the first device."""
    code = (
        'import pycuda, pycuda.driver as cuda; cuda.init(); print(pycuda.VERSION_TEXT, "with", cuda.Device(0).name())'
    )
    return _gpu_library('PyCUDA', 'pycuda', code)


def _gpu_library(name: str, module: str, code: str) -> Finding:
    if not probe.has(module):
        detail = 'not here: inference runs on the CPU'
        return Finding(name, 'missing', detail, f'with an NVIDIA GPU: pip install {module}')
    worked, said = probe.python(code)
    if not worked:
        detail = f'installed, but does not load: {said}; inference runs on the CPU'
        return Finding(name, 'missing', detail, 'install the version for this driver and this Python')
    return Finding(name, 'ok', said)


def onnx_runtime() -> Finding:
    """Try ONNX Runtime and list what it can run on."""
    worked, said = probe.python(
        'import onnxruntime as o; print(o.__version__, "on", *sorted(o.get_available_providers()))',
    )
    if not worked:
        return Finding('ONNX Runtime', 'problem', f'does not load: {said}; no model can run', 'pip install onnxruntime')
    return Finding('ONNX Runtime', 'ok', said.replace('ExecutionProvider', ''))


def models() -> Finding:
    """Load the models that come with the package, run them warm and tell what they cost here."""
    code = (
        'from surgical_guidance.inference.lineup import BUDGET_MS, Lineup; lineup = Lineup.load(); lineup.warm_up(); '
        'ms, each = lineup.paces(); print(f"{ms / BUDGET_MS:.2f} {ms:.1f} of {BUDGET_MS:g} ms a frame: {each}")'
    )
    worked, said = probe.python(code)
    if not worked:
        return Finding('models', 'problem', f'do not run: {said}', 'make setup; then look at docs/models.md')
    share, _, detail = said.partition(' ')
    if not share or float(share) > 1.0:
        return Finding('models', 'missing', f'{detail}: frames will be dropped', 'give it a faster host, or a GPU')
    return Finding('models', 'ok', detail)


def engines() -> Finding:
    """Tell what a network can run on here, the best first, and why not on the others."""
    worked, said = probe.python(
        'from surgical_guidance.inference.selection import surveyed\n'
        'print("; ".join(f"{name}: {reason}" if reason else f"{name} runs" for name, reason in surveyed()))',
    )
    if not worked:
        return Finding('engines', 'problem', f'cannot be looked at: {said}', 'pip install onnxruntime')
    return Finding('engines', 'ok', said)


CHECKS: Sequence[Callable[[], Finding]] = (processor, memory, gpu, tensorrt, pycuda, onnx_runtime, engines, models)
