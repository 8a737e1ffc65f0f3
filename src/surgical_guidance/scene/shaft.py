"""What is known beforehand of shafts and tools in label maps: the numbers that a shaft's width is found by."""

from __future__ import annotations

EDGE_SIGMA = 1.0
"""Standard deviation of a measured width [label pixels]: each edge is placed to about 0.7 of a pixel [I]."""

EDGE_BIAS = 0.7
"""How much too wide a shaft is in a label map [label pixels] [I]: maps are drawn with their border pixels, half a pixel
on either side, and networks learn that. It is 0.95 on the phantom's true maps, 0 for a map that was cut exactly."""

PLAUSIBLE = (0.03, 0.25)
"""Width of a 5 mm shaft over the height of the picture, from about 170 to 20 mm away [I]: a hook's wire is thinner."""

TAPER_SIGMA = 0.04
"""Spread of the taper to be expected, change of width over length [I]: a shaft at 45 degrees to the picture plane and
80 mm away comes 5 mm nearer, and so looks 6 % wider, over 5 mm of its length."""

TOOL_LENGTH = {'l_hook_electrocautery': 2.5, 'grasper': 3.0, 'clipper': 3.0, 'suction': 0.3}
"""What is in front of the shaft, in shaft widths [I]: jaws, or wire and collar. Nothing is measured there."""

USUAL_TOOL_LENGTH = 3.0
"""Of a tool that is not known."""
