"""How many threads of the processor one look of a model gets where nobody has said."""

from __future__ import annotations

import os

MOST = 2  # a third gains next to nothing for networks as small as ours


def usual_threads(cores: int | None = None) -> int:
    """Give one thread where there are two cores or fewer, else two.

    On two cores the second thread makes the segmentation's look 4 ms shorter and holds up everything else on the host
    for all of it: the camera, the picture on its way to the expert, and a page that shows it.

    :param cores: of this host; None: as many as this process may use.
    """
    count = len(os.sched_getaffinity(0)) if cores is None else cores
    return max(1, min(MOST, count - 1))
