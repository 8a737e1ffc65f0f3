import os
import threading

import av
import numpy as np
import pytest
from camera_doubles import DATA, make_clip, number_of, seconds_since

from surgical_guidance.camera.file import FileSource
from surgical_guidance.camera.media import hardware_decoders
from surgical_guidance.clock import monotonic_ns
from surgical_guidance.errors import SourceError, SourceLost


def played(source, most=1000):
    """Open a source and give number and time of all its pictures."""
    source.open()
    shown = []
    try:
        while len(shown) < most and (shot := source.read()) is not None:
            image = np.zeros((shot.height, shot.width, 3), np.uint8)
            shot.draw(image)
            shown.append((number_of(image), shot.time_s, shot.lost))
    finally:
        source.close()
    return shown


def numbers(shown):
    return [number for number, _, _ in shown]


def times(shown):
    return [time_s for _, time_s, _ in shown]


def test_it_tells_what_the_file_is(clip):
    source = FileSource(clip)
    info = source.open()
    source.close()
    assert (info.width, info.height, info.rate, info.live) == (64, 48, 25.0, False)
    assert info.description.startswith('mov, mpeg4 yuv420p, decoded ')


@pytest.mark.parametrize(
    ('name', 'codec'),
    [
        ('a.mp4', 'libx264'),
        ('a.mp4', 'mpeg4'),
        ('a.avi', 'mpeg4'),
        ('a.mkv', 'libx264'),
        ('a.ts', 'libx264'),
        ('a.mov', 'mjpeg'),
        ('a.h264', 'libx264'),
    ],
)
def test_every_picture_of_a_file_is_given_at_its_time(tmp_path, name, codec):
    shown = played(FileSource(make_clip(tmp_path / name, codec=codec)))
    assert numbers(shown) == list(range(20))
    assert times(shown) == pytest.approx([number / 25 for number in range(20)], abs=0.002)
    assert not any(lost for _, _, lost in shown)


@pytest.mark.parametrize(
    ('name', 'codec'), [('a.mp4', 'libx264'), ('a.avi', 'mpeg4'), ('a.ts', 'libx264'), ('a.h264', 'libx264')]
)
def test_a_loop_goes_on_without_a_seam(tmp_path, name, codec):
    shown = played(FileSource(make_clip(tmp_path / name, codec=codec), loop=True), 50)
    assert numbers(shown) == (list(range(20)) * 3)[:50]
    assert times(shown) == pytest.approx([number / 25 for number in range(50)], abs=0.002)


def test_a_variable_rate_is_kept(tmp_path):
    ticks = [0, 40, 50, 300, 301, 900, 1000, 1500]
    shown = played(FileSource(make_clip(tmp_path / 'v.mkv', codec='libx264', pictures=8, ticks=ticks)))
    assert times(shown) == pytest.approx([tick / 1000 for tick in ticks], abs=0.0011)


def test_without_pace_everything_is_due_at_once(clip):
    source = FileSource(clip, pace=False)
    assert source.open().rate == 0.0
    source.close()
    assert set(times(played(source))) == {0.0}


def test_a_file_can_be_scaled(clip):
    source = FileSource(clip, size=(192, 108))
    info = source.open()
    shot = source.read()
    source.close()
    assert (info.width, info.height, shot.width, shot.height) == (192, 108, 192, 108)


def test_a_file_can_be_opened_again(clip):
    source = FileSource(clip)
    assert numbers(played(source, 5)) == numbers(played(source, 5)) == list(range(5))


@pytest.mark.parametrize(
    ('content', 'says'),
    [(None, 'does not exist'), (b'', 'the file is empty'), (b'no video at all. ' * 500, 'no video that can be read')],
    ids=['missing', 'empty', 'garbage'],
)
def test_what_is_no_video_is_refused(tmp_path, content, says):
    path = tmp_path / 'clip.mp4'
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(SourceError) as caught:
        FileSource(path).open()
    assert says in caught.value.what
    assert caught.value.where == str(path)


def test_a_folder_is_refused(tmp_path):
    with pytest.raises(SourceError, match='a folder'):
        FileSource(tmp_path).open()


@pytest.mark.skipif(os.geteuid() == 0, reason='root may read everything')
def test_a_file_that_may_not_be_read_is_refused(clip):
    clip.chmod(0)
    with pytest.raises(SourceError, match='may not be read'):
        FileSource(clip).open()


def write_sound(path):
    with av.open(str(path), 'w') as container:
        sound = container.add_stream('aac', rate=8000)
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 8000), np.float32), 'fltp', 'mono')
        frame.rate = 8000
        container.mux(sound.encode(frame))
        container.mux(sound.encode(None))
    return path


def test_sound_alone_is_refused(tmp_path):
    with pytest.raises(SourceError, match='no video in it'):
        FileSource(write_sound(tmp_path / 'sound.mp4')).open()


def test_a_video_without_one_good_picture_is_refused(tmp_path):
    path = make_clip(tmp_path / 'clip.avi')
    data = bytearray(path.read_bytes())
    start, end = data.index(b'movi') + 4, data.index(b'idx1')
    packets = data[start:end].split(b'00dc')
    data[start:end] = b'00dc'.join(packet[:4] + bytes(len(packet[4:])) for packet in packets)
    path.write_bytes(data)
    with pytest.raises(SourceError, match='no picture in it can be decoded'):
        FileSource(path).open()


def play_to_break(source):
    shown = []
    source.open()
    try:
        while (shot := source.read()) is not None:
            image = np.zeros((shot.height, shot.width, 3), np.uint8)
            shot.draw(image)
            shown.append(number_of(image))
    except SourceLost as lost:
        return shown, str(lost)
    finally:
        source.close()
    raise AssertionError('the break was not told')


@pytest.mark.parametrize('loop', [False, True])
@pytest.mark.parametrize(
    ('name', 'codec', 'options'),
    [('a.mp4', 'libx264', {'options': {'movflags': 'faststart'}}), ('a.mkv', 'libx264', {}), ('a.avi', 'mpeg4', {})],
)
def test_a_file_that_was_cut_off_is_played_to_the_break(tmp_path, name, codec, options, loop):
    path = make_clip(tmp_path / name, codec=codec, pictures=100, size=(320, 240), **options)
    path.write_bytes(path.read_bytes()[: path.stat().st_size * 6 // 10])
    shown, told = play_to_break(FileSource(path, loop=loop))
    assert 20 <= len(shown) < 90
    assert shown == [number_of(np.full((1, 1), 20 + number * 7 % 200)) for number in range(len(shown))]
    assert str(path) in told
    assert f'broken at {len(shown) / 25:.1f} s of ' in told


def test_a_file_whose_second_half_is_noise_is_played_to_the_break(tmp_path):
    path = make_clip(
        tmp_path / 'a.mp4', codec='libx264', pictures=100, size=(320, 240), options={'movflags': 'faststart'}
    )
    data = path.read_bytes()
    half = len(data) // 2
    path.write_bytes(data[:half] + np.random.default_rng(1).bytes(len(data) - half))
    shown, told = play_to_break(FileSource(path))
    assert 20 <= len(shown) < 90
    assert 'the file is broken at' in told


def test_one_damaged_place_costs_its_pictures_alone(tmp_path):
    path = make_clip(tmp_path / 'a.avi', pictures=40, size=(320, 240))
    data = bytearray(path.read_bytes())
    start, end = data.index(b'movi') + 4, data.index(b'idx1')
    packets = bytes(data[start:end]).split(b'00dc')
    packets[11] = packets[11][:4] + bytes(len(packets[11]) - 4)  # the first is what stands before packet 0
    data[start:end] = b'00dc'.join(packets)
    path.write_bytes(data)
    shown = played(FileSource(path))
    assert sum(lost for _, _, lost in shown) == 40 - len(shown) > 0
    assert numbers(shown)[-5:] == [number_of(np.full((1, 1), 20 + number * 7 % 200)) for number in range(35, 40)]


def test_another_thread_can_end_it(clip):
    source = FileSource(clip, loop=True)
    source.open()
    over = threading.Event()

    def read():
        while source.read() is not None:
            pass
        source.close()
        over.set()

    threading.Thread(target=read).start()
    began = monotonic_ns()
    source.close()
    assert over.wait(5.0)
    assert seconds_since(began) < 0.5


def test_hardware_is_named_where_it_is_used_and_can_be_refused(clip):
    source = FileSource(clip, hardware=False)
    assert source.open().description.endswith('decoded in software')
    source.close()
    assert set(hardware_decoders()) <= {'cuda', 'vaapi', 'vdpau', 'vulkan'}


@pytest.mark.skipif(not DATA.is_dir(), reason=f'the real recordings are not here ({DATA})')
@pytest.mark.parametrize(
    ('name', 'pictures', 'rate', 'size'),
    [('cholec80_v01_clip/endo.mp4', 250, 25.0, (1280, 720))]
    + [(f'desmoke_lap_clips/input_{number}.avi', 50, 2.0, (256, 256)) for number in (2, 8, 11, 17)],
)
def test_the_real_recordings_are_read_whole(name, pictures, rate, size):
    source = FileSource(DATA / name)
    info = source.open()
    assert ((info.width, info.height), info.rate) == (size, rate)
    count, last_s = 0, 0.0
    while (shot := source.read()) is not None:
        count, last_s = count + 1, shot.time_s
    source.close()
    assert count == pictures
    assert last_s == pytest.approx((pictures - 1) / rate)
