"""What happens when things break: each fault in the running graph, and how soon it is noticed, marked and over.

The graph is the real one, started and supervised as `surgical-guidance run` does, with the phantom at 320x180 as a live
camera and one model stretched to 20 ms. Times are from the moment the fault is made, on the monotonic clock, to the
moment another process heard of it. `--quick` leaves the processes apart, and what only heals slowly, out.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator

from _fault_container import Switch
from _fault_lab import (
    Fault,
    Lab,
    alarm,
    attempt,
    cleared,
    either,
    end_flood,
    is_current,
    is_interrupted,
    kill,
    lab,
    reason,
    start_flood,
    stop,
    told,
)
from surgical_guidance.bench import Measured, Tell

NEVER_MS = 99_999.0
"""Stands for what did not happen in time."""


def turn(switch: Switch, value: int) -> Callable[[Lab], None]:
    """Turn a switch."""
    return lambda running: running.board.__setitem__(switch, value)


def switched(name: str, switch: Switch, value: int, noticed: Callable, **more: object) -> Fault:
    """Give a fault that a switch makes and takes back."""
    return Fault(name, turn(switch, value), noticed, turn(switch, 0), **more)  # type: ignore[arg-type]


def losses(*names: str, stopped: bool = True) -> list[Fault]:
    """Give the faults of processes of the frame path."""
    gone = either(alarm('stage_lost'), reason('has ended', 'is stopped'), is_interrupted)
    faults = [Fault(f'kill_{name}', kill(name), gone, alarms=('stage_lost',)) for name in names]
    return faults + [Fault(f'stop_{name}', stop(name), gone, alarms=('stage_lost',)) for name in names if stopped]


def fill_disk(running: Lab) -> None:
    """Let the watchdog's disk be full while there is something to write."""
    running.limit_files('watchdog', full=True)
    turn(Switch.CAMERA, 2)(running)


def free_disk(running: Lab) -> None:
    """Make room again."""
    running.limit_files('watchdog', full=False)
    turn(Switch.CAMERA, 0)(running)


QUICK = [
    *losses('guidance'),
    Fault('kill_relay', kill('relay'), reason('relay: its process'), interrupts=False, alarms=('stage_lost',)),
    Fault('kill_watchdog', kill('watchdog'), told('watchdog ended'), interrupts=False,
          through=alarm('watchdog_restarted')),
    switched('camera_frozen', Switch.CAMERA, 1, either(reason('the same picture'), alarm('picture_frozen'))),
    switched('camera_unplugged', Switch.CAMERA, 2, either(reason('camera: '), alarm('camera_lost', 'stage_error'))),
    switched('camera_black', Switch.CAMERA, 3, either(reason('black for'), alarm('picture_black'))),
    switched('inference_slow', Switch.ENGINE, 1, alarm('stage_slow', 'over_budget'), interrupts=False,
             recovered=cleared('stage_slow', 'over_budget')),
    switched('inference_raises', Switch.ENGINE, 2, either(alarm('stage_error'), is_interrupted)),
    switched('inference_nan', Switch.ENGINE, 3, is_interrupted),
    Fault('clock_forward', lambda running: running.set_clock(10.0), alarm('clock_stepped'), interrupts=False,
          recovered=is_current),
]  # fmt: skip
SLOW = [
    Fault('disk_full', fill_disk, alarm('alarm_log'), free_disk),
    *(Fault(name, do, alarm('recorder_lost'), interrupts=False, recovered=cleared('recorder_lost'),
            alarms=('recorder_lost',))
      for name, do in (('kill_recorder', kill('recorder')), ('stop_recorder', stop('recorder')))),
    Fault('stop_relay', stop('relay'), reason('relay: its process'), interrupts=False, alarms=('stage_lost',)),
    Fault('stop_watchdog', stop('watchdog'), lambda heard: heard.kind == 'silent', interrupts=False,
          through=alarm('watchdog_restarted')),
    switched('inference_hangs', Switch.ENGINE, 4, is_interrupted),
    Fault('clock_back', lambda running: running.set_clock(0.0), alarm('clock_stepped'), interrupts=False,
          recovered=is_current, alarms=('clock_stepped',)),
    switched('shm_full', Switch.SHM_FULL, 1, alarm('shm_low'), interrupts=False, recovered=cleared('shm_low')),
    Fault('dds_flood', start_flood, alarm('flooded'), end_flood, interrupts=False, recovered=cleared('flooded')),
    switched('memory_hog', Switch.HOG_MB, 200, alarm('memory_growth'), interrupts=False,
             recovered=cleared('memory_growth')),
]  # fmt: skip
APART = losses('camera', 'inference', 'advice')


def run(tell: Tell, *, quick: bool = False) -> Iterator[Measured]:
    """Try every fault."""
    tables = [(True, QUICK)] if quick else [(True, QUICK + SLOW), (False, APART)]
    total, done = sum(len(table) for _, table in tables), 0
    for composed, table in tables:
        tell(done / total, 'starts')
        with lab(1 + (os.getpid() + composed) % 200, composed=composed) as running:
            for fault in table:
                tell(done / total, fault.name)
                yield from measured(running, fault)
                done += 1


def measured(running: Lab, fault: Fault) -> Iterator[Measured]:
    """Try one fault."""
    outcome = attempt(running, fault)
    yield Measured(f'{fault.name}_noticed', outcome.noticed or NEVER_MS, 'ms')
    if fault.interrupts:
        yield Measured(f'{fault.name}_interrupted', outcome.interrupted or NEVER_MS, 'ms')
    yield Measured(f'{fault.name}_recovered', outcome.recovered or NEVER_MS, 'ms')
    yield Measured(f'{fault.name}_lost', outcome.lost, 'frames')
