"""The way of a frame through the GPU: the slot of the ring, one copy, one kernel, the network, reductions, one copy."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from surgical_guidance.errors import EngineError, ModelError
from surgical_guidance.inference.cuda.arguments import Prepare, Type
from surgical_guidance.inference.cuda.block import Block
from surgical_guidance.inference.cuda.driver import Cuda
from surgical_guidance.inference.cuda.faults import CudaError
from surgical_guidance.inference.cuda.frames import DeviceFrames, Layout
from surgical_guidance.inference.cuda.graphs import Graph
from surgical_guidance.inference.cuda.kernels import Kernels
from surgical_guidance.inference.cuda.streams import Streams
from surgical_guidance.inference.device_engine import DeviceEngine
from surgical_guidance.inference.engine import Tensor
from surgical_guidance.inference.manifest import InputSpec, Manifest, Normalisation
from surgical_guidance.inference.placement import place
from surgical_guidance.inference.reductions import make_reduction, problem_of

PADDING = 114.0  # grey of what a letterboxed picture leaves free
_TYPES = {'uint8': Type.uint8, 'float32': Type.float32, 'float16': Type.float16}
_RUNS_BEFORE_CAPTURE = 3  # engines allocate and choose their kernels in the first ones, which a graph may not hold
_GRAPHS = 8  # kept: a camera that changes its size, there and back

MakeEngine = Callable[[int], DeviceEngine]
"""Makes an engine for a stream."""


class GpuPath:
    """One model's way. All memory is taken here; a frame takes none. Used by the thread of CUDA.

    Where the engine allows it, everything after the frame's copy is one graph. It is recorded anew for a frame of
    another size or encoding, without anything being built anew.

    :param streams: models of one name have one: one model at several sizes, of which one is in use at a time.
    :param first: its work goes before that of other models.
    :raises ModelError: if manifest and engine do not fit together.
    """

    def __init__(
        self,
        cuda: Cuda,
        kernels: Kernels,
        frames: DeviceFrames,
        streams: Streams,
        manifest: Manifest,
        make_engine: MakeEngine,
        *,
        first: bool = True,
    ) -> None:
        self._cuda, self._kernels, self._frames = cuda, kernels, frames
        self._undo: list[Callable[[], None]] = []
        try:
            self._build(manifest, make_engine, streams, first)
        except BaseException:
            self.close()
            raise

    def _build(self, manifest: Manifest, make_engine: MakeEngine, streams: Streams, first: bool) -> None:
        cuda = self._cuda
        self.stream = streams.join(manifest.name, first=first)
        self._undo.append(lambda: streams.leave(manifest.name, first=first))
        self.done = self._made(self._frames.add_reader(), self._frames.remove_reader)
        self.engine = make_engine(self.stream)
        self._undo.append(self.engine.close)
        self._spec = manifest.input
        picture = self.engine.inputs.get(manifest.input.name)
        if picture is None or picture.shape != manifest.input.shape:
            found = 'no such input' if picture is None else f'{picture.dtype} {picture.shape}'
            raise ModelError(f'the network has {found}', where=f'{manifest.path}: input', remedy='mend name or size')
        self._picture = picture
        self.manifest, self._reduction = make_reduction(manifest, self.engine.outputs)
        passed = {name: t for name, t in self.engine.outputs.items() if name not in self._reduction.taken}
        self.outputs: Mapping[str, Tensor] = {**passed, **self._reduction.tells}
        self.inputs = self.engine.inputs
        self._in = self._block({picture.name: picture})
        self._memory = self._block({name: t for name, t in self.inputs.items() if name != picture.name})
        self._out = self._block({**passed, **self._reduction.given})
        addresses = {**self._out.addresses}
        for name in self._reduction.taken:
            tensor = self.engine.outputs[name]
            size = int(np.prod(tensor.shape)) * tensor.dtype.itemsize
            addresses[name] = self._made(cuda.allocate(size), cuda.free)
        self._reduction.allocate(cuda, self._kernels, addresses)
        self._undo.append(self._reduction.close)
        for name, address in (*self._in.addresses.items(), *self._memory.addresses.items(), *addresses.items()):
            if name in self.inputs or name in self.engine.outputs:
                self.engine.bind(name, address)
        self._runs = 0
        self._graphs: dict[Layout | None, Graph] = {}
        self._capturable = self.engine.capturable
        self._undo.append(self._drop_graphs)

    def input(self, name: str) -> NDArray[Any]:
        """Give the host's image of an input. That of the picture counts in :meth:`start_raw` alone."""
        return self._in.arrays[name] if name in self._in.arrays else self._memory.arrays[name]

    @property
    def graphed(self) -> bool:
        """Whether a frame is one graph."""
        return bool(self._graphs)

    def start(self, image: NDArray[np.uint8], encoding: str, key: tuple[str, int] | None = None) -> None:
        """Begin to look at a frame; returns before it is done. See :meth:`DeviceFrames.upload` for the parameters.

        :raises EngineError: if the engine or the GPU fails.
        """
        layout = self._frames.upload(image, encoding, key)
        self._cuda.wait(self.stream, self._frames.uploaded)
        self._go(layout)
        self._frames.read_by(self.done)

    def start_raw(self) -> None:
        """Begin to run on what lies in the inputs' host images; returns before it is done."""
        self._go(None)

    def finish(self) -> tuple[Mapping[str, NDArray[Any]], str]:
        """Wait for what was begun; give the outputs, which hold until the next start, and what is wrong with them."""
        self._cuda.wait_here(self.done)
        return self._reduction.read(self._out.arrays), problem_of(self._out.arrays)

    def close(self) -> None:
        """Give everything back, the last thing first. Of a device that is lost nothing can be."""
        while self._undo:
            undo = self._undo.pop()
            try:
                undo()
            except CudaError as error:
                if error.device_lost:
                    self._undo.clear()
                    raise

    def _go(self, layout: Layout | None) -> None:
        graph = self._graphs.get(layout)
        if graph is None and self._capturable and self._runs >= _RUNS_BEFORE_CAPTURE:
            graph = self._capture(layout)
        if graph is not None:
            self._cuda.launch_graph(graph, self.stream)
        else:
            self._enqueue(layout)
            self._runs += 1
        self._cuda.record(self.done, self.stream)

    def _enqueue(self, layout: Layout | None) -> None:
        stream = self.stream
        if self._memory.arrays:
            self._memory.copy_in(stream)
        if layout is None:
            self._in.copy_in(stream)
        else:
            argument = prepare_argument(self._spec, self._picture, layout, self._in.addresses[self._picture.name])
            self._kernels.over_pixels('prepare', self._spec.width, self._spec.height, stream, argument)
        self.engine.enqueue(stream)
        self._reduction.enqueue(stream)
        self._out.copy_out(stream)

    def _capture(self, layout: Layout | None) -> Graph | None:
        """Record a run; None where the engine turns out not to allow it, which only costs speed."""
        if len(self._graphs) >= _GRAPHS:
            self._cuda.synchronise(self.stream)
            self._drop_graphs()
        try:
            self._cuda.begin_capture(self.stream)
            try:
                self._enqueue(layout)
            finally:
                graph = self._cuda.end_capture(self.stream)
        except CudaError as error:
            if error.device_lost:
                raise
            self._capturable = False
            return None
        except EngineError:
            self._capturable = False
            return None
        self._graphs[layout] = graph
        return graph

    def _drop_graphs(self) -> None:
        while self._graphs:
            self._cuda.destroy_graph(self._graphs.popitem()[1])

    def _block(self, tensors: Mapping[str, Tensor]) -> Block:
        block = Block(self._cuda, {t.name: (t.dtype, t.shape) for t in tensors.values()})
        self._undo.append(block.close)
        return block

    def _made(self, handle: int, undo: Callable[[int], None]) -> int:
        self._undo.append(lambda: undo(handle))
        return handle


def prepare_argument(spec: InputSpec, picture: Tensor, layout: Layout, target: int) -> Prepare:
    """Say for the kernel how a frame becomes a network's input.

    :param picture: the network's input.
    :param target: its address.
    """
    at = place(spec, layout.width, layout.height)
    argument = Prepare(
        source=layout.address, target=target,
        source_width=layout.width, source_height=layout.height, source_step=layout.step, encoding=layout.encoding,
        width=spec.width, height=spec.height, left=at.x, top=at.y, inner_width=at.width, inner_height=at.height,
        scale_x=layout.width / at.width, scale_y=layout.height / at.height,
        rgb=spec.colour == 'rgb', nchw=spec.layout == 'nchw', type=_TYPES[picture.dtype.name], border=PADDING,
    )  # fmt: skip
    for channel in range(3):
        if isinstance(spec.normalisation, Normalisation):
            argument.gain[channel] = 1.0 / spec.normalisation.scale[channel]
            argument.offset[channel] = -spec.normalisation.mean[channel] / spec.normalisation.scale[channel]
        else:
            argument.gain[channel], argument.offset[channel] = 1.0, 0.0
    return argument
