"""Loads from anywhere in an array, and stores beside them, that a compiler may do for many pixels at once.

LLVM gathers in vector registers what lies at computed places, if nothing that is stored in the loop can lie there.
Numba cannot say so; these do ("scoped noalias" in LLVM's terms).  In a loop that uses them all arrays are to be read
and written by them, and what `word_at` and `number_at` read must not be written to.
"""

from collections.abc import Callable
from typing import Any

from llvmlite import ir  # type: ignore[import-untyped]
from numba.core import types
from numba.extending import intrinsic


def _emitted(function: Callable[..., Any]) -> Any:
    """What compiled loops call; as a type checker sees it, with the arguments that they give."""
    return intrinsic(function)


@_emitted
def word_at(_typing: Any, _array: Any, _index: Any) -> Any:
    """Four bytes of a contiguous array of uint8 from a place on, an int64, as a uint32: the first is the lowest."""

    def emit(context: Any, builder: Any, signature: Any, given: Any) -> Any:
        data = context.make_array(signature.args[0])(context, builder, given[0]).data
        place = builder.bitcast(builder.gep(data, [given[1]]), ir.IntType(32).as_pointer())
        return _read_only(builder, builder.load(place, align=1))

    return types.uint32(_array, types.int64), emit


@_emitted
def number_at(_typing: Any, _array: Any, _index: Any) -> Any:
    """A number of a contiguous array at a place, an int64."""

    def emit(context: Any, builder: Any, signature: Any, given: Any) -> Any:
        data = context.make_array(signature.args[0])(context, builder, given[0]).data
        return _read_only(builder, builder.load(builder.gep(data, [given[1]])))

    return _array.dtype(_array, types.int64), emit


@_emitted
def taken(_typing: Any, _array: Any, _index: Any) -> Any:
    """A number of a contiguous array at a place, an int64, that the loop may write to."""

    def emit(context: Any, builder: Any, signature: Any, given: Any) -> Any:
        data = context.make_array(signature.args[0])(context, builder, given[0]).data
        return _elsewhere(builder, builder.load(builder.gep(data, [given[1]])))

    return _array.dtype(_array, types.int64), emit


@_emitted
def put(_typing: Any, _array: Any, _index: Any, _value: Any) -> Any:
    """Write a number into a contiguous array at a place, an int64."""

    def emit(context: Any, builder: Any, signature: Any, given: Any) -> Any:
        data = context.make_array(signature.args[0])(context, builder, given[0]).data
        _elsewhere(builder, builder.store(given[2], builder.gep(data, [given[1]])))
        return context.get_dummy_value()

    return types.void(_array, types.int64, _array.dtype), emit


def _read_only(builder: Any, load: Any) -> Any:
    load.set_metadata("alias.scope", _scope(builder))
    return load


def _elsewhere(builder: Any, access: Any) -> Any:
    access.set_metadata("noalias", _scope(builder))
    return access


def _scope(builder: Any) -> Any:
    module = builder.module
    return module.add_metadata([module.add_metadata(["read only", module.add_metadata(["vidstyle"])])])
