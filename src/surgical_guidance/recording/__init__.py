"""The flight recorder: the last seconds always in memory, and on disk as evidence when something goes wrong."""
