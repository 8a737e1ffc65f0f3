"""A build that is killed or cancelled leaves nothing broken, and the next one finds no trace of it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from engines_helpers import files_under, tiny_source

from surgical_guidance.engines.make import key_of, make
from surgical_guidance.engines.options import Options
from surgical_guidance.engines.progress import Progress
from surgical_guidance.engines.trt_build import Cancelled, build

BUILDER = """
import signal
import sys
from pathlib import Path
from surgical_guidance.engines import store
from surgical_guidance.engines.make import make
from surgical_guidance.engines.options import Options
from surgical_guidance.engines.source import open_source
from surgical_guidance.engines.store import Store
from surgical_guidance.engines.trt_build import Cancelled
from surgical_guidance.inference.trt_library import load

moment, manifest, folder = sys.argv[1:]
signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background job inherits that it is ignored

def here(*_):
    print('here', flush=True)
    sys.stdin.read()  # until somebody ends this process, or closes the pipe

def before_sidecar(*arguments):
    here()
    write_sidecar(*arguments)

def tell(share, what):
    if moment == 'in the library' and share > 0.3 and not told:
        told.append(share)
        here()

told, write_sidecar = [], store.write_sidecar
if moment == 'before the sidecar':
    store.write_sidecar = before_sidecar
try:
    make(open_source(manifest), Options(), load('tensorrt_rtx'), store=Store(Path(folder)), tell=tell)
except Cancelled:
    print('cancelled', flush=True)
    sys.exit(130)
"""


def builder(moment: str, manifest: Path, folder: Path) -> subprocess.Popen[str]:
    """Start a build that stops at a moment and says so."""
    process = subprocess.Popen(
        [sys.executable, '-c', BUILDER, moment, manifest, folder],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == 'here\n'
    return process


@pytest.mark.parametrize('moment', ['in the library', 'before the sidecar'])
def test_a_killed_build_leaves_no_broken_cache(moment, library, store, tmp_path):
    source = tiny_source(tmp_path)
    process = builder(moment, tmp_path / 'tiny.yaml', store.folder)
    process.kill()
    process.communicate()
    assert process.returncode == -signal.SIGKILL
    key = key_of(source, Options(), library, 'any', None)
    assert store.find(key) is None
    made = make(source, Options(), library, store=store)
    assert made.built
    assert store.find(key) == made.path
    assert sorted(files_under(store.folder)) == [f'{key}.plan', f'{key}.plan.json', f'{key}.plan.onnx']


def test_ctrl_c_stops_the_library_and_leaves_nothing(store, tmp_path):
    tiny_source(tmp_path)
    process = builder('in the library', tmp_path / 'tiny.yaml', store.folder)
    process.send_signal(signal.SIGINT)
    output, _ = process.communicate()  # closes its pipe: it goes on, and the library finds that it is to stop
    assert output == 'cancelled\n'
    assert process.returncode == 130
    assert files_under(store.folder) == {}


def test_a_cancelled_build_stops_at_its_next_step(library, tmp_path):
    source = tiny_source(tmp_path)
    steps = []

    def tell(share: float, what: str) -> None:
        steps.append(share)
        if len(steps) == 5:
            progress.cancel()

    progress = Progress(tell)
    from surgical_guidance.engines.convert import network_for

    with pytest.raises(Cancelled):
        build(library, network_for(source, 'fp32', None), Options(), progress, source.path)
    told = len(steps)
    assert told < 20  # of more than a hundred


def test_who_builds_the_same_at_the_same_time_waits_and_finds_it(library, store, tmp_path):
    source = tiny_source(tmp_path)
    made = []
    first_is_building, go_on = threading.Event(), threading.Event()

    def slow(share: float, what: str) -> None:
        first_is_building.set()
        assert go_on.wait(60)

    one = threading.Thread(target=lambda: made.append(make(source, Options(), library, store=store, tell=slow)))
    one.start()
    assert first_is_building.wait(60)
    other = threading.Thread(target=lambda: made.append(make(source, Options(), library, store=store)))
    other.start()
    go_on.set()
    one.join(60)
    other.join(60)
    assert sorted(result.built for result in made) == [False, True]


def test_a_cache_that_cannot_be_written_is_an_error_with_a_remedy(library, store, tmp_path):
    from surgical_guidance.errors import EngineError

    store.folder.parent.mkdir(exist_ok=True)
    store.folder.write_text('a file where the folder should be')
    with pytest.raises(EngineError, match='the cache cannot be written.*XDG_CACHE_HOME'):
        make(tiny_source(tmp_path), Options(), library, store=store)
    assert os.environ['XDG_CACHE_HOME']
