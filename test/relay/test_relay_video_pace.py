"""How large and how many pictures are by what the host keeps up with."""

from __future__ import annotations

from pathlib import Path

import pytest

from surgical_guidance.clock import NS_PER_S
from surgical_guidance.relay.video.pace import BAD_LOOKS, QUIET_S, Pace
from surgical_guidance.relay.video.pressure import Pressure


class Host:
    """Offers thirty frames a second, of which a share is not encoded."""

    def __init__(self, max_height: int = 1080) -> None:
        self.pace = Pace(max_height)
        self.offered = self.dropped = self.now_ns = 0

    def second(self, lost: int, frames: int = 30, pressure: float = 0.0) -> tuple[int, int]:
        self.offered += frames
        self.dropped += lost
        self.now_ns += NS_PER_S
        return self.pace.look(self.offered, self.dropped, self.now_ns, pressure)

    def bad(self, lost: int = 30) -> tuple[int, int]:
        return [self.second(lost) for _ in range(BAD_LOOKS)][-1]

    def calm(self, seconds: float) -> tuple[int, int]:
        return [self.second(0) for _ in range(int(seconds))][-1]


def test_who_keeps_up_keeps_the_size() -> None:
    assert Host().calm(1000) == (1080, 1)


def test_who_falls_behind_gets_smaller_pictures_and_then_every_second() -> None:
    host = Host()
    assert [host.bad(10) for _ in range(5)] == [(720, 1), (540, 1), (540, 2), (360, 2), (360, 2)]


def test_a_few_lost_frames_or_a_bad_moment_change_nothing() -> None:
    host = Host()
    assert [host.second(5) for _ in range(5)] == [(1080, 1)] * 5
    for _ in range(5):
        assert [host.second(30) for _ in range(BAD_LOOKS - 1)] == [(1080, 1)] * (BAD_LOOKS - 1)
        host.second(0)


def test_what_was_asked_for_is_never_exceeded() -> None:
    host = Host(600)
    assert host.calm(100) == (600, 1)
    assert host.bad() == (540, 1)
    small = Host(200)
    assert [small.bad() for _ in range(2)] == [(200, 2), (200, 2)]


def test_nobody_watching_tells_nothing() -> None:
    host = Host()
    assert [host.second(3, frames=3) for _ in range(BAD_LOOKS)] == [(1080, 1)] * BAD_LOOKS


def test_what_was_given_up_is_tried_again_each_time_later() -> None:
    host = Host()
    host.bad()
    assert host.calm(QUIET_S) == (720, 1)
    assert host.calm(1) == (1080, 1)
    host.bad()
    assert host.calm(QUIET_S + 1) == (720, 1)
    assert host.calm(QUIET_S) == (1080, 1)


def test_a_host_that_is_short_of_processors_gets_fewer_pictures_though_none_is_late() -> None:
    host = Host(540)
    assert [host.second(0, pressure=0.7) for _ in range(BAD_LOOKS)][-1] == (540, 2)
    assert [host.second(0, pressure=0.5) for _ in range(int(2 * QUIET_S))][-1] == (540, 2)  # no room for more
    assert host.calm(QUIET_S + 1) == (540, 1)


def test_nobody_watching_on_a_busy_host_tells_nothing() -> None:
    host = Host(540)
    assert [host.second(0, frames=0, pressure=1.0) for _ in range(2 * BAD_LOOKS)][-1] == (540, 1)


@pytest.mark.parametrize(('cores', 'share'), [(2, 0.25), (16, 0.0)])
def test_pressure_is_the_share_of_the_time_since_the_last_look(tmp_path: Path, cores: int, share: float) -> None:
    file = tmp_path / 'cpu'
    pressure = Pressure(file, cores)
    shares = []
    for second, waited_us in enumerate((5_000_000, 5_250_000), start=1):
        file.write_text(f'some avg10=0.00 avg60=0.00 avg300=0.00 total={waited_us}\nfull avg10=0.00 total=0\n')
        shares.append(pressure.look(second * NS_PER_S))
    assert shares == [0.0, share]


def test_a_kernel_that_tells_no_pressure_has_none(tmp_path: Path) -> None:
    pressure = Pressure(tmp_path / 'none', 2)
    assert [pressure.look(second * NS_PER_S) for second in (1, 2, 3)] == [0.0, 0.0, 0.0]
