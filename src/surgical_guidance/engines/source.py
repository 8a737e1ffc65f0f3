"""What a command is given as MODEL: a model that comes with the package, a manifest, or a bare network."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

import onnx

from surgical_guidance.engines.graph import read_graph
from surgical_guidance.errors import ModelError
from surgical_guidance.inference.manifest import Manifest, load_manifest


@dataclass(frozen=True)
class Source:
    """A network and what is known of it.

    :param name: in the manifest, or of the file.
    :param path: of the network.
    :param sha256: of the file.
    :param graph: the network, checked. Copy it before changing it.
    :param manifest: None of a bare network.
    """

    name: str
    path: Path
    sha256: str
    graph: onnx.ModelProto
    manifest: Manifest | None

    @property
    def sizes(self) -> tuple[tuple[int, int], ...]:
        """Width and height of the picture for each kind of camera, the commonest first; nothing of a bare network."""
        return () if self.manifest is None else self.manifest.input.sizes

    def need_manifest(self, what: str) -> Manifest:
        """Give the manifest.

        :param what: is to be done with it, for the error.
        :raises ModelError: if there is none.
        """
        if self.manifest is None:
            raise ModelError(
                f'to {what}, it must be known what goes in and what comes out',
                where=str(self.path),
                remedy='write a manifest (docs/models.md) and give that instead',
            )
        return self.manifest


def open_source(model: str) -> Source:
    """Find and read a network.

    :param model: a name, the path of a manifest, or the path of an ONNX file.
    :raises ModelError: if it is not there, not the one its manifest means, or cannot become an engine.
    """
    manifest = None if model.endswith('.onnx') else load_manifest(model)
    path = Path(model) if manifest is None else manifest.model_path
    graph = read_graph(path)
    sha256 = file_sha256(path)
    if manifest is not None and sha256 != manifest.sha256:
        raise ModelError(
            f'the network is not the one the manifest means: its SHA-256 is {sha256}',
            where=str(path),
            remedy='put the right file there, or set sha256 in the manifest',
        )
    return Source(manifest.name if manifest else path.stem, path, sha256, graph, manifest)


def file_sha256(path: Path) -> str:
    """Hash a file."""
    with path.open('rb') as file:
        return hashlib.file_digest(file, 'sha256').hexdigest()
