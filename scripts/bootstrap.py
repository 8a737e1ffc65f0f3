#!/usr/bin/env python3
"""Makes .venv: the locked packages, the message package built, this project installed.

Usage: ``python3 scripts/bootstrap.py [run|test]``. Each step leaves a stamp of what it was made from and is done again
only when that changed, so the second start takes a fraction of a second. What is missing is said in one line, with the
remedy.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import platform
import shutil
import subprocess
import sys
import sysconfig
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / '.venv'
BUILD = ROOT / 'build'
LOG = BUILD / 'setup.log'
PYTHONS = ((3, 11), (3, 12))
DEBIAN_FOR_TESTS = {'/usr/bin/chromium': 'chromium', '/usr/share/fonts/opentype/noto': 'fonts-noto-cjk'}
UNPACKED_FOR_TESTS = {'prometheus': 'prometheus'}  # program to package; installing it would start a service
UNPACKED = BUILD / 'debian'
APT_UPDATE = ('apt-get', '-qq', 'update')
APT_INSTALL = ('apt-get', '-qq', 'install', '-y', '--no-install-recommends')


class Missing(Exception):
    """Something this machine lacks, with the remedy."""


def main(argv: Sequence[str]) -> int:
    """Set up for running, or for testing too."""
    purpose = argv[0] if argv else 'run'
    if purpose not in ('run', 'test') or len(argv) > 1:
        print('usage: bootstrap.py [run|test]', file=sys.stderr)
        return 2
    try:
        check_machine()
        BUILD.mkdir(exist_ok=True)
        with (BUILD / 'setup.lock').open('w') as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)  # two makes at once: the second waits and finds the work done
            set_up(purpose)
    except Missing as missing:
        print(f'set-up: {missing}', file=sys.stderr)
        return 1
    except OSError as error:
        print(f'set-up: {error.filename}: {error.strerror}; this folder must be writable', file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print('\nset-up: interrupted; run it again to go on', file=sys.stderr)
        return 130
    return 0


def check_machine() -> None:
    """Say what is missing before anything is downloaded."""
    version = sys.version_info[:2]
    if version not in PYTHONS:
        raise Missing(
            f'this is Python {version[0]}.{version[1]}; the ROS 2 wheels exist for 3.11 and 3.12: '
            'install one of these and run `make PYTHON=python3.12 ...`'
        )
    if sys.platform != 'linux' or platform.machine() not in ('x86_64', 'aarch64'):
        raise Missing(
            f'the ROS 2 wheels exist for Linux on x86_64 and aarch64, not for {sys.platform} on {platform.machine()}: '
            'use such a machine or a container'
        )


def check_toolchain() -> None:
    """Say what is missing for the first set-up."""
    if shutil.disk_usage(ROOT).free < 3 * 2**30:
        raise Missing(f'less than 3 GiB are free under {ROOT}: free some')
    for compiler, package in (('cc', 'gcc'), ('c++', 'g++')):
        if shutil.which(compiler) is None:
            raise Missing(f'no {compiler}: install a C and C++ compiler (Debian: apt-get install {package})')
    header = Path(sysconfig.get_path('include')) / 'Python.h'
    if not header.exists():
        name = f'python{sys.version_info[0]}.{sys.version_info[1]}-dev'
        raise Missing(f'no {header}: install the headers of this Python (Debian: apt-get install {name})')
    try:
        import ensurepip  # noqa: F401
    except ImportError:
        name = f'python{sys.version_info[0]}.{sys.version_info[1]}-venv'
        raise Missing(f'this Python has no ensurepip: install it (Debian: apt-get install {name})') from None


def set_up(purpose: str) -> None:
    """Do the steps whose inputs changed."""
    LOG.write_text('')
    requirements = ROOT / 'requirements'
    interpreter = f'{sys.version}{ROOT}'
    step('environment', VENV / 'pyvenv.cfg', make_venv, [interpreter])
    step(
        'packages',
        VENV / 'stamps/packages',
        lambda: pip_lock(requirements / 'runtime.lock'),
        [interpreter, requirements / 'runtime.lock'],
    )
    messages = ROOT / 'surgical_guidance_msgs'
    includes = ROOT / 'scripts/wheel_messages.cmake'
    step(
        'messages',
        VENV / 'stamps/messages',
        lambda: build_messages(messages, includes),
        [interpreter, requirements / 'runtime.lock', includes, *sorted(p for p in messages.rglob('*') if p.is_file())],
    )
    step('surgical_guidance', VENV / 'stamps/project', install_project, [interpreter, ROOT / 'setup.py'])
    rooms = ROOT / 'src/surgical_guidance'
    compiled = [*sorted((rooms / 'scene').rglob('*.py')), rooms / 'inference/winners.py', rooms / 'advice/lines.py']
    step(
        'compiled loops',
        VENV / 'stamps/compiled',
        compile_loops,
        [interpreter, requirements / 'runtime.lock', *compiled],
    )
    if purpose == 'test':
        step(
            'test packages',
            VENV / 'stamps/test-packages',
            lambda: pip_lock(requirements / 'dev.lock', '--no-build-isolation'),  # with the locked setuptools
            [interpreter, requirements / 'dev.lock'],
        )
        install_debian_packages()


def step(name: str, stamp: Path, work: Callable[[], None], made_from: Iterable[str | Path]) -> None:
    """Do one step unless its stamp says that it was done from the very same things."""
    digest = hashlib.sha256()
    for item in made_from:
        digest.update(item.read_bytes() if isinstance(item, Path) else item.encode())
    mark = VENV / 'stamps' / f'{stamp.name}.sha256'
    if stamp.exists() and mark.exists() and mark.read_text() == digest.hexdigest():
        return
    start = time.monotonic()
    say(f'set-up: {name} ...')
    mark.unlink(missing_ok=True)
    work()
    mark.parent.mkdir(parents=True, exist_ok=True)
    stamp.touch()
    mark.write_text(digest.hexdigest())
    say(f'set-up: {name}, {time.monotonic() - start:.0f} s', end='\n')


def say(text: str, end: str = '') -> None:
    """One line that is written over on a terminal."""
    if sys.stdout.isatty():
        print(f'\r\033[K{text}', end=end, flush=True)
    elif end:
        print(text, flush=True)


def make_venv() -> None:
    """Make the environment anew, with the interpreter this runs in."""
    check_toolchain()
    python = getattr(sys, '_base_executable', sys.executable)
    command(python, '-m', 'venv', '--clear', VENV, remedy='see the log')


def pip_lock(lock: Path, *options: str) -> None:
    """Install a lock file, every download checked against its hash, telling how far it is."""
    total = sum(1 for line in lock.read_text().splitlines() if '==' in line)
    done = 0

    def progress(line: str) -> None:
        nonlocal done
        if line.startswith(('Collecting ', 'Requirement already')):
            done += 1
            name = line.split()[1].split('==', 1)[0]
            say(f'set-up: {lock.stem} packages {min(done, total)}/{total} {name}')
        elif line.startswith('Installing collected'):
            say(f'set-up: {lock.stem} packages, installing ...')

    command(
        VENV / 'bin/python',
        '-m',
        'pip',
        'install',
        '--require-hashes',
        '--no-compile',  # most of what comes is never imported, and what is compiles itself at the first import
        '--progress-bar=off',
        '--disable-pip-version-check',
        *options,
        '-r',
        lock,
        on_line=progress,
        remedy='is the package index reachable from here? Run it again when it is',
    )


def build_messages(source: Path, includes: Path) -> None:
    """Build surgical_guidance_msgs and install it into the environment, which is an ament prefix."""
    check_toolchain()
    build = BUILD / 'msgs'
    shutil.rmtree(build, ignore_errors=True)
    tools = VENV / 'bin'
    command(
        tools / 'cmake',
        '-S',
        source,
        '-B',
        build,
        '-G',
        'Ninja',
        f'-DCMAKE_PREFIX_PATH={VENV}',
        f'-DPython3_EXECUTABLE={tools / "python"}',
        f'-DCMAKE_INSTALL_PREFIX={VENV}',
        '-DBUILD_TESTING=OFF',
        '-DCMAKE_BUILD_TYPE=Release',
        f'-DCMAKE_PROJECT_INCLUDE={includes}',
        remedy='see the log',
    )

    def progress(line: str) -> None:
        if line.startswith('['):
            say(f'set-up: messages {line.split("]", maxsplit=1)[0]}]')

    command(tools / 'ninja', '-C', build, 'install', on_line=progress, remedy='see the log')


def install_project() -> None:
    """Install this project so that its source is used where it lies."""
    command(
        VENV / 'bin/python',
        '-m',
        'pip',
        'install',
        '--no-deps',
        '--no-build-isolation',
        '--disable-pip-version-check',
        '-e',
        ROOT,
        remedy='see the log',
    )


def compile_loops() -> None:
    """Compile what the frame path runs compiled, so that the first start need not."""
    work = (
        'from surgical_guidance.inference.winners import Winners; from surgical_guidance.scene.warm import warm_up; '
        'from surgical_guidance.advice import lines; warm_up(); Winners((3, 4, 4)); lines.warm_up()'
    )
    command(VENV / 'bin/python', '-c', work, remedy='see the log')


def install_debian_packages() -> None:
    """Install what tests need beyond Python, where this may be done; otherwise tell how."""
    install = [package for path, package in DEBIAN_FOR_TESTS.items() if not Path(path).exists()]
    unpack = [
        package
        for program, package in UNPACKED_FOR_TESTS.items()
        if shutil.which(program) is None and not (UNPACKED / 'usr/bin' / program).exists()
    ]
    wanted = [*install, *unpack]
    if not wanted:
        return
    skipped = f'set-up: tests that need {", ".join(wanted)} will be skipped'
    by_hand = f'to have them: apt-get install {" ".join(wanted)}'
    if os.geteuid() != 0 or shutil.which('apt-get') is None:
        say(f'{skipped}; {by_hand}', end='\n')
        return
    start = time.monotonic()
    say(f'set-up: {" ".join(wanted)} ...')
    try:
        command(*APT_UPDATE, remedy='')
        if install:
            command(*APT_INSTALL, *install, remedy='')
        for package in unpack:
            unpack_debian_package(package)
    except Missing as missing:
        say(f'{skipped} ({missing}); {by_hand}', end='\n')
        return
    say(f'set-up: {" ".join(wanted)}, {time.monotonic() - start:.0f} s', end='\n')


def unpack_debian_package(package: str) -> None:
    """Put a package's files where tests find them, without installing it."""
    UNPACKED.mkdir(exist_ok=True)
    command('apt-get', '-qq', 'download', package, remedy='', cwd=UNPACKED)
    for archive in UNPACKED.glob(f'{package}_*.deb'):
        command('dpkg-deb', '-x', archive, UNPACKED, remedy='')
        archive.unlink()


def command(*words: str | Path, remedy: str, on_line: Callable[[str], None] | None = None, cwd: Path = ROOT) -> None:
    """Run a command; its output goes to the log, its last words to the user when it fails."""
    environment = {
        **os.environ,
        'PATH': f'{VENV / "bin"}{os.pathsep}{os.environ.get("PATH", "")}',
        'DEBIAN_FRONTEND': 'noninteractive',
    }
    environment.pop('_ROS_WHEELS_BOOTSTRAP_COMPLETE', None)  # else the wheels of an outer environment shine through
    environment.pop('PYTHONPATH', None)
    tail: list[str] = []
    with LOG.open('a') as log:
        log.write(f'$ {" ".join(map(str, words))}\n')
        process = subprocess.Popen(
            [str(word) for word in words],
            cwd=cwd,
            env=environment,
            stdin=subprocess.DEVNULL,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            errors='replace',
        )
        assert process.stdout is not None  # noqa: S101  (it is a pipe)
        for line in process.stdout:
            log.write(line)
            if line.strip():
                tail = [*tail[-19:], line.strip()]
            if on_line is not None:
                on_line(line)
        code = process.wait()
    if code:
        cause = next((line for line in reversed(tail) if 'rror' in line), tail[-1] if tail else 'no output')
        raise Missing(f'{Path(words[0]).name} failed: {cause[:300]}; {remedy} ({LOG})')


if __name__ == '__main__':
    sys.exit(main(sys.argv[1:]))
