"""The guidance's processes with one more kind of source: ``python _barcode_processes.py guidance --ros-args ...``."""

from __future__ import annotations

import sys

from _barcode import SCHEME, BarcodeSource
from surgical_guidance import container
from surgical_guidance.camera.sources import register

register(SCHEME, BarcodeSource, live=True)

MAINS = {
    'guidance': container.main,
    'camera': container.camera_main,
    'watchdog': container.watchdog_main,
    'relay': container.relay_main,
}

if __name__ == '__main__':
    sys.exit(MAINS[sys.argv.pop(1)]())
