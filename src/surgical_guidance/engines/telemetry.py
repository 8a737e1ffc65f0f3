"""What the device tells of itself: power, temperature, memory. By NVML (``nvidia-ml-py``), where it is installed."""

from __future__ import annotations

from typing import Any

_NAN = float('nan')
_MIB = 1 << 20


class Telemetry:
    """The first GPU's own numbers; NaN for whatever it does not tell, or where there is none."""

    def __init__(self) -> None:
        self._nvml: Any = None
        self._device: Any = None
        try:
            import pynvml

            pynvml.nvmlInit()
            self._nvml, self._device = pynvml, pynvml.nvmlDeviceGetHandleByIndex(0)
        except Exception:  # noqa: BLE001  (not installed, no driver, no device: each in a way of its own)
            self._device = None

    def watts(self) -> float:
        """Power that it draws now [W]."""
        return self._ask(lambda nvml, device: nvml.nvmlDeviceGetPowerUsage(device) / 1e3)

    def celsius(self) -> float:
        """Temperature of the chip [deg C]."""
        return self._ask(lambda nvml, device: nvml.nvmlDeviceGetTemperature(device, nvml.NVML_TEMPERATURE_GPU))

    def memory_mb(self) -> float:
        """Memory in use on it, by everybody [MiB]."""
        return self._ask(lambda nvml, device: nvml.nvmlDeviceGetMemoryInfo(device).used / _MIB)

    def close(self) -> None:
        """Let the device go."""
        if self._device is not None:
            self._nvml.nvmlShutdown()
            self._device = None

    def _ask(self, question: Any) -> float:
        if self._device is None:
            return _NAN
        try:
            return float(question(self._nvml, self._device))
        except self._nvml.NVMLError:
            return _NAN
