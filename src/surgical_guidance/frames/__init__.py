"""Frames in memory: the shared-memory ring, the image encodings, and the form of what gives pictures."""

from surgical_guidance.frames.frame import CHANNELS, Frame
from surgical_guidance.frames.ring import (
    Claim,
    Draft,
    RingReader,
    RingReaders,
    RingWriter,
    living_rings,
    lock_is_held,
    remove_dead_rings,
    ring_scope,
)
from surgical_guidance.frames.source import Picture, Source, SourceInfo, TruePicture

__all__ = [
    'CHANNELS',
    'Claim',
    'Draft',
    'Frame',
    'Picture',
    'RingReader',
    'RingReaders',
    'RingWriter',
    'Source',
    'SourceInfo',
    'TruePicture',
    'living_rings',
    'lock_is_held',
    'remove_dead_rings',
    'ring_scope',
]
