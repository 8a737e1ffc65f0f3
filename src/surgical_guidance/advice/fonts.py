"""Fonts for the texts in the picture: one of the host's that has Chinese, else what Pillow brings, which has not."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from PIL import ImageFont

from surgical_guidance.errors import HostError

CJK_FILES = (
    'NotoSansCJK-Medium.ttc', 'NotoSansCJK-Regular.ttc', 'NotoSansCJK-Bold.ttc', 'NotoSansSC-Regular.otf',
    'SourceHanSansSC-Regular.otf', 'SourceHanSansCN-Regular.otf', 'wqy-microhei.ttc', 'wqy-zenhei.ttc',
    'DroidSansFallbackFull.ttf', 'DroidSansFallback.ttf', 'NotoSerifCJK-Bold.ttc', 'NotoSerifCJK-Regular.ttc',
    'msyh.ttc', 'PingFang.ttc',
)  # fmt: skip
"""Files of fonts that have Chinese, by their usual names; Pillow looks for them where the host keeps fonts."""

_PROBE = '电'
_NOBODY_HAS = '\U0010ffff'

Font = ImageFont.FreeTypeFont | ImageFont.ImageFont


@dataclass(frozen=True, slots=True)
class Fonts:
    """The font that is used.

    :param file: '' for the one that Pillow brings.
    :param chinese: whether it has Chinese.
    """

    file: str
    chinese: bool

    def at(self, size: int) -> Font:
        """Give it in a size [px]."""
        return _font(self.file, size)


def find_fonts(file: str = '') -> Fonts:
    """Find a font.

    :param file: of a font that shall be used; '' looks for one that has Chinese.
    :raises HostError: if the file that was named cannot be used.
    """
    if file:
        try:
            return Fonts(file, _has_chinese(file))
        except OSError as error:
            raise HostError(
                f'this font cannot be used ({error})', where=file, remedy='name another font file'
            ) from error
    for name in CJK_FILES:
        try:
            if _has_chinese(name):
                return Fonts(name, True)
        except OSError:
            continue
    return Fonts('', False)


def _has_chinese(file: str) -> bool:
    font = _font(file, 24)
    return bytes(font.getmask(_PROBE)) != bytes(font.getmask(_NOBODY_HAS))


@lru_cache(maxsize=16)
def _font(file: str, size: int) -> Font:
    return ImageFont.truetype(file, size) if file else ImageFont.load_default(size)
