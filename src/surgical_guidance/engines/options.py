"""What can be asked of a build."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from surgical_guidance.inference.plan import Range

Precision = Literal['fp32', 'fp16', 'int8', 'fp8']
PRECISIONS: tuple[Precision, ...] = ('fp32', 'fp16', 'int8', 'fp8')
CALIBRATED: tuple[Precision, ...] = ('int8', 'fp8')
"""Those whose ranges must be found on pictures."""


class Options(BaseModel):
    """Everything a plan depends on beside the network, the library and the device.

    :param precision: of the computation; the network that is built carries it (docs/engines.md).
    :param profiles: shapes, checked against the network.
    :param workspace_mb: scratch memory that the library may try kernels with [MiB]; None: all there is.
    :param dla: core of a Jetson's DLA; what it cannot do falls back to the GPU.
    :param version_compatible: later versions of the same major library can load it.
    :param target: a compute capability such as ``sm86``, several with commas; ``''``: TensorRT-RTX: any it supports;
        TensorRT: the GPU of this host.
    :param clean_up: ``engine optimise`` before the build.
    :param effort: of the optimiser, 0 (fast build) to 5; None: the library's own default.
    """

    model_config = ConfigDict(extra='forbid', frozen=True)

    precision: Precision = 'fp32'
    profiles: tuple[dict[str, Range], ...] = ()
    workspace_mb: int | None = Field(default=None, ge=1)
    dla: int | None = Field(default=None, ge=0, le=1)
    version_compatible: bool = False
    target: str = ''
    clean_up: bool = False
    effort: int | None = Field(default=None, ge=0, le=5)

    def facts(self) -> dict[str, Any]:
        """Give what the sidecar keeps of it; the profiles stand there by themselves."""
        return self.model_dump(mode='json', exclude={'profiles', 'precision'})
