"""What a remote expert sees and says.

A frame's way: ``node`` (topics in) -> ``pictures`` (pixels to JPEG, a thread) -> ``pairing`` (with the outlines of the
same frame) -> ``hub`` and ``clients`` (encoded once, shared) -> the page in ``web``. ``view`` decides what may be shown
as current; ``service`` holds all of it together on one asyncio loop in a thread of its own.
"""
