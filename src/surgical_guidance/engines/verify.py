"""Holds an engine against the FP32 network on real pictures, and refuses it where the task suffers.

A plan is run where it can be. Where it cannot (no GPU of its kind), the network that it was built from is run on the
processor instead, and the result says so: it tells of the precision, not of the engine.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from surgical_guidance.engines.agreement import Errors, agreement_for
from surgical_guidance.engines.artefact import read_artefact
from surgical_guidance.engines.feeds import Feed, Feeder
from surgical_guidance.engines.files import write_whole
from surgical_guidance.engines.graph import read_graph
from surgical_guidance.engines.reference import Outputs, run, session
from surgical_guidance.engines.runner import plan_runner
from surgical_guidance.engines.source import Source, file_sha256
from surgical_guidance.engines.store import network_of, write_sidecar
from surgical_guidance.errors import EngineError, GuidanceError
from surgical_guidance.evaluation.example import Example
from surgical_guidance.inference.plan import Verification, read_plan, sidecar_of

LIMIT_POINTS = 1.0
"""The drop of the task's metric that is refused, in points of 0.01."""


@dataclass(frozen=True)
class Subject:
    """What is verified.

    :param path: of the plan or the network.
    :param infer: runs it once.
    :param ran_on: what does.
    :param engine_ran: whether that is the engine itself.
    :param why_not: it is not; '' where it is.
    """

    path: Path
    infer: Callable[[Feed], Outputs]
    ran_on: str
    engine_ran: bool
    why_not: str = ''


def open_subject(path: Path, source: Source) -> Subject:
    """Load a plan, or a network that ``engine calibrate`` made.

    :raises EngineError: if it is not whole, or was made from another network.
    """
    if path.suffix == '.onnx':
        made_from = read_artefact(path).model_sha256
        _same_model(made_from, source, path)
        loaded = session(read_graph(path), path)
        return Subject(path, lambda feed: run(loaded, feed), 'ONNX Runtime, processor', engine_ran=True)
    plan, _ = read_plan(path)
    _same_model(plan.model_sha256, source, path)
    try:
        manifest = source.need_manifest('verify')
        runner = plan_runner(path, plan.library, {manifest.input.name: manifest.input.shape})
    except GuidanceError as error:
        network = network_of(path)
        if not network.is_file() or file_sha256(network) != plan.onnx_sha256:
            raise EngineError(
                f'the plan cannot run here ({error.what}), and the network it was built from is not beside it',
                where=str(network),
                remedy='verify it on its device, or build it again',
            ) from error
        loaded = session(read_graph(network), network)
        ran_on = f'ONNX Runtime, processor, on the {plan.precision} network the plan was built from'
        return Subject(path, lambda feed: run(loaded, feed), ran_on, engine_ran=False, why_not=str(error.what))
    return Subject(path, runner, runner.describe(), engine_ran=True)


def verify(
    source: Source,
    subject: Subject,
    examples: Iterable[Example],
    limit: float = LIMIT_POINTS,
    seen: Callable[[int], None] = lambda _done: None,
) -> Verification:
    """Compare on pictures and judge. The judgement goes into the sidecar.

    :param limit: of the drop, in points of 0.01.
    :param seen: hears how many pictures are done.
    :raises ModelError: if there is no manifest.
    :raises EngineError: if there is no picture.
    """
    manifest = source.need_manifest('verify')
    reference = session(source.graph, source.path)
    feeder, agreement, errors = Feeder(manifest, source.graph), agreement_for(manifest), Errors(source.graph)
    digest, count = hashlib.sha256(), 0
    for example in examples:
        feed = feeder(example.image)
        expected, given = run(reference, feed), subject.infer(feed)
        errors.add(expected, given)
        if not errors.not_numbers:
            agreement.add(example, expected, given)
        digest.update(example.image.tobytes())
        count += 1
        seen(count)
    if not count:
        raise EngineError('there is no picture to verify on', remedy='give others: --data or --phantom')
    if errors.not_numbers:
        metric, expected_score, score = f'numbers at all ({", ".join(sorted(errors.not_numbers))} gave NaN)', 1.0, 0.0
    else:
        metric, expected_score, score = agreement.scores()
    drop = 100.0 * (expected_score - score)
    result = Verification(
        engine_ran=subject.engine_ran,
        ran_on=subject.ran_on,
        passed=drop < limit,
        metric=metric,
        reference=expected_score,
        value=score,
        drop=drop,
        limit=limit,
        inputs=count,
        inputs_sha256=digest.hexdigest(),
        outputs=errors.facts(),
        at=datetime.now(UTC).isoformat(timespec='seconds'),
    )
    _note(subject.path, result)
    return result


def _note(path: Path, result: Verification) -> None:
    if path.suffix == '.onnx':
        noted = read_artefact(path).model_copy(update={'verification': result})
        write_whole(sidecar_of(path), noted.model_dump_json(indent=2).encode() + b'\n')
        return
    plan, _ = read_plan(path)
    write_sidecar(path, plan.model_copy(update={'verification': result}))


def _same_model(sha256: str, source: Source, path: Path) -> None:
    if sha256 != source.sha256:
        raise EngineError(
            f'it was made from another network than {source.path}', where=str(path), remedy='name the model it is of'
        )
