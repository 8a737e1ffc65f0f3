"""How the doctor asks: versions, programs, and imports tried in a child of their own.

A package that was built for another NumPy, CUDA or middleware can end the process that imports it (rclpy does, where
``RMW_IMPLEMENTATION`` names one that is not installed), so such imports are not tried in this process.
"""

from __future__ import annotations

import importlib.metadata
import importlib.util
import subprocess
import sys

TIMEOUT_S = 20.0


def version(*distributions: str) -> str:
    """Give the version of the first of these distributions that is installed; empty where none is."""
    for distribution in distributions:
        try:
            return importlib.metadata.version(distribution)
        except importlib.metadata.PackageNotFoundError:
            continue
    return ''


def has(module: str) -> bool:
    """Whether a top-level module is there, without importing it."""
    return importlib.util.find_spec(module) is not None


def command(*words: str) -> str | None:
    """Run a program and give what it prints; None where it is not there or fails."""
    try:
        done = subprocess.run(words, capture_output=True, text=True, timeout=TIMEOUT_S, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip()


def python(code: str) -> tuple[bool, str]:
    """Run Python code in a child: whether it went well, and the last line it said."""
    try:
        done = subprocess.run(
            [sys.executable, '-c', code], capture_output=True, text=True, timeout=TIMEOUT_S, check=False
        )
    except subprocess.TimeoutExpired:
        return False, f'no answer within {TIMEOUT_S:.0f} s'
    said = (done.stdout if done.returncode == 0 else done.stderr).strip().splitlines()
    return done.returncode == 0, said[-1] if said else f'exit status {done.returncode}'
