"""The pages: the files beside this one, as the server sends them. They are built from ``console/``: edit those."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import resources

TYPES = {
    '.html': 'text/html',
    '.css': 'text/css',
    '.js': 'text/javascript',
    '.svg': 'image/svg+xml',
}
PAGES = {'index.html': '/', 'or.html': '/or'}
"""Where the pages are: the expert's and the surgeon's."""


@dataclass(frozen=True, slots=True)
class Asset:
    """One file of the page."""

    type: str
    body: bytes


def load() -> dict[str, Asset]:
    """Read the pages' files: the path each is served at, and its contents. Nothing else is ever served."""
    assets = {}
    for file in resources.files(__name__).iterdir():
        suffix = file.name[file.name.rfind('.') :]
        if suffix in TYPES:
            assets[PAGES.get(file.name, f'/{file.name}')] = Asset(TYPES[suffix], file.read_bytes())
    return assets
