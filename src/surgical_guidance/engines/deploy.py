"""Puts a verified plan where the node looks for it, and takes a refused one away from there."""

from __future__ import annotations

from pathlib import Path

from surgical_guidance.engines.files import write_whole
from surgical_guidance.errors import EngineError
from surgical_guidance.inference.plan import Plan, deployed_folder, read_plan, read_sidecar


def deploy(path: Path, accept_unrun: str = '') -> Path:
    """Deploy a plan: its bytes under their own hash, then the marker in one step; at last the plan before it goes.

    :param accept_unrun: why a plan is deployed that was never run on its device; stays in the marker.
    :return: the marker.
    :raises EngineError: if it was not verified, was refused, or was never run.
    """
    plan, content = read_plan(path)
    verification = plan.verification
    verify = 'first `surgical-guidance engine verify`'
    if verification is None:
        raise EngineError('the plan was not verified', where=str(path), remedy=verify)
    if not verification.passed:
        raise EngineError(
            f'the plan was refused: {verification.metric} drops by {verification.drop:.2f} points, '
            f'{verification.limit:g} are allowed',
            where=str(path),
            remedy='build it in a higher precision, or calibrate it on other pictures',
        )
    if not verification.engine_ran and not accept_unrun:
        raise EngineError(
            'only the network it was built from was verified, the plan itself was never run',
            where=str(path),
            remedy='verify it on its device, or deploy it all the same with --accept-unrun REASON',
        )
    folder = deployed_folder() / plan.model
    marker = _marker(plan)
    named = plan.model_copy(
        update={
            'file': f'{marker.stem}-{plan.sha256[:16]}.plan',
            'options': {**plan.options, **({'accepted_unrun': accept_unrun} if accept_unrun else {})},
        }
    )
    write_whole(folder / named.file, content)
    write_whole(marker, named.model_dump_json(indent=2).encode() + b'\n')
    for older in folder.glob(f'{marker.stem}-*.plan'):
        if older.name != named.file:
            older.unlink(missing_ok=True)
    return marker


def withdraw(path: Path) -> bool:
    """Take a plan away from where the node looks, if it is there: it was refused.

    :return: whether it was there.
    """
    plan = read_sidecar(path)
    marker = _marker(plan)
    try:
        there = read_sidecar(marker)
    except EngineError:
        return False
    if there.sha256 != plan.sha256:
        return False
    marker.unlink(missing_ok=True)
    (marker.parent / there.file).unlink(missing_ok=True)
    return True


def _marker(plan: Plan) -> Path:
    target = ''.join(sign if sign.isalnum() else '_' for sign in plan.target.lower())
    return deployed_folder() / plan.model / f'{plan.library}-{target}.json'
