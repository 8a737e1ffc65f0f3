"""Plans that TensorRT has loaded: each once, however many sizes of picture it runs at."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from surgical_guidance.errors import EngineError
from surgical_guidance.inference.cuda.driver import Cuda
from surgical_guidance.inference.plan import Plan, read_plan
from surgical_guidance.inference.trt_library import TrtLibrary
from surgical_guidance.inference.trt_words import Said, explain

_VALIDITY = {
    'VERSION_MISMATCH': 'it was built by another version of the library',
    'UNSUPPORTED_CC': 'it was built for GPUs of another compute capability',
    'OLD_CUDA_DRIVER': 'the NVIDIA driver is too old for it',
    'OLD_CUDA_RUNTIME': 'the CUDA runtime is too old for it',
    'INSUFFICIENT_GPU_MEMORY': 'the memory of the GPU does not suffice',
    'MALFORMED_ENGINE': 'it is damaged, or no plan of this library',
}


class LoadedPlan:
    """A plan in the library, ready for execution contexts. Used by the thread of CUDA.

    :param library: that runs it.
    :param path: of the plan or its sidecar.
    :param cuda: the device.
    :raises EngineError: if the plan is damaged, or not for this library or this GPU.
    """

    def __init__(self, library: TrtLibrary, path: Path, cuda: Cuda) -> None:
        self._library, self._cuda = library, cuda
        self.where = str(path)
        self.said = Said()
        self.engine: Any = None
        self._runtime: Any = None
        self._recorder: Any = None
        self.plan, content = read_plan(path)
        self._check_plan(self.plan)
        try:
            with library.listening(self.said):
                self._load(content)
        except BaseException:
            self.close()
            raise

    def failed(self, what: str) -> EngineError:
        """Make the error for something that the library did not do, in its own words."""
        cause, remedy = explain(self.said.cause())
        return EngineError(f'{what} by {self._library.describe()}: {cause}', where=self.where, remedy=remedy)

    def close(self) -> None:
        """Give everything back, what was made last first."""
        self.engine = None
        self._runtime = None
        self._recorder = None

    def _check_plan(self, plan: Plan) -> None:
        """Refuse what the library would refuse with less to say, or take and fail later."""
        if plan.library != self._library.name:
            raise EngineError(
                f'the plan is for {plan.library}, and this is {self._library.describe()}',
                where=self.where,
                remedy='build it with the library that is to run it',
            )
        if plan.library_version != self._library.version and not plan.options.get('version_compatible'):
            raise EngineError(
                f'the plan was built by version {plan.library_version}, and this is {self._library.describe()}',
                where=self.where,
                remedy='build it again, or with --version-compatible',
            )
        own = 'sm{}{}'.format(*self._cuda.device.capability)
        targets = plan.target.split(',')
        if all(target.startswith('sm') for target in targets) and own not in targets:
            raise EngineError(
                f'the plan was built for {plan.target}, and the GPU here is {own} ({self._cuda.device.name})',
                where=self.where,
                remedy=f'build it for this one: `surgical-guidance engine build --target {own}`',
            )

    def _load(self, content: bytes) -> None:
        module = self._library.module
        self._runtime = module.Runtime(self._library.logger)
        if self._runtime is None:
            raise self.failed('the library does not start')
        self._recorder = self._library.recorder(self.said)
        self._runtime.error_recorder = self._recorder
        if self.plan.options.get('version_compatible') and hasattr(self._runtime, 'engine_host_code_allowed'):
            self._runtime.engine_host_code_allowed = True  # such a plan carries the runtime of the version it is of
        self._check_validity(content)
        self.engine = self._runtime.deserialize_cuda_engine(content)
        if self.engine is None:
            raise self.failed('the plan cannot be loaded')

    def _check_validity(self, content: bytes) -> None:
        """Ask the library whether the plan is for this host, where it can tell (TensorRT-RTX)."""
        ask = getattr(self._runtime, 'get_engine_validity', None)
        if ask is None:
            return
        validity, found = ask(content)
        module = self._library.module
        if validity != module.EngineValidity.INVALID:
            return
        kinds = module.EngineInvalidityDiagnostics
        reasons = [text for name, text in _VALIDITY.items() if int(found) & int(getattr(kinds, name, 0))]
        cause = ' and '.join(reasons) or explain(self.said.cause())[0]
        raise EngineError(
            f'{self._library.describe()} cannot run this plan on {self._cuda.device.name} '
            f'({self._cuda.device.capability[0]}.{self._cuda.device.capability[1]}): {cause}',
            where=self.where,
            remedy='build it for this host with `surgical-guidance engine build`, or set engine to onnxruntime-cuda',
        )


class LoadedPlans:
    """The plans in use. Used by the thread of CUDA."""

    def __init__(self, cuda: Cuda) -> None:
        self._cuda = cuda
        self._plans: dict[tuple[str, Path], _Used] = {}

    def join(self, library: TrtLibrary, path: Path) -> LoadedPlan:
        """Give a plan, loaded if nobody has it yet; each who has it must :meth:`leave`.

        :raises EngineError: if the plan is damaged, or not for this library or this GPU.
        """
        used = self._plans.get((library.name, path))
        if used is None:
            used = self._plans[library.name, path] = _Used(LoadedPlan(library, path, self._cuda))
        used.users += 1
        return used.plan

    def leave(self, plan: LoadedPlan) -> None:
        """Tell that one user is gone; with the last one the plan is unloaded."""
        key = next(key for key, used in self._plans.items() if used.plan is plan)
        used = self._plans[key]
        used.users -= 1
        if not used.users:
            del self._plans[key]
            plan.close()


@dataclass(slots=True)
class _Used:
    plan: LoadedPlan
    users: int = 0
