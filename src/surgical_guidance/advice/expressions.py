"""Conditions of rules as expressions over features, written in a small part of Python's own syntax.

::

    energised.gastrointestinal_tract.distance_mm < 10 or energised.gastrointestinal_tract.distance_share < 0.08
    blood.area > 0.01 and -0.001 < blood.growth < 0.001
    unknown(view.blur) and view.sharpness < 12

Comparisons (``<``, ``<=``, ``>``, ``>=``, ``==``), joined by ``and``, ``or`` and brackets; sums, differences, products
and quotients of features and numbers; ``known(feature)`` and ``unknown(feature)``. There is no ``not``: a comparison
with a feature that is not known does not hold, and no way of writing it turns that into one that does. What is to be
used while a feature is not known is written after an ``or``.

evalidate keeps all else out, at load, by a white list of syntax, and compiles the rest to byte code. Of the libraries
that were compared (evalidate, simpleeval, asteval, two of CEL) it is the only one that pays for safety once and not at
every evaluation: 0.5 us for three comparisons where the others take 4 to 700 us.
"""

from __future__ import annotations

import ast
import copy
import math
from collections.abc import Iterator, Mapping, Sequence

import evalidate

_LONGEST = 400
_KNOWN = {'known': lambda value: value == value, 'unknown': lambda value: value != value}  # NaN is not itself
_MODEL = evalidate.EvalModel(
    nodes=[
        'Expression', 'BoolOp', 'And', 'Or', 'Compare', 'Lt', 'LtE', 'Gt', 'GtE', 'Eq', 'BinOp', 'Add', 'Sub', 'Mult',
        'Div', 'UnaryOp', 'USub', 'Constant', 'Name', 'Load', 'Call',
    ],
    imported_functions=dict(_KNOWN),
)  # fmt: skip


class Expression:
    """One condition.

    :param source: as it stands in the rule table.
    :raises ValueError: if it is none, with what is wrong.
    """

    def __init__(self, source: str) -> None:
        self.source = ' '.join(source.split())
        if len(self.source) > _LONGEST:
            raise ValueError(f'it is longer than {_LONGEST} characters')
        try:
            tree = ast.parse(self.source, mode='eval')
        except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
            raise ValueError(f'{self.source!r} is no condition: {getattr(error, "msg", error)}') from error
        names: dict[str, str] = {}
        tree = ast.fix_missing_locations(_Flattened(names).visit(tree))
        self.tree: ast.Expression = tree
        _check_truth(tree.body)
        try:
            self._evaluate = evalidate.Expr(ast.unparse(tree), _MODEL).code
        except evalidate.EvalException as error:
            raise ValueError(f'{self.source!r} says what no condition may: {error}') from error
        for node in ast.walk(tree):
            _check_node(node)
        self.features: tuple[str, ...] = tuple(names)
        """Names of the features that it looks at, in the order in which it names them."""
        self.names = tuple(names.items())
        """The same, each with the name that it has in the tree."""

    def holds(self, values: Mapping[str, float]) -> bool:
        """Whether it holds.

        :param values: of the features by name; one that is missing is not known.
        """
        known = {flat: values.get(name, math.nan) for name, flat in self.names}
        try:
            return bool(eval(self._evaluate, _FUNCTIONS, known))  # noqa: S307  (evalidate has let it pass)
        except (ZeroDivisionError, OverflowError):
            return False


class Conditions:
    """Many conditions that are asked at once: most scenes change nothing in most of them, and one call is cheap.

    Here features have their own names, dots and all, so that they are looked up where they are found; one that is not
    there is looked up as a global, which is NaN.
    """

    def __init__(self, expressions: Sequence[Expression]) -> None:
        self._expressions = tuple(expressions)
        dotted = {flat: name for one in self._expressions for name, flat in one.names}
        together = ast.Tuple([copy.deepcopy(one.tree.body) for one in self._expressions], ast.Load())
        for node in ast.walk(together):
            if isinstance(node, ast.Name):
                node.id = dotted.get(node.id, node.id)
        self._evaluate = compile(ast.fix_missing_locations(ast.Expression(together)), '<conditions>', 'eval')
        self._unknown = {**_FUNCTIONS, **dict.fromkeys(dotted.values(), math.nan)}

    def hold(self, values: dict[str, float]) -> Sequence[bool]:
        """Tell of each whether it holds, as :meth:`Expression.holds` does."""
        try:
            met: Sequence[bool] = eval(self._evaluate, self._unknown, values)  # noqa: S307  (evalidate has let each pass)
        except (ZeroDivisionError, OverflowError):  # in one of them
            met = [one.holds(values) for one in self._expressions]
        return met


_FUNCTIONS = {**_KNOWN, '__builtins__': {}}


class _Flattened(ast.NodeTransformer):
    """Turns ``a.b.c`` into the one name that it is, and notes it."""

    def __init__(self, names: dict[str, str]) -> None:
        self._names = names

    def visit_Attribute(self, node: ast.Attribute) -> ast.AST:
        parts: list[str] = []
        below: ast.expr = node
        while isinstance(below, ast.Attribute):
            parts.append(below.attr)
            below = below.value
        if not isinstance(below, ast.Name):
            raise ValueError(f'{ast.unparse(node)!r} is no feature')  # noqa: TRY004  (of a text, not of an argument)
        return self._noted('.'.join((below.id, *reversed(parts))))

    def visit_Name(self, node: ast.Name) -> ast.AST:
        return self._noted(node.id)

    def visit_Call(self, node: ast.Call) -> ast.AST:
        if not isinstance(node.func, ast.Name) or node.func.id not in _KNOWN or len(node.args) != 1 or node.keywords:
            raise ValueError(f'{ast.unparse(node)!r}: only known(feature) and unknown(feature) can be called')
        node.args = [self.visit(node.args[0])]
        if not isinstance(node.args[0], ast.Name):
            raise ValueError(f'{ast.unparse(node)!r} asks for something that is no feature')  # noqa: TRY004  (the same)
        return node

    def _noted(self, name: str) -> ast.Name:
        return ast.Name(self._names.setdefault(name, name.replace('.', '__')), ast.Load())


def _check_truth(node: ast.expr) -> None:
    """Refuse what is true or false by accident: a bare feature that is not known would be true."""
    for leaf in _leaves(node):
        if not isinstance(leaf, ast.Compare | ast.Call):
            raise ValueError(f'{ast.unparse(leaf)!r} is not compared with anything')  # noqa: TRY004  (of a text)


def _leaves(node: ast.expr) -> Iterator[ast.expr]:
    if isinstance(node, ast.BoolOp):
        for value in node.values:
            yield from _leaves(value)
    else:
        yield node


def _check_node(node: ast.AST) -> None:
    if isinstance(node, ast.Constant) and (
        type(node.value) not in (int, float) or not math.isfinite(_as_float(node.value))
    ):
        raise ValueError(f'{node.value!r} is no number')
    inner = (*node.comparators, node.left) if isinstance(node, ast.Compare) else ()
    operands = (node.left, node.right) if isinstance(node, ast.BinOp) else ()
    signed = (node.operand,) if isinstance(node, ast.UnaryOp) else ()
    for part in (*inner, *operands, *signed):
        if isinstance(part, ast.Compare | ast.BoolOp | ast.Call):
            raise ValueError(f'{ast.unparse(part)!r} is no number')  # noqa: TRY004  (of a text)


def _as_float(value: object) -> float:
    try:
        return float(value)  # type: ignore[arg-type]
    except (OverflowError, TypeError, ValueError):
        return math.nan
