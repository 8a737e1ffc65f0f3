"""What every training run does: render on all cores, step an optimiser, average the weights, write the file."""

from __future__ import annotations

import hashlib
import json
import math
import multiprocessing
import os
import platform
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel

MODELS = Path(__file__).resolve().parent.parent / 'src' / 'surgical_guidance' / 'inference' / 'models'
OPSET = 17
_AVERAGED = 0.997  # of the weights' running average kept at each step, when there have been many

Part = TypeVar('Part')


def device() -> torch.device:
    """Give the GPU where there is one."""
    torch.backends.cudnn.benchmark = True  # the sizes never change: try every algorithm once
    return torch.device('cuda' if torch.cuda.is_available() else 'cpu')


def faster_layout(network: nn.Module, batch: Tensor) -> torch.memory_format:
    """Find out in which order of its axes a batch is learned from faster here: GPUs differ."""
    times = {}
    for layout in (torch.contiguous_format, torch.channels_last):
        network, x = network.to(memory_format=layout), batch.contiguous(memory_format=layout)
        for step in range(9):
            if step == 3:  # warm by now
                started = _synchronised()
            with torch.autocast(x.device.type, torch.bfloat16, enabled=x.device.type == 'cuda'):
                network(x).float().square().mean().backward()
        times[layout] = _synchronised() - started
        network.zero_grad(set_to_none=True)
    print({str(layout): round(seconds / 6, 4) for layout, seconds in times.items()}, 's a step', flush=True)
    return min(times, key=times.__getitem__)


def _synchronised() -> float:
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    return time.monotonic()


def on_all_cores(
    what: str, render: Callable[[int], Part], seeds: Sequence[int], cores: int | None = None
) -> list[Part]:
    """Call ``render`` with every seed, each in one of as many processes as there are cores; keep the order."""
    started = time.monotonic()
    with multiprocessing.get_context('spawn').Pool(cores or os.cpu_count()) as pool:
        parts = pool.map(render, seeds, chunksize=1)
    print(f'{what}: {len(seeds)} seeds in {time.monotonic() - started:.0f} s', flush=True)
    return parts


def train(
    network: nn.Module, losses: Iterable[Tensor], steps: int, seconds: float, *, rate: float = 4e-3
) -> tuple[nn.Module, int]:
    """Minimise; give the running average of the network's weights, ready to be exported, and the steps done.

    :param losses: the loss of one batch after another, computed when it is asked for.
    :param seconds: it ends when this time is over or ``steps`` are done, its learning rate near 0 either way. Where the
        environment has a ``TRAINING_DEADLINE`` (seconds since 1970), it ends by then as well.
    """
    seconds = min(seconds, max(1.0, float(os.environ.get('TRAINING_DEADLINE', math.inf)) - time.time()))
    optimiser = torch.optim.AdamW(network.parameters(), lr=rate, weight_decay=1e-4)
    averaged = AveragedModel(network, multi_avg_fn=_average, use_buffers=True)
    network.train()
    started = time.monotonic()
    for step, loss in enumerate(losses):
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(network.parameters(), 5.0)
        share = max((step + 1) / steps, (time.monotonic() - started) / seconds)
        for group in optimiser.param_groups:
            group['lr'] = rate * min(1.0, (step + 1) / 300) * max(0.0, 1.0 - share) ** 0.9
        optimiser.step()
        averaged.update_parameters(network)
        if step % 250 == 0 or share >= 1.0:
            print(f'step {step:5d}  loss {loss.item():.3f}  {time.monotonic() - started:5.0f} s', flush=True)
        if share >= 1.0:
            break
    trained: nn.Module = averaged.module.eval()
    return trained, step + 1


def _average(averages: list[Tensor], values: list[Tensor], count: Tensor | int) -> None:
    """Take values into running averages that forget how they began: the first weights are worth nothing."""
    if averages[0].is_floating_point():
        torch._foreach_lerp_(averages, values, 1.0 - min(_AVERAGED, (1.0 + int(count)) / (10.0 + int(count))))
    else:  # how many batches a normalisation has seen
        torch._foreach_copy_(averages, values)


def export(
    deployed: nn.Module,
    examples: Sequence[Tensor],
    inputs: Sequence[str],
    outputs: Sequence[str],
    path: Path,
    sizes: Mapping[str, dict[int, str]] | None = None,
) -> str:
    """Write the ONNX file; give its SHA-256. It takes any number of pictures at once.

    :param examples: inputs, each of more than one picture, so that nothing of the batch is taken for a constant.
    :param sizes: further axes that may vary, by input or output: index of the axis -> its name.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    axes = {name: {0: 'batch', **(sizes or {}).get(name, {})} for name in (*inputs, *outputs)}
    torch.onnx.export(
        deployed.cpu().eval(), tuple(examples), str(path), input_names=list(inputs), output_names=list(outputs),
        opset_version=OPSET, dynamo=False, dynamic_axes=axes,
    )  # fmt: skip
    return hashlib.sha256(path.read_bytes()).hexdigest()


def report(path: Path, digest: str, **facts: Any) -> None:
    """Write beside the network how it was made."""
    made_on = torch.cuda.get_device_name() if torch.cuda.is_available() else platform.machine()
    content = {'sha256': digest, 'trained_with': f'PyTorch {torch.__version__}, {made_on}'} | facts
    path.with_suffix('.training.json').write_text(json.dumps(content, indent=2) + '\n', encoding='utf-8')
    print(json.dumps(content), flush=True)
