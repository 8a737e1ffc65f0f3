"""Loops over pixels and points, compiled by Numba.

A frame has few numbers of many kinds, and an array call costs more than they do: these loops are where the time of a
scene goes. They know nothing but arrays. Each file is complete in itself: what Numba has compiled it keeps beside the
file, or in the user's cache folder where that may not be written, and looks for changes in that one file alone.

Pixels of a run are gone through by a slice of their own, or by an index without a sign: one that comes out of data may
be negative for all the compiler knows, and asking that of each keeps it from taking many at a time, six times as slow.

Nothing is parallel and no arithmetic is reordered, so the same input gives the same output.
"""
