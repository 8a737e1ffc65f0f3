"""Node parameters from one frozen dataclass a node: declared, checked, documented and written to YAML from it.

::

    @dataclass(frozen=True)
    class CameraParams:
        source: str = param('phantom:', 'where pictures come from, a URI')
        ring_slots: int = param(8, 'frames kept in shared memory', minimum=3, maximum=64)

    params = declare(node, CameraParams)
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from surgical_guidance.errors import ParameterError

if TYPE_CHECKING:
    from rclpy.node import Node

_META = 'surgical_guidance'
T = TypeVar('T')


@dataclass(frozen=True, slots=True)
class _Meta:
    description: str
    minimum: float | None
    maximum: float | None
    choices: tuple[str, ...]
    live: bool = False


def param(
    default: Any,
    description: str,
    *,
    minimum: float | None = None,
    maximum: float | None = None,
    choices: Sequence[str] = (),
    live: bool = False,
) -> Any:
    """Declare one parameter as a dataclass field. A tuple is a list of texts.

    It is read-only once the node is up, unless it is ``live``.
    """
    meta = _Meta(description, minimum, maximum, tuple(choices), live)
    return dataclasses.field(default=default, metadata={_META: meta})


def _meta(field: dataclasses.Field[Any]) -> _Meta:
    meta: _Meta = field.metadata[_META]
    return meta


def as_field(default: Any, value: Any) -> Any:
    """Turn a list, as ROS and YAML give it, into the tuple that a parameters' dataclass holds.

    An empty list in a parameters file has no type for ROS: rcl gives it as a parameter that is not set, None.
    """
    if not isinstance(default, tuple):
        return value
    return () if value is None else tuple(value) if isinstance(value, list) else value


def _name_of_type(default: object) -> str:
    return 'list' if isinstance(default, tuple) else type(default).__name__


@dataclass(frozen=True, slots=True)
class Row:
    """One parameter, for the documentation table and the YAML file."""

    name: str
    type: str
    default: Any
    description: str
    limits: str


def rows(params: type) -> Iterator[Row]:
    """List the parameters of a params dataclass in the order of their declaration."""
    for field in dataclasses.fields(params):
        meta = _meta(field)
        limits = ''
        if meta.minimum is not None or meta.maximum is not None:
            low = '' if meta.minimum is None else f'{meta.minimum:g}'
            high = '' if meta.maximum is None else f'{meta.maximum:g}'
            limits = f'{low} to {high}'.strip()
        if meta.choices:
            limits = ', '.join(choice or '""' for choice in meta.choices)
        yield Row(field.name, _name_of_type(field.default), field.default, meta.description, limits)


def check(params: object) -> None:
    """Check the values of a params instance against type, limits and choices.

    :raises ParameterError: with the name of the parameter, its value and what it may be.
    """
    for field in dataclasses.fields(params):  # type: ignore[arg-type]
        meta = _meta(field)
        value: Any = getattr(params, field.name)
        default: Any = field.default
        if type(value) is not type(default):
            wanted = _name_of_type(default)
            raise ParameterError(f'{value!r} is not of type {wanted}', where=field.name)
        if isinstance(value, tuple) and not all(isinstance(item, str) for item in value):
            raise ParameterError(f'{list(value)!r} is not a list of texts', where=field.name)
        if meta.minimum is not None and not value >= meta.minimum:
            raise ParameterError(f'{value} is below {meta.minimum:g}', where=field.name)
        if meta.maximum is not None and not value <= meta.maximum:
            raise ParameterError(f'{value} is above {meta.maximum:g}', where=field.name)
        if meta.choices and value not in meta.choices:
            raise ParameterError(f'{value!r} is not known', where=field.name, remedy=f'use {", ".join(meta.choices)}')


def declare(node: Node, params: type[T]) -> T:
    """Declare the parameters on a node and give their values.

    :raises ParameterError: if a value given by YAML or the command line cannot be used.
    """
    from rcl_interfaces.msg import FloatingPointRange, IntegerRange, ParameterDescriptor
    from rclpy.exceptions import InvalidParameterTypeException, InvalidParameterValueException

    values: dict[str, Any] = {}
    for field in dataclasses.fields(params):  # type: ignore[arg-type]
        meta = _meta(field)
        descriptor = ParameterDescriptor(
            description=meta.description,
            read_only=not meta.live,
            additional_constraints=', '.join(meta.choices),
        )
        if meta.minimum is not None and meta.maximum is not None:
            if isinstance(field.default, int):
                descriptor.integer_range = [
                    IntegerRange(from_value=int(meta.minimum), to_value=int(meta.maximum), step=1)
                ]
            else:
                descriptor.floating_point_range = [
                    FloatingPointRange(from_value=float(meta.minimum), to_value=float(meta.maximum), step=0.0)
                ]
        try:
            default = list(field.default) if isinstance(field.default, tuple) else field.default
            values[field.name] = as_field(field.default, node.declare_parameter(field.name, default, descriptor).value)
        except InvalidParameterTypeException as error:
            wanted = _name_of_type(field.default)
            raise ParameterError(f'the value given is not of type {wanted}', where=field.name) from error
        except InvalidParameterValueException as error:
            raise ParameterError(str(error), where=field.name) from error
    instance = params(**values)
    check(instance)
    return instance


def follow(node: Node, current: Callable[[], T], changed: Callable[[T], None]) -> None:
    """Let the live parameters of a node be set while it runs; one that cannot be is refused with the reason.

    :param current: gives the parameters in force.
    :param changed: takes those that were set. Called by the executor's thread.
    """
    from rcl_interfaces.msg import SetParametersResult

    live = {field.name for field in dataclasses.fields(current()) if _meta(field).live}  # type: ignore[arg-type]

    def on_set(given: Sequence[Any]) -> SetParametersResult:
        values = {parameter.name: parameter.value for parameter in given if parameter.name in live}
        if not values:
            return SetParametersResult(successful=True)
        fresh = dataclasses.replace(current(), **values)  # type: ignore[type-var]
        try:
            check(fresh)
        except ParameterError as error:
            return SetParametersResult(successful=False, reason=str(error))
        changed(fresh)
        return SetParametersResult(successful=True)

    node.add_on_set_parameters_callback(on_set)
