"""Builds by the real library: every model, precision and profile; the cache and its sidecar."""

from __future__ import annotations

import hashlib
import subprocess
import sys

import pytest
from engines_helpers import files_under, foreign_source, picture_set, tiny, tiny_source

from foreign_models import FOREIGN
from surgical_guidance.engines import shapes
from surgical_guidance.engines.artefact import write_artefact
from surgical_guidance.engines.calibrate import calibrate
from surgical_guidance.engines.calibration_set import open_set
from surgical_guidance.engines.inspection import inputs_of
from surgical_guidance.engines.make import key_of, make
from surgical_guidance.engines.options import Options
from surgical_guidance.engines.source import open_source
from surgical_guidance.engines.store import Store
from surgical_guidance.errors import EngineError, ModelError
from surgical_guidance.inference.manifest import MODELS
from surgical_guidance.inference.plan import Range, read_plan, read_sidecar

SHIPPED = sorted(path.stem for path in MODELS.glob('*.yaml'))
PRECISIONS = ('fp32', 'fp16', 'int8')


@pytest.fixture(scope='module')
def pictures(tmp_path_factory):
    return open_set(picture_set(tmp_path_factory.mktemp('pictures'), {'smoke': 2})).pictures


def calibrated(source, folder, pictures, precision='int8'):
    path = folder / f'{source.name}.{precision}.onnx'
    write_artefact(path, calibrate(source, pictures, 'minmax', precision), source, precision, {'method': 'minmax'})
    return path


def profiles_of(source):
    """The live profile, and the graded one where the network leaves anything open."""
    inputs, where = inputs_of(source.graph), str(source.path)
    yield shapes.live(inputs, source.sizes, where)
    if any(-1 in one.shape for one in inputs):
        yield (shapes.graded(inputs, where),)
        return
    with pytest.raises(ModelError, match='fixed shapes') as caught:
        shapes.graded(inputs, where)
    assert '--profile live' in caught.value.remedy


@pytest.mark.parametrize('name', [*SHIPPED, *FOREIGN])
@pytest.mark.parametrize('precision', PRECISIONS)
def test_every_model_is_built_in_every_precision_for_every_profile(name, precision, library, store, tmp_path, pictures):
    source = open_source(name) if name in SHIPPED else foreign_source(tmp_path, name)
    ranges = calibrated(source, tmp_path, pictures) if precision == 'int8' else None
    built = []
    for profiles in profiles_of(source):
        made = make(source, Options(precision=precision, profiles=profiles, effort=0), library, ranges, store)
        plan, content = read_plan(made.path)
        built.append(plan)
        assert made.built
        assert len(content) > 1000
        assert plan.profiles == profiles
        assert {one.name for one in plan.inputs} == {value.name for value in source.graph.graph.input}
        assert {one.name for one in plan.outputs} == {value.name for value in source.graph.graph.output}
    if name in FOREIGN:
        assert len(built) == 2
        assert built[1].profiles[0][FOREIGN[name].input].max[0] == 8


def test_the_seeds_profile_is_the_graded_one(tmp_path):
    inputs = inputs_of(foreign_source(tmp_path, 'deeplab').graph)
    assert shapes.graded(inputs, '') == {
        'input': Range(min=(1, 3, 224, 224), opt=(4, 3, 384, 384), max=(8, 3, 512, 512))
    }


def test_two_builds_of_the_same_things_are_the_same_bytes(library, tmp_path):
    source = tiny_source(tmp_path)
    made = [make(source, Options(precision='fp16'), library, store=Store(tmp_path / name)) for name in ('a', 'b')]
    assert all(one.built for one in made)
    assert made[0].path.read_bytes() == made[1].path.read_bytes()
    assert read_sidecar(made[0].path).key == read_sidecar(made[1].path).key


def test_a_build_is_done_by_a_process_whose_addresses_are_not_random():
    script = """
import sys
from surgical_guidance.engines.same_addresses import start_again_with_the_same_addresses
print(*sys.argv[1:], open('/proc/self/personality').read(), flush=True)
start_again_with_the_same_addresses()
"""
    if subprocess.run(['setarch', '-R', 'true'], check=False, capture_output=True).returncode:
        pytest.skip('a container that forbids personality(2)')
    heard = subprocess.run([sys.executable, '-c', script, 'build'], check=True, capture_output=True, text=True).stdout
    assert heard.split() == ['build', '00000000', 'build', '00040000'], 'started again once, with the same arguments'


def test_what_was_built_comes_from_the_cache(library, store, tmp_path):
    source = tiny_source(tmp_path)
    first = make(source, Options(), library, store=store)
    before = files_under(store.folder)
    second = make(source, Options(), library, store=store)
    assert (first.built, second.built) == (True, False)
    assert files_under(store.folder) == before


def test_a_changed_plan_in_the_cache_is_built_again(library, store, tmp_path):
    source = tiny_source(tmp_path)
    place = make(source, Options(), library, store=store).path
    good = place.read_bytes()
    place.write_bytes(bytes([good[0] ^ 1]) + good[1:])
    again = make(source, Options(), library, store=store)
    assert again.built
    assert place.read_bytes() == good


def test_everything_a_plan_depends_on_is_in_its_key(library, tmp_path, pictures):
    source = tiny_source(tmp_path)
    (tmp_path / 'other').mkdir()
    other = tiny_source(tmp_path / 'other', seed=1)
    ranges = calibrated(source, tmp_path, pictures)
    keys = [
        key_of(source, Options(), library, 'any', None),
        key_of(other, Options(), library, 'any', None),
        key_of(source, Options(), library, 'sm86', None),
        key_of(source, Options(precision='int8'), library, 'any', None),
        key_of(source, Options(precision='int8'), library, 'any', ranges),
        *(
            key_of(source, Options(**option), library, 'any', None)
            for option in (
                {'precision': 'fp16'}, {'workspace_mb': 64}, {'dla': 0}, {'version_compatible': True},
                {'effort': 1}, {'clean_up': True},
                {'profiles': ({'image': Range(min=(1,), opt=(1,), max=(1,))},)},
            )
        ),
    ]  # fmt: skip
    assert len(set(keys)) == len(keys)


def test_the_sidecar_tells_where_a_plan_comes_from(library, store, tmp_path, pictures):
    source = tiny_source(tmp_path)
    ranges = calibrated(source, tmp_path, pictures)
    plan, content = read_plan(make(source, Options(precision='int8'), library, ranges, store).path)
    assert plan.sha256 == hashlib.sha256(content).hexdigest()
    assert plan.model_sha256 == hashlib.sha256(source.path.read_bytes()).hexdigest()
    assert (plan.library, plan.library_version) == (library.name, library.version)
    assert plan.calibration == {'method': 'minmax'}
    assert plan.verification is None
    assert plan.built['at']


@pytest.mark.parametrize('target', ['sm75', 'sm86', 'sm89,sm120'])
def test_it_is_built_for_the_gpus_asked_for_without_having_them(target, library, store, tmp_path):
    made = make(tiny_source(tmp_path), Options(target=target), library, store=store)
    assert read_sidecar(made.path).target == target


def test_open_sizes_get_one_live_profile_each(library, store, tmp_path):
    source = open_source(str(tiny(tmp_path / 'open.onnx', batch='n', side='side')))
    profiles = shapes.live(inputs_of(source.graph), [(64, 64), (32, 32)], '')
    plan = read_sidecar(make(source, Options(profiles=profiles), library, store=store).path)
    assert [one['image'].opt for one in plan.profiles] == [(1, 64, 64, 3), (1, 32, 32, 3)]
    assert plan.inputs[0].shape == (-1, -1, -1, 3)


def test_fp8_is_built_too(library, store, tmp_path, pictures):
    source = tiny_source(tmp_path)
    ranges = calibrated(source, tmp_path, pictures, 'fp8')
    assert read_sidecar(make(source, Options(precision='fp8'), library, ranges, store).path).precision == 'fp8'


def test_ranges_of_another_network_are_refused(library, store, tmp_path, pictures):
    (tmp_path / 'other').mkdir()
    ranges = calibrated(tiny_source(tmp_path / 'other', seed=1), tmp_path, pictures)
    with pytest.raises(EngineError, match='calibrated from another network'):
        make(tiny_source(tmp_path), Options(precision='int8'), library, ranges, store)


def test_ranges_nobody_needs_are_refused(library, store, tmp_path, pictures):
    source = tiny_source(tmp_path)
    ranges = calibrated(source, tmp_path, pictures)
    with pytest.raises(EngineError, match='fp16 takes no ranges'):
        make(source, Options(precision='fp16'), library, ranges, store)


def test_progress_grows_to_its_end(library, store, tmp_path):
    heard = []
    make(tiny_source(tmp_path), Options(), library, store=store, tell=lambda share, what: heard.append((share, what)))
    shares = [share for share, _ in heard]
    assert shares == sorted(shares)
    assert shares[-1] == pytest.approx(1.0)
    assert len({what for _, what in heard}) > 3
