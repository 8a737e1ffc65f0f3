"""The cache of plans: what was built once from the very same things is not built again.

``<key>.plan`` and ``<key>.plan.onnx``, the network it was built from, count only with ``<key>.plan.json``, which is
written last. A build that is killed leaves neither, at most a file that the next build of the same key writes over.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from surgical_guidance.engines.files import write_whole
from surgical_guidance.errors import EngineError
from surgical_guidance.inference.plan import Plan, read_plan, sidecar_of

LIMIT_BYTES = 4 * 1024**3
"""What the cache may hold; the plans that were used longest ago go first."""


def cache_folder() -> Path:
    """Say where the cache is: below ``$XDG_CACHE_HOME``, or ``~/.cache``."""
    return Path(os.environ.get('XDG_CACHE_HOME') or Path.home() / '.cache') / 'surgical-guidance' / 'engines'


def network_of(plan: Path) -> Path:
    """Say where the network that a plan was built from is."""
    return plan.with_name(f'{plan.name}.onnx')


class Store:
    """Plans by key.

    :param folder: where they are.
    """

    def __init__(self, folder: Path | None = None) -> None:
        self.folder = folder or cache_folder()

    def place(self, key: str) -> Path:
        """Say where a plan is or will be."""
        return self.folder / f'{key}.plan'

    def find(self, key: str) -> Path | None:
        """Give a plan that is there and whole; one that is not whole is as good as none."""
        place = self.place(key)
        try:
            read_plan(place)
        except EngineError:
            return None
        sidecar_of(place).touch()  # used now
        return place

    def put(self, plan: Plan, content: bytes, network: bytes) -> Path:
        """Keep a plan.

        :raises EngineError: if the cache cannot be written.
        """
        place = self.place(plan.key)
        write_plan(place, plan, content, network)
        self._shrink(keep=place)
        return place

    @contextmanager
    def building(self, key: str) -> Iterator[None]:
        """Hold a key while it is built: who comes second waits, and then finds the plan."""
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            lock = (self.folder / f'.{key}.lock').open('w')
        except OSError as error:
            raise EngineError(
                f'the cache cannot be written ({error.strerror})', where=str(self.folder), remedy='set XDG_CACHE_HOME'
            ) from error
        with lock:
            fcntl.flock(lock, fcntl.LOCK_EX)  # the kernel lets go of it however this process ends
            self._sweep(key)
            yield

    def _sweep(self, key: str) -> None:
        """Remove what a killed build of this key left."""
        for litter in self.folder.glob(f'.{key}.plan*'):
            litter.unlink(missing_ok=True)
        if not sidecar_of(self.place(key)).exists():
            self.place(key).unlink(missing_ok=True)
            network_of(self.place(key)).unlink(missing_ok=True)

    def _shrink(self, keep: Path) -> None:
        plans = sorted(self.folder.glob('*.plan.json'), key=lambda path: path.stat().st_mtime)
        used = sum(path.stat().st_size for path in self.folder.glob('*.plan*'))
        for sidecar in plans:
            plan = sidecar.with_suffix('')
            if used <= LIMIT_BYTES or plan == keep:
                continue
            for path in (sidecar, plan, network_of(plan)):  # the sidecar first: without it the rest counts for nothing
                if path.exists():
                    used -= path.stat().st_size
                    path.unlink()


def write_plan(place: Path, plan: Plan, content: bytes, network: bytes) -> None:
    """Write a plan, its network and its sidecar, the sidecar last."""
    sidecar_of(place).unlink(missing_ok=True)
    write_whole(place, content)
    write_whole(network_of(place), network)
    write_sidecar(place, plan)


def write_sidecar(place: Path, plan: Plan) -> None:
    """Write the sidecar of a plan that lies there."""
    named = plan.model_copy(update={'file': place.name})
    write_whole(sidecar_of(place), named.model_dump_json(indent=2).encode() + b'\n')


def copy_plan(plan: Path, to: Path) -> None:
    """Copy a plan with all that belongs to it."""
    sidecar, content = read_plan(plan)
    write_plan(to, sidecar, content, network_of(plan).read_bytes())
