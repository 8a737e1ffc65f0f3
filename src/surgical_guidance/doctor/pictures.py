"""Where pictures come from on this host: cameras, decoders, converters."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path

from surgical_guidance.doctor import probe
from surgical_guidance.doctor.finding import Finding

DEV = Path('/dev')
VIDEO_CLASS = Path('/sys/class/video4linux')


def cameras() -> Finding:
    """Look for V4L2 devices that this user may open."""
    devices = sorted(DEV.glob('video[0-9]*'), key=lambda device: (len(device.name), device.name))
    if not devices:
        return Finding(
            'cameras',
            'missing',
            'no /dev/video*: pictures come from a file, a stream, a topic or the phantom',
            'connect a camera or a capture card; in a container, pass it in with --device',
        )
    closed = [device.name for device in devices if not os.access(device, os.R_OK | os.W_OK)]
    listed = ', '.join(f'device:{device} ({_camera_name(device)})' for device in devices)
    if closed:
        detail = f'{listed}; this user may not open {", ".join(closed)}'
        return Finding('cameras', 'problem', detail, 'sudo usermod -aG video $USER, then log in again')
    return Finding('cameras', 'ok', listed)


def _camera_name(device: Path) -> str:
    name = VIDEO_CLASS / device.name / 'name'
    return name.read_text().strip() if name.exists() else 'unnamed'


def decoding() -> Finding:
    """Try PyAV and tell what it decodes with."""
    worked, said = probe.python(
        'import av; from av.codec.hwaccel import hwdevices_available as hw\n'
        'print(av.__version__, av.ffmpeg_version_info, ",".join(hw()) or "-")',
    )
    if not worked:
        detail = f'PyAV does not load: {said}; no file, stream or device can be read'
        return Finding('video decoding', 'problem', detail, 'pip install av')
    version, ffmpeg, built_in = said.split()
    there = [kind for kind in built_in.split(',') if _has_device(kind)]
    hardware = f'in hardware with {", ".join(there)}' if there else 'on the CPU, no hardware decoder found'
    return Finding('video decoding', 'ok', f'PyAV {version} (FFmpeg {ffmpeg}), {hardware}')


def _has_device(kind: str) -> bool:
    """Whether this host has a device for a kind of hardware decoding that FFmpeg was built with."""
    if kind == 'cuda':
        return (DEV / 'nvidiactl').exists()
    return kind in ('vaapi', 'qsv', 'drm') and any((DEV / 'dri').glob('renderD*'))


def gstreamer() -> Finding:
    """Tell whether OpenCV can open GStreamer pipelines."""
    worked, said = probe.python(
        'import cv2, re; print(cv2.__version__, *re.findall(r"GStreamer: +(\\S+)", cv2.getBuildInformation()))',
    )
    if not worked:
        detail = f'OpenCV does not load: {said}; no picture can be converted'
        return Finding('OpenCV', 'problem', detail, 'pip install "opencv-python-headless<5"')
    version, *built = said.split()
    if built == ['YES']:
        return Finding('OpenCV', 'ok', f'{version} with GStreamer')
    return Finding(
        'OpenCV',
        'ok',
        f'{version} without GStreamer: device: takes V4L2 devices and not pipelines',
        'for pipelines: the python3-opencv of the Linux distribution',
    )


def cv_bridge() -> Finding:
    """Look for a ``cv_bridge`` that works with this NumPy and OpenCV."""
    ours = 'images of other nodes are converted by our own converter'
    if not probe.has('cv_bridge'):
        remedy = 'not needed; on a ROS 2 host: apt install ros-<distro>-cv-bridge'
        return Finding('cv_bridge', 'missing', f'not here; {ours}', remedy)
    worked, said = probe.python('from surgical_guidance.frames.encodings import cv_bridge_is_used as u; print(u())')
    if not worked or said != 'True':
        detail = f'installed, but it does not work with this NumPy and OpenCV; {ours}'
        return Finding('cv_bridge', 'missing', detail, 'not needed; use the one of this ROS installation')
    return Finding('cv_bridge', 'ok', 'converts the colour images of other nodes')


CHECKS: Sequence[Callable[[], Finding]] = (cameras, decoding, gstreamer, cv_bridge)
