"""What TensorRT says, in one line that tells the cause and what to do."""

from __future__ import annotations

import re

_KEPT = 100  # of the latest errors and of the latest warnings
_NOISE = re.compile(
    r'^(\[\w+\.cpp::\w+::\d+\] |\w+\.cpp:\d+: |ERROR: |\[\d+\] )+'  # where in its source
    r'|\s*\(?(In|at) [\w:~<>]+ at /[^\s)]+\)?'
    r'|\s*In \w+ at /\S+',
)
_SHELL = re.compile(r'(?:[\w:]+: )?Error Code \d+: [\w ]+ \((?P<told>.*)')
_FRAME = ('--- Begin', '--- End', 'While parsing node', 'Node name:', 'In function', 'input:', 'output:')

_KNOWN: tuple[tuple[str, str, str], ...] = (
    # what the library says, what it means, what to do
    (
        r'cudaError 35|driver version is insufficient|no CUDA-capable|cudaErrorNoDevice|cudaError 100|libcuda',
        'there is no NVIDIA GPU with a driver here',
        'run it on a host with one (nvidia-smi must list it); a TensorRT-RTX engine can be built without',
    ),
    (
        r'magicTag|[Mm]agic tag',
        'this is no plan of this library',
        'build it again here with `surgical-guidance engine build`',
    ),
    (
        r'header\.size == blobSize|Serialization assertion .*(size|Size)|truncated',
        'the plan is cut short or longer than it says',
        'copy it again, or build it again with `surgical-guidance engine build`',
    ),
    (
        r'[Vv]ersion tag does not match|VERSION_MISMATCH|incompatible (serialization )?version|[Pp]lan .*older',
        'the plan was built by another version of the library',
        'build it again with the version that is to run it, or with --version-compatible',
    ),
    (
        r'UNSUPPORTED_CC|[Cc]ompute [Cc]apability|compiled for|generated on a device with|different (GPU|device)',
        'the plan was built for another kind of GPU',
        'build it for this one: `surgical-guidance engine build --target`',
    ),
    (
        r'[Nn]on-zero zero point|zero point',
        'the quantisation is not symmetric, and TensorRT takes no other',
        'quantise it with `surgical-guidance engine calibrate` (symmetric INT8)',
    ),
    (
        r'broadcast dimensions must be conformable|inherently false condition',
        'the network cannot take pictures of this shape',
        'give sizes that it can halve as often as it does: multiples of 32, mostly',
    ),
    (
        r'[Oo]ut of memory|OutOfMemory|INSUFFICIENT_GPU_MEMORY|FAILED_ALLOCATION',
        'the memory of the device does not suffice',
        'give it a smaller profile maximum, or a smaller workspace',
    ),
)


class Said:
    """Errors and warnings of the library, the latest hundred of each."""

    def __init__(self) -> None:
        self.errors: list[str] = []
        self.warnings: list[str] = []

    def error(self, text: str) -> None:
        """Add an error."""
        self._add(self.errors, text)

    def warning(self, text: str) -> None:
        """Add a warning."""
        self._add(self.warnings, text)

    def cause(self) -> str:
        """Give the first error that tells something, in one line; '' where there is none."""
        lines = [one_line(text) for text in self.errors]
        return next((line for line in lines if line), '')

    def clear(self) -> None:
        """Forget all of it."""
        self.errors.clear()
        self.warnings.clear()

    def _add(self, texts: list[str], text: str) -> None:
        texts.append(text)
        del texts[:-_KEPT]


def one_line(text: str) -> str:
    """Take the library's own frame off a message: source lines, dumped nodes, line breaks."""
    parts = []
    for line in text.splitlines():
        bare = _NOISE.sub('', line.strip()).strip()
        if bare and not bare.startswith(_FRAME):
            parts.append(bare)
    shell = _SHELL.fullmatch(text := ' '.join(parts))
    if shell is None:
        return text
    told = shell['told']
    return told[:-1] if told.endswith(')') and told.count('(') < told.count(')') else told


def explain(cause: str) -> tuple[str, str]:
    """Give what a message means and what to do about it; the message itself and '' where it is not known."""
    for pattern, meaning, remedy in _KNOWN:
        if re.search(pattern, cause):
            return f'{meaning} ({cause[:_LONGEST]})', remedy
    return cause[:_LONGEST] or 'the library says nothing of why', ''


_LONGEST = 300  # characters of the library's own words in an error of ours
