import pytest

from surgical_guidance.camera.device import gstreamer_available
from surgical_guidance.camera.file import FileSource
from surgical_guidance.camera.sources import examples, is_live, make_source, register
from surgical_guidance.camera.topic import TopicSource
from surgical_guidance.camera.uri import hide_password
from surgical_guidance.errors import SourceError


@pytest.mark.parametrize('uri', ['nonsense:x', 'http://host/clip.mp4', 'clip.mp4', '', '/dev/null', 'C'])
def test_what_is_no_source_is_refused_with_an_example_of_every_kind(uri):
    with pytest.raises(SourceError) as caught:
        make_source(uri)
    assert caught.value.where
    assert caught.value.remedy.startswith('write')
    if uri != '/dev/null':
        assert all(example in caught.value.remedy for example in examples().values())


def test_a_bare_path_that_exists_is_told_how_to_write_it(clip):
    with pytest.raises(SourceError, match=f'write file:{clip}'):
        make_source(str(clip))


def test_the_kind_is_not_case_sensitive(clip):
    assert isinstance(make_source(f'FILE:{clip}'), FileSource)


@pytest.mark.parametrize(
    ('uri', 'says'),
    [
        ('file:clip.mp4?lop=1', 'lop is not known; there are loop=0|1, pace=0|1, size=WxH, hardware=0|1'),
        ('file:clip.mp4?loop=yes', 'loop=yes cannot be used; write loop=0 or 1'),
        ('file:clip.mp4?size=1080p', 'write size=WIDTHxHEIGHT'),
        ('file:clip.mp4?size=0x10', 'write size=WIDTHxHEIGHT'),
        ('file:clip.mp4?loop', 'cannot be read'),
        ('file:clip.mp4?loop=1&loop=0', 'given twice'),
        ('file:', 'no file named'),
        ('file://server/clip.mp4', 'files of other hosts'),
        ('file:~nobody-has-this-name/clip.mp4', 'no such home'),
        ('device:video0', 'write device:/dev/video0'),
        ('device:/dev/video0?rate=-1', 'rate=-1 cannot be used'),
        ('device:/dev/video0?rate=nan', 'rate=nan cannot be used'),
        ('device:/dev/video0?colour=1', 'colour is not known'),
        ('gst:v4l2src ! autovideosink', 'end it with'),
        ('rtsp:host', 'host and port are missing'),
        ('udp://127.0.0.1', 'host and port are missing'),
        ('srt://host:99999', 'no such port'),
        ('rtsp://host/x#transport=pigeon', 'write transport=tcp or udp'),
        ('udp://@:5000#transport=tcp', 'transport is not known; there are timeout=NUMBER'),
        ('topic:', 'no topic named'),
        ('topic:/a b', 'no topic named'),
        ('topic:/image?type=jpeg', 'write type=raw or compressed'),
    ],
)
def test_a_malformed_uri_is_refused_with_what_to_write(uri, says):
    with pytest.raises(SourceError) as caught:
        make_source(uri)
    assert says in str(caught.value)


def test_an_opencv_without_gstreamer_is_told():
    if gstreamer_available():
        pytest.skip('this OpenCV has GStreamer')
    with pytest.raises(SourceError, match='built without GStreamer'):
        make_source('gst:videotestsrc ! videoconvert ! appsink')


@pytest.mark.parametrize('form', ['{}', '//{}', '//localhost{}'])
def test_a_file_is_found_by_every_form_of_its_uri(clip, form):
    source = make_source('file:' + form.format(clip))
    assert source.open().width == 64
    source.close()


def test_a_file_name_may_hold_what_uris_use(clip, monkeypatch):
    odd = clip.with_name('what? 50% #2.mp4')
    clip.rename(odd)
    monkeypatch.chdir(odd.parent)
    source = make_source('file:what%3F 50%25 #2.mp4?loop=1')
    assert source.open().height == 48
    source.close()


def test_a_file_is_found_in_the_home_folder(clip, monkeypatch):
    monkeypatch.setenv('HOME', str(clip.parent))
    source = make_source('file:~/clip.mp4')
    assert source.open().height == 48
    source.close()


@pytest.mark.parametrize(
    ('uri', 'compressed'),
    [('topic:/x', False), ('topic:/x/compressed', True), ('topic:/x?type=compressed', True)],
)
def test_the_type_of_a_topic_is_guessed_by_its_name(uri, compressed):
    source = make_source(uri)
    assert isinstance(source, TopicSource)
    assert source.compressed is compressed


def test_which_sources_may_come_back():
    assert {scheme: is_live(uri) for scheme, uri in examples().items() if scheme != 'phantom'} == {
        'file': False, 'device': True, 'gst': True, 'rtsp': True, 'srt': True, 'udp': True, 'topic': True,
    }  # fmt: skip


def test_other_rooms_can_bring_a_source(monkeypatch):
    monkeypatch.setattr('surgical_guidance.camera.sources._kinds', {})
    register('mine', lambda uri: uri.upper())
    assert make_source('mine:x') == 'MINE:X'
    assert examples() == {'mine': 'mine:'}
    assert not is_live('mine:x')


def test_a_password_is_not_shown():
    assert hide_password('rtsp://me:secret@host/x') == 'rtsp://me:***@host/x'
    assert hide_password('rtsp://host:554/x@y') == 'rtsp://host:554/x@y'
    with pytest.raises(SourceError) as caught:
        make_source('rtsp://me:secret@host/x#what=1')
    assert 'secret' not in str(caught.value)
