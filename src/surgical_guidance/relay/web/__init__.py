"""The console page: the files beside this one, as the server sends them."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import resources

TYPES = {
    '.html': 'text/html',
    '.css': 'text/css',
    '.js': 'text/javascript',
    '.svg': 'image/svg+xml',
}
INDEX = 'index.html'


@dataclass(frozen=True, slots=True)
class Asset:
    """One file of the page."""

    type: str
    body: bytes


def load() -> dict[str, Asset]:
    """Read the page's files: the path each is served at, and its contents. Nothing else is ever served."""
    assets = {}
    for file in resources.files(__name__).iterdir():
        suffix = file.name[file.name.rfind('.') :]
        if suffix in TYPES:
            path = '/' if file.name == INDEX else f'/{file.name}'
            assets[path] = Asset(TYPES[suffix], file.read_bytes())
    return assets
