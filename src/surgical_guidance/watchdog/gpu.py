"""The GPU's own sensors: NVML where there is an NVIDIA card, sysfs on a Jetson, whose integrated GPU has no NVML."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Protocol

MIB: Final = 2**20
JETSON_HOT_C: Final = (
    95.0  # below the 97 to 99 at which Jetson modules slow themselves down (NVIDIA's thermal design guides)
)


@dataclass(frozen=True, slots=True)
class GpuFacts:
    """What the GPU says of itself. A value that it does not tell is NaN.

    :param hot: that it slows itself down because it is too hot, and at which temperature; '' where it does not.
    """

    name: str
    temperature_c: float
    power_w: float
    clock_mhz: float
    memory_used_mb: float
    memory_free_mb: float
    utilisation: float
    hot: str


class Gpu(Protocol):
    """Reads a GPU."""

    def look(self) -> GpuFacts | None:
        """Give what it says now; None where nothing can be read."""

    def close(self) -> None:
        """Give its library back."""


class NoGpu:
    """There is none."""

    def look(self) -> GpuFacts | None:
        """Give nothing."""
        return None

    def close(self) -> None:
        """Nothing to do."""


def find_gpu(root: Path = Path('/')) -> Gpu:
    """Find the GPU of this machine.

    :param root: of the file system that sysfs is looked for in.
    """
    jetson = Jetson(root)
    if jetson.found:
        return jetson
    try:
        import pynvml
    except ImportError:
        return NoGpu()
    try:
        return Nvml(pynvml)
    except pynvml.NVMLError:
        return NoGpu()


class Nvml:
    """The first card that NVML knows.

    :param nvml: the module ``pynvml``.
    :raises pynvml.NVMLError: if there is no driver or no card.
    """

    def __init__(self, nvml: Any) -> None:
        self._nvml = nvml
        nvml.nvmlInit()
        self._card = nvml.nvmlDeviceGetHandleByIndex(0)
        name = nvml.nvmlDeviceGetName(self._card)
        self._name = name.decode() if isinstance(name, bytes) else str(name)

    def look(self) -> GpuFacts | None:
        """Give what it says now."""
        nvml, card = self._nvml, self._card
        memory = self._ask(lambda: nvml.nvmlDeviceGetMemoryInfo(card))
        temperature_c = self._number(lambda: nvml.nvmlDeviceGetTemperature(card, nvml.NVML_TEMPERATURE_GPU))
        return GpuFacts(
            name=self._name,
            temperature_c=temperature_c,
            power_w=self._number(lambda: nvml.nvmlDeviceGetPowerUsage(card)) / 1000.0,
            clock_mhz=self._number(lambda: nvml.nvmlDeviceGetClockInfo(card, nvml.NVML_CLOCK_SM)),
            memory_used_mb=memory.used / MIB if memory is not None else math.nan,
            memory_free_mb=memory.free / MIB if memory is not None else math.nan,
            utilisation=self._number(lambda: nvml.nvmlDeviceGetUtilizationRates(card).gpu) / 100.0,
            hot=self._hot(temperature_c),
        )

    def close(self) -> None:
        """Give the library back."""
        with contextlib.suppress(self._nvml.NVMLError):
            self._nvml.nvmlShutdown()

    def _hot(self, temperature_c: float) -> str:
        reasons = self._ask(lambda: self._nvml.nvmlDeviceGetCurrentClocksThrottleReasons(self._card)) or 0
        thermal = (
            self._nvml.nvmlClocksThrottleReasonSwThermalSlowdown | self._nvml.nvmlClocksThrottleReasonHwThermalSlowdown
        )
        return f'the GPU slows itself down at {temperature_c:.0f} °C' if reasons & thermal else ''

    def _ask(self, question: Callable[[], Any]) -> Any:
        try:
            return question()
        except self._nvml.NVMLError:  # this card does not tell
            return None

    def _number(self, question: Callable[[], Any]) -> float:
        answer = self._ask(question)
        return float(answer) if answer is not None else math.nan


class Jetson:
    """The integrated GPU of a Jetson, through sysfs: no library of NVIDIA's is needed.

    :param root: of the file system that sysfs is in.
    """

    def __init__(self, root: Path) -> None:
        zones = {_text(zone / 'type').lower(): zone / 'temp' for zone in root.glob('sys/class/thermal/thermal_zone*')}
        self._temperature = next((zones[name] for name in ('gpu-thermal', 'gpu-therm') if name in zones), None)
        self._clock = next(iter(sorted(root.glob('sys/class/devfreq/*gpu*/cur_freq'))), None) or next(
            iter(sorted(root.glob('sys/class/devfreq/*.g[av][1-9]0b/cur_freq'))), None
        )
        loads = ('sys/devices/gpu.0/load', 'sys/devices/platform/gpu.0/load')
        self._load = next((root / name for name in loads if (root / name).exists()), None)
        self._rails = [
            (hwmon / f'in{number}_input', hwmon / f'curr{number}_input')
            for hwmon in sorted(root.glob('sys/bus/i2c/drivers/ina3221/*/hwmon/hwmon*'))
            for number in (1, 2, 3)
            if 'GPU' in _text(hwmon / f'in{number}_label').upper()
        ]
        self.found = self._temperature is not None and _text(root / 'proc/device-tree/compatible').find('tegra') >= 0

    def look(self) -> GpuFacts | None:
        """Give what it says now."""
        temperature_c = _number(self._temperature) / 1000.0
        return GpuFacts(
            name='Jetson GPU',
            temperature_c=temperature_c,
            power_w=sum(_number(volt) * _number(ampere) for volt, ampere in self._rails) / 1e6
            if self._rails
            else math.nan,
            clock_mhz=_number(self._clock) / 1e6,
            memory_used_mb=math.nan,  # it shares the host's memory
            memory_free_mb=math.nan,
            utilisation=_number(self._load) / 1000.0,
            hot=f'the GPU has {temperature_c:.0f} °C, the limit is {JETSON_HOT_C:.0f} °C'
            if temperature_c >= JETSON_HOT_C
            else '',
        )

    def close(self) -> None:
        """Nothing to do."""


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding='utf-8', errors='replace').strip()
    except OSError:
        return ''


def _number(path: Path | None) -> float:
    try:
        return float(_text(path)) if path is not None else math.nan
    except ValueError:
        return math.nan
