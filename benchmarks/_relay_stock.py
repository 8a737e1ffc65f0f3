"""Starts stock rosbridge from a checkout of rosbridge_suite, as its own script does.

What it needs beside (tornado, bson from pymongo) must be importable. Its messages (rosbridge_msgs) need not be built:
only the announcement of clients uses them, and that is left out.
"""

from __future__ import annotations

import runpy
import sys
import types
from pathlib import Path


class _Nobody:
    """A stand-in for the announcement of clients."""

    def __init__(self, *_: object) -> None:
        pass

    def add_client(self, *_: object) -> None:
        pass

    def remove_client(self, *_: object) -> None:
        pass


def main(checkout: Path) -> None:
    """Serve on a free port."""
    for part in ('rosbridge_library/src', 'rosbridge_server/src'):
        sys.path.insert(0, str(checkout / part))
    stand_in = types.ModuleType('rosbridge_server.client_manager')
    stand_in.ClientManager = _Nobody  # type: ignore[attr-defined]
    sys.modules['rosbridge_server.client_manager'] = stand_in
    script = checkout / 'rosbridge_server/scripts/rosbridge_websocket.py'
    sys.argv = [str(script), '--port', '0', '--address', '127.0.0.1']
    runpy.run_path(str(script), run_name='__main__')


if __name__ == '__main__':
    main(Path(sys.argv[1]))
