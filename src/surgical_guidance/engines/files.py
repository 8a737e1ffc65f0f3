"""Files that are written whole or not at all, however the process ends."""

from __future__ import annotations

import os
from pathlib import Path

from surgical_guidance.errors import EngineError


def write_whole(path: Path, content: bytes) -> None:
    """Write a file: aside, to the disk, then into its place in one step.

    :raises EngineError: if it cannot be written.
    """
    unfinished = path.with_name(f'.{path.name}.{os.getpid()}')
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with unfinished.open('wb') as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        unfinished.replace(path)
    except OSError as error:
        unfinished.unlink(missing_ok=True)
        raise EngineError(
            f'it cannot be written ({error.strerror})', where=str(path), remedy='give another place'
        ) from error
