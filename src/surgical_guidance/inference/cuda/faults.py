"""What CUDA says when something fails, as our errors."""

from __future__ import annotations

from surgical_guidance.errors import EngineError

OUT_OF_MEMORY = 2
NO_BINARY_FOR_GPU = 209
HOST_MEMORY_ALREADY_REGISTERED = 712

_DEVICE_LOST = frozenset({
    46,   # device unavailable
    101,  # invalid device: it is gone
    214,  # uncorrectable ECC error
    220,  # NVLink error
    700,  # illegal address
    702,  # launch timed out
    709,  # the context is destroyed
    710,  # assertion in a kernel
    714, 715, 716, 717, 718,  # hardware stack, illegal instruction, misaligned address, address space, invalid pc
    719,  # launch failed
    721, 999,  # launch failed in another way, unknown
})  # fmt: skip
"""After one of these nothing of this process's CUDA works any more (CUDA driver API, CUresult)."""

_REMEDIES = {
    OUT_OF_MEMORY: 'give the GPU back what other programs hold (nvidia-smi lists them), or use a smaller model',
    NO_BINARY_FOR_GPU: 'install nvidia-cuda-nvrtc, so that the kernels are compiled for this GPU',
    35: 'update the NVIDIA driver: it is older than this version of CUDA',  # insufficient driver
    100: 'no GPU is visible: look at nvidia-smi and CUDA_VISIBLE_DEVICES',
    803: 'the NVIDIA driver and its library differ in version: reboot',
}


class CudaError(EngineError):
    """A call of CUDA failed.

    :param call: the function.
    :param code: its ``CUresult``.
    :param text: what CUDA says of it.
    """

    def __init__(self, call: str, code: int, text: str) -> None:
        self.code = code
        remedy = _REMEDIES.get(code, '')
        super().__init__(f'{call} failed: {text} (CUDA error {code})', where='GPU', remedy=remedy)

    @property
    def device_lost(self) -> bool:
        """Whether nothing of CUDA works in this process any more."""
        return self.code in _DEVICE_LOST


class DeviceLost(EngineError):
    """The GPU does not work any more in this process.

    :param why: what CUDA said.
    """

    def __init__(self, why: str) -> None:
        super().__init__(
            f'the GPU is lost to this process ({why})',
            where='GPU',
            remedy='start guidance again; if it comes back, look at nvidia-smi and dmesg, or set engine to onnxruntime',
        )
