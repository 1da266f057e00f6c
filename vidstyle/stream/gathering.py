"""Loads from anywhere in an array, and stores beside them, that a compiler may do for many pixels at once.

LLVM gathers in vector registers what lies at computed places, if nothing that is stored in the loop can lie there.
Numba cannot say so; these do ("scoped noalias" in LLVM's terms).  In a loop that uses them all arrays are to be read
and written by them.  What they say holds for the whole function, not for a loop: what `put` writes to anywhere in it is
read by `taken`, and never by `word_at` or `number_at`, or LLVM may move the one past the other.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from llvmlite import ir  # type: ignore[import-untyped]
from numba.core import types
from numba.extending import intrinsic

from vidstyle.compiled import compiled

READ_ONLY, ELSEWHERE = "alias.scope", "noalias"
"""LLVM's words for an access in a scope, and for one that is never where those in it are."""


def emitted(function: Callable[..., Any]) -> Any:
    """What compiled loops call; as a type checker sees it, with the arguments that they give."""
    return intrinsic(function)


@emitted
def word_at(_typing: Any, _array: Any, _index: Any) -> Any:
    """Four bytes of a contiguous array of uint8 from a place on, an int64, as a uint32: the first is the lowest."""

    def emit(context: Any, builder: Any, signature: Any, given: Any) -> Any:
        place = builder.bitcast(place_of(context, builder, signature, given), ir.IntType(32).as_pointer())
        return _marked(builder, builder.load(place, align=1), READ_ONLY)

    return types.uint32(_array, types.int64), emit


@emitted
def number_at(_typing: Any, _array: Any, _index: Any) -> Any:
    """A number of a contiguous array at a place, an int64."""
    return _loaded(_array, READ_ONLY)


@emitted
def taken(_typing: Any, _array: Any, _index: Any) -> Any:
    """A number of a contiguous array at a place, an int64, that `put` writes to."""
    return _loaded(_array, ELSEWHERE)


@emitted
def put(_typing: Any, _array: Any, _index: Any, _value: Any) -> Any:
    """Write a number into a contiguous array at a place, an int64."""

    def emit(context: Any, builder: Any, signature: Any, given: Any) -> Any:
        _marked(builder, builder.store(given[2], place_of(context, builder, signature, given)), ELSEWHERE)
        return context.get_dummy_value()

    return types.void(_array, types.int64, _array.dtype), emit


def _loaded(array: Any, mark: str) -> Any:
    def emit(context: Any, builder: Any, signature: Any, given: Any) -> Any:
        return _marked(builder, builder.load(place_of(context, builder, signature, given)), mark)

    return array.dtype(array, types.int64), emit


def place_of(context: Any, builder: Any, signature: Any, given: Any) -> Any:
    """Where in memory an index of an array is, the first two of what is given."""
    return builder.gep(context.make_array(signature.args[0])(context, builder, given[0]).data, [given[1]])


def _marked(builder: Any, access: Any, mark: str) -> Any:
    module = builder.module
    scope = module.add_metadata(["read only", module.add_metadata(["vidstyle"])])
    access.set_metadata(mark, module.add_metadata([scope]))
    return access


@compiled(part=True)
def between(a: Any, b: Any, c: Any, d: Any, fx: Any, fy: Any) -> Any:
    """What lies between four numbers, two above and two below, by how far it lies behind the first along x and y."""
    above = a + fx * (b - a)
    return above + fy * (c + fx * (d - c) - above)


@compiled(part=True)
def number_between(numbers: np.ndarray, at: Any, step: Any, stride: Any, fx: Any, fy: Any) -> Any:
    """The same of a number of rows at a place, the one `step` behind it, and the two `stride` behind these."""
    a, b = number_at(numbers, at), number_at(numbers, at + step)
    below = at + stride
    return between(a, b, number_at(numbers, below), number_at(numbers, below + step), fx, fy)
