"""Compiles before the first test: on a busy machine that takes longer than a test may."""

from __future__ import annotations

from surgical_guidance.scene.warm import warm_up

warm_up()
