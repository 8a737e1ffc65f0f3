"""Pictures are put into a network as its manifest says, and results that cannot be are not believed."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from inference_helpers import ToldEngine, as_frame

from surgical_guidance.errors import FrameOverwritten, ModelError
from surgical_guidance.inference.manifest import InputSpec, Manifest, Normalisation
from surgical_guidance.inference.pipeline import Pipeline
from surgical_guidance.inference.preprocess import Preprocessor


def picture(value: tuple[int, int, int] = (10, 20, 30)) -> np.ndarray:
    image = np.empty((32, 64, 3), np.uint8)
    image[:] = value
    return image


def seen(value: tuple[int, int, int] = (10, 20, 30)) -> np.ndarray:
    """A picture in which there is something."""
    image = picture(value)
    image[:, :32] += 100
    return image


def spec(**fields: object) -> InputSpec:
    usual: dict[str, object] = {'name': 'image', 'width': 16, 'height': 16, 'layout': 'nhwc', 'colour': 'bgr'}
    return InputSpec.model_validate(usual | {'normalisation': 'in_graph'} | fields)


def prepared(spec: InputSpec, image: np.ndarray) -> np.ndarray:
    target = np.zeros(spec.shape, spec.dtype)
    Preprocessor(spec, target)(image)
    return target


def test_a_picture_is_scaled_to_the_network() -> None:
    image = np.random.default_rng(0).integers(0, 255, (64, 96, 3), np.uint8)
    wanted = cv2.resize(image, (16, 16), interpolation=cv2.INTER_LINEAR)
    assert np.array_equal(prepared(spec(), image)[0], wanted)


def test_rows_with_padding_and_grey_pictures_are_taken() -> None:
    wide = np.zeros((32, 80, 3), np.uint8)
    wide[:, :64] = 7
    assert (prepared(spec(), wide[:, :64]) == 7).all()
    assert (prepared(spec(), np.full((32, 64), 9, np.uint8)) == 9).all()


def test_colours_layout_and_normalisation_are_as_the_manifest_says() -> None:
    normalisation = Normalisation(mean=(30, 20, 10), scale=(1, 2, 4))
    planes = prepared(spec(layout='nchw', colour='rgb', normalisation=normalisation), picture((11, 24, 33)))
    assert planes.dtype == np.float32
    assert planes.shape == (1, 3, 16, 16)
    assert [float(plane.mean()) for plane in planes[0]] == pytest.approx([3.0, 2.0, 0.25], abs=1e-5)
    assert [int(plane.mean()) for plane in prepared(spec(layout='nchw'), picture())[0]] == [10, 20, 30]


@pytest.mark.parametrize(
    ('camera', 'size'),
    [
        ((1920, 1080), (512, 288)), ((3840, 2160), (512, 288)), ((1280, 800), (512, 288)),
        ((720, 576), (448, 352)), ((1280, 1024), (448, 352)), ((640, 480), (448, 352)),
        ((1024, 1024), (352, 352)), ((4096, 2160), (768, 416)),
    ],
)  # fmt: skip
def test_a_camera_gets_the_size_that_is_said_for_it_or_for_the_nearest_shape(camera, size) -> None:
    cameras = {'720x576': (448, 352), '1080x1080': (352, 352), '4096x2160': (768, 416)}
    assert spec(width=512, height=288, size_step=32, cameras=cameras).size_for(*camera) == size


def test_a_smaller_input_is_smaller_for_every_camera() -> None:
    whole = spec(width=512, height=288, size_step=32, cameras={'720x576': (448, 352)})
    assert whole.sizes == ((512, 288), (448, 352))
    assert whole.scaled(0.5).sizes == ((256, 128), (224, 192))


def test_a_result_carries_its_times_and_classes(told_manifest: Manifest) -> None:
    result = Pipeline(told_manifest, ToldEngine()).run(as_frame(seen()))
    assert result.problem == ''
    assert result.segmentation is not None
    assert result.segmentation.classes == told_manifest.classes
    assert result.end_ns >= result.start_ns > 0


def test_a_frame_overwritten_while_it_is_read_gives_no_result(told_manifest: Manifest) -> None:
    with pytest.raises(FrameOverwritten, match='frame 5 was overwritten'):
        Pipeline(told_manifest, ToldEngine()).run(as_frame(seen(), 5, lambda: 13))


def test_nan_is_not_believed(told_manifest: Manifest) -> None:
    engine = ToldEngine(np.float32)
    pipeline = Pipeline(told_manifest, engine)
    good = pipeline.run(as_frame(seen())).segmentation
    assert good is not None
    assert (good.confidence == 255).all()
    engine.results['confidence'][0, 3, 3] = np.nan
    result = pipeline.run(as_frame(seen()))
    assert result.segmentation is None
    assert result.problem == 'the network gave NaN'


def test_a_class_that_does_not_exist_is_not_believed(told_manifest: Manifest) -> None:
    engine = ToldEngine()
    engine.results['labels'][0, 0, 0] = 200
    assert (
        Pipeline(told_manifest, engine).run(as_frame(seen())).problem == 'the network gave class 200, and it knows 16'
    )


def test_one_class_everywhere_is_not_believed(told_manifest: Manifest) -> None:
    engine = ToldEngine()
    engine.results['labels'][:] = 6
    assert Pipeline(told_manifest, engine).run(as_frame(seen())).problem == 'the network sees nothing but liver'


@pytest.mark.parametrize('grey', [0, 128, 255])
def test_a_picture_without_content_is_not_believed(told_manifest: Manifest, grey: int) -> None:
    result = Pipeline(told_manifest, ToldEngine()).run(as_frame(picture((grey, grey, grey))))
    assert result.problem == 'the picture is the same everywhere: there is nothing to see in it'


def test_the_same_result_for_changing_pictures_is_not_believed_until_it_changes(told_manifest: Manifest) -> None:
    engine = ToldEngine()
    pipeline = Pipeline(told_manifest, engine)
    problems = [pipeline.run(as_frame(seen((value + 50, 0, 0)))).problem for value in range(1, 13)]
    assert problems[:10] == [''] * 10
    assert problems[10:] == ['the network gives the same result for different pictures'] * 2
    engine.results['labels'][0, 15, 15] = 2
    assert pipeline.run(as_frame(seen((99, 0, 0)))).problem == ''


def test_a_still_picture_may_give_a_still_result(told_manifest: Manifest) -> None:
    pipeline = Pipeline(told_manifest, ToldEngine())
    assert {pipeline.run(as_frame(seen())).problem for _ in range(30)} == {''}


def test_outputs_of_another_form_are_refused_at_once(told_manifest: Manifest) -> None:
    engine = ToldEngine(np.int64)
    with pytest.raises(ModelError, match='confidence is int64'):
        Pipeline(told_manifest, engine)
