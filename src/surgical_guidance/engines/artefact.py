"""A network that was made from another one: quantised or cleaned up, with a sidecar that tells from what and how."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

import onnx
from pydantic import BaseModel, ConfigDict, ValidationError

from surgical_guidance import __version__
from surgical_guidance.engines.files import write_whole
from surgical_guidance.engines.options import Precision
from surgical_guidance.engines.source import Source, file_sha256
from surgical_guidance.errors import EngineError
from surgical_guidance.inference.plan import Verification, sidecar_of


class Artefact(BaseModel):
    """The sidecar of a network that was made here.

    :param sha256: of the network.
    :param model_sha256: of the network it was made from.
    :param calibration: how ranges were found, the audit of the pictures included.
    """

    model_config = ConfigDict(extra='forbid', frozen=True)

    format: Literal[1] = 1
    file: str
    sha256: str
    model: str
    model_sha256: str
    precision: Precision
    calibration: dict[str, Any]
    made: dict[str, Any]
    verification: Verification | None = None


def write_artefact(
    path: Path, network: onnx.ModelProto, source: Source, precision: Precision, calibration: dict[str, Any]
) -> Artefact:  # fmt: skip
    """Write a network and its sidecar, the sidecar last: without it the network is not one of ours."""
    sidecar_of(path).unlink(missing_ok=True)
    write_whole(path, network.SerializeToString(deterministic=True))
    artefact = Artefact(
        file=path.name,
        sha256=file_sha256(path),
        model=source.name,
        model_sha256=source.sha256,
        precision=precision,
        calibration=calibration,
        made={'at': datetime.now(UTC).isoformat(timespec='seconds'), 'by': f'surgical-guidance {__version__}'},
    )
    write_whole(sidecar_of(path), artefact.model_dump_json(indent=2).encode() + b'\n')
    return artefact


def read_artefact(path: Path) -> Artefact:
    """Read what a network is, and make sure that it still is that.

    :raises EngineError: if it is missing, has no sidecar, or was changed.
    """
    remedy = 'make it again with `surgical-guidance engine calibrate`'
    sidecar = sidecar_of(path)
    if not path.is_file():
        raise EngineError('there is no such network', where=str(path), remedy=remedy)
    try:
        artefact = Artefact.model_validate_json(sidecar.read_bytes())
    except FileNotFoundError as error:
        raise EngineError(
            'it has no sidecar: nobody can tell how it was calibrated', where=str(sidecar), remedy=remedy
        ) from error
    except ValidationError as error:
        raise EngineError(
            f'the sidecar is broken: {error.errors()[0]["msg"]}', where=str(sidecar), remedy=remedy
        ) from error
    if file_sha256(path) != artefact.sha256:
        raise EngineError('the network was changed: its SHA-256 is another', where=str(path), remedy=remedy)
    return artefact
