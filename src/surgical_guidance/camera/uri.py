"""The URIs that name picture sources, and the options in them."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from urllib.parse import parse_qsl, unquote

from surgical_guidance.errors import SourceError

_SCHEME = re.compile(r'([A-Za-z][A-Za-z0-9+.-]*):')
LARGEST_SIDE = 8192  # [px]: an 8K picture; more is a slip that would take gigabytes of shared memory
_SIZE = re.compile(r'([1-9][0-9]{0,4})x([1-9][0-9]{0,4})')
_PASSWORD = re.compile(r'(//[^/@:]*:)[^/@]*@')


def scheme_of(uri: str) -> str:
    """Give the scheme of a URI in lower case; '' where it has none."""
    match = _SCHEME.match(uri)
    return match[1].lower() if match else ''


def split(uri: str, mark: str = '?') -> tuple[str, Options]:
    """Take a URI apart: what it names, without the scheme, and the options ``name=value&name=value`` behind ``mark``.

    :param mark: ``?``, and what is named may be percent-encoded; or ``#`` for URLs that have a query of their own, and
        what is named is given as it is.
    :raises SourceError: if the options are not written like that, or one is given twice.
    """
    where = hide_password(uri)
    path, _, query = uri.partition(':')[2].partition(mark)
    try:
        pairs = parse_qsl(query, keep_blank_values=True, strict_parsing=True) if query else []
    except ValueError:
        raise SourceError(
            f'the options {query!r} cannot be read', where=where, remedy=f'write {mark}name=value&name=value'
        ) from None
    options = dict(pairs)
    if len(options) < len(pairs):
        raise SourceError(f'an option is given twice in {query!r}', where=where)
    return unquote(path) if mark == '?' else path, Options(options, where)


def hide_password(uri: str) -> str:
    """Give a URI as it may be shown and logged."""
    return _PASSWORD.sub(r'\1***@', uri)


class Options:
    """The options of one URI, each asked for by name and type. :meth:`finish` refuses those that nobody asked for.

    :param where: the URI, for the errors.
    """

    def __init__(self, values: Mapping[str, str], where: str) -> None:
        self._values = dict(values)
        self._known: list[str] = []
        self.where = where

    def _take(self, name: str, form: str) -> str | None:
        self._known.append(f'{name}={form}')
        return self._values.pop(name, None)

    def _refuse(self, name: str, text: str, form: str) -> SourceError:
        return SourceError(f'{name}={text} cannot be used', where=self.where, remedy=f'write {name}={form}')

    def flag(self, name: str, default: bool) -> bool:
        """Give an option that is 1 or 0."""
        text = self._take(name, '0|1')
        if text is None:
            return default
        if text not in ('0', '1'):
            raise self._refuse(name, text, '0 or 1')
        return text == '1'

    def number(self, name: str, default: float, *, most: float) -> float:
        """Give an option that is a number above 0, up to ``most``."""
        text = self._take(name, 'NUMBER')
        if text is None:
            return default
        try:
            value = float(text)
        except ValueError:
            value = 0.0
        if not 0.0 < value <= most:  # also refuses nan
            raise self._refuse(name, text, f'a number above 0, up to {most:g}')
        return value

    def size(self, name: str) -> tuple[int, int] | None:
        """Give an option that is WIDTHxHEIGHT [px]."""
        text = self._take(name, 'WxH')
        if text is None:
            return None
        match = _SIZE.fullmatch(text)
        if not match:
            raise self._refuse(name, text, 'WIDTHxHEIGHT, such as 1920x1080')
        width, height = int(match[1]), int(match[2])
        if max(width, height) > LARGEST_SIDE:
            raise self._refuse(name, text, f'sides up to {LARGEST_SIDE}')
        return width, height

    def choice(self, name: str, default: str, choices: Sequence[str]) -> str:
        """Give an option that is one of some words."""
        text = self._take(name, '|'.join(choices))
        if text is None:
            return default
        if text not in choices:
            raise self._refuse(name, text, ' or '.join(choices))
        return text

    def word(self, name: str) -> str:
        """Give an option that is any word; '' where it is not given."""
        return self._take(name, 'WORD') or ''

    def finish(self) -> None:
        """Refuse what is left.

        :raises SourceError: naming the options that there are.
        """
        if self._values:
            unknown = ', '.join(sorted(self._values))
            remedy = f'there are {", ".join(self._known)}' if self._known else 'it has no options'
            raise SourceError(f'the option {unknown} is not known', where=self.where, remedy=remedy)
