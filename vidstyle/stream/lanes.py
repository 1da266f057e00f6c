"""Eight numbers at a time, in loops that Numba compiles.

What is done for a square of 8x8 pixels is too short for LLVM to make vector code of: its loops are unrolled before it
looks.  Here eight numbers are one value, which it keeps in a vector register, or in two.
"""

import operator
from collections.abc import Callable
from typing import Any

from llvmlite import ir  # type: ignore[import-untyped]
from numba.core import types
from numba.core.imputils import lower_builtin
from numba.core.typing.templates import ConcreteTemplate, infer_global, signature
from numba.extending import models, register_model

from vidstyle.stream.gathering import emitted, place_of

COUNT = 8
_VECTOR = ir.VectorType(ir.FloatType(), COUNT)


class Lanes(types.Type):
    """Eight numbers of 32 bits."""

    def __init__(self) -> None:
        super().__init__(name="Lanes")


lanes = Lanes()


@register_model(Lanes)
class _LanesModel(models.PrimitiveModel):
    def __init__(self, manager: Any, kind: Any) -> None:
        super().__init__(manager, kind, _VECTOR)  # type: ignore[no-untyped-call]


@emitted
def eight_at(_typing: Any, _array: Any, _index: Any) -> Any:
    """Eight numbers of a contiguous array of float32 from a place on."""

    def emit(context: Any, builder: Any, kinds: Any, given: Any) -> Any:
        return builder.load(_eight(context, builder, kinds, given), align=4)

    return lanes(_array, types.int64), emit


@emitted
def put_eight(_typing: Any, _array: Any, _index: Any, _value: Any) -> Any:
    """Write eight numbers into such an array from a place on."""

    def emit(context: Any, builder: Any, kinds: Any, given: Any) -> Any:
        builder.store(given[2], _eight(context, builder, kinds, given), align=4)
        return context.get_dummy_value()

    return types.void(_array, types.int64, lanes), emit


@emitted
def all_eight(_typing: Any, _number: Any) -> Any:
    """One number eight times."""

    def emit(_context: Any, builder: Any, _kinds: Any, given: Any) -> Any:
        return _repeated(builder, given[0])

    return lanes(types.float32), emit


@emitted
def sum_of_eight(_typing: Any, _value: Any) -> Any:
    """The sum of eight numbers."""

    def emit(_context: Any, builder: Any, _kinds: Any, given: Any) -> Any:
        value = given[0]
        for half in (4, 2, 1):
            # The upper half on the lower one.
            order = [(n + half) % COUNT for n in range(COUNT)]
            moved = builder.shuffle_vector(value, value, ir.Constant(ir.VectorType(ir.IntType(32), COUNT), order))
            value = builder.fadd(value, moved)
        return builder.extract_element(value, ir.IntType(32)(0))

    return types.float32(lanes), emit


@emitted
def at_least_one(_typing: Any, _value: Any) -> Any:
    """The size of eight numbers, 1 where they are smaller."""

    def emit(_context: Any, builder: Any, _kinds: Any, given: Any) -> Any:
        one = _repeated(builder, ir.Constant(ir.FloatType(), 1.0))
        size = _larger(
            builder,
            given[0],
            builder.fsub(ir.Constant(_VECTOR, [0.0] * COUNT), given[0]),
        )
        return _larger(builder, size, one)

    return lanes(lanes), emit


def _larger(builder: Any, one: Any, other: Any) -> Any:
    return builder.select(builder.fcmp_ordered(">", one, other), one, other)


def _repeated(builder: Any, number: Any) -> Any:
    first = builder.insert_element(ir.Constant(_VECTOR, ir.Undefined), number, ir.IntType(32)(0))
    return builder.shuffle_vector(first, first, ir.Constant(ir.VectorType(ir.IntType(32), COUNT), [0] * COUNT))


def _eight(context: Any, builder: Any, kinds: Any, given: Any) -> Any:
    """Where eight numbers of an array begin, the first two of what is given."""
    return builder.bitcast(place_of(context, builder, kinds, given), _VECTOR.as_pointer())


def _define(operation: Callable[..., Any], instruction: str) -> None:
    """An operation on eight numbers each."""

    def emit(_context: Any, builder: Any, _kinds: Any, given: Any) -> Any:
        return getattr(builder, instruction)(*given)

    cases = {"key": operation, "cases": [signature(lanes, lanes, lanes)]}  # type: ignore[no-untyped-call]
    infer_global(operation)(type(f"{instruction}OfLanes", (ConcreteTemplate,), cases))  # type: ignore[no-untyped-call]
    lower_builtin(operation, lanes, lanes)(emit)  # type: ignore[no-untyped-call]


for _operation, _instruction in (
    (operator.add, "fadd"),
    (operator.sub, "fsub"),
    (operator.mul, "fmul"),
    (operator.truediv, "fdiv"),
):
    _define(_operation, _instruction)
