"""Settings whose values are checked when they are made: pydantic's rules, this program's messages."""

import functools
from dataclasses import field
from pathlib import Path
from typing import Annotated, Any, TypeVar, cast, dataclass_transform

from pydantic import ConfigDict, Field, ValidationError
from pydantic.dataclasses import dataclass as pydantic_dataclass
from pydantic.fields import FieldInfo

from vidstyle.errors import InputError, parameter

T = TypeVar("T")

FilePath = Annotated[Path, Field(strict=False)]
"""A path, which may be given as a string."""

# Strict: "1" is no number, and 1 is not true.  Styles, which are not pydantic's, are held against their class.
_CONFIG = ConfigDict(strict=True, extra="forbid", arbitrary_types_allowed=True)


@dataclass_transform(frozen_default=True, field_specifiers=(field,))
def validated(settings: type[T]) -> type[T]:
    """Make a frozen dataclass of a class; its values are checked against its fields' types when one is made.

    What a value may be besides its type is said with pydantic's `Field`, and its `description` is what a message says
    of it: `Annotated[int, Field(ge=1, description="takes 1 or more")]` answers "steps=0: takes 1 or more".  A field
    with `field(repr=False)` is a secret, whose value no message says.  `__post_init__` checks what concerns several.

    Raises, when one is made:
        InputError: for the first value that cannot be; it names the parameter.
        TypeError: for names that are no fields, and for fields that are missing.
    """
    made: Any = pydantic_dataclass(frozen=True, config=_CONFIG)(settings)
    begin = made.__init__

    @functools.wraps(begin)
    def __init__(self: T, *arguments: Any, **values: Any) -> None:  # noqa: N807
        try:
            begin(self, *arguments, **values)
        except ValidationError as error:
            raise _refusal(made, error) from None

    made.__init__ = __init__
    return cast(type[T], made)


def _refusal(settings: type, error: ValidationError) -> Exception:
    """The first thing that is wrong, in this program's words."""
    first = error.errors(include_url=False)[0]
    name = str(first["loc"][0])
    fields: dict[str, FieldInfo] = settings.__pydantic_fields__  # type: ignore[attr-defined]
    if name not in fields or (first["type"] == "missing" and len(first["loc"]) == 1):
        return TypeError(f"{settings.__name__}: {name}: {first['msg'].lower()}")
    known, value = fields[name], first["input"]
    said = known.description or first["msg"][0].lower() + first["msg"][1:]
    return InputError(f"{parameter(name, value if known.repr else None)}: {said}")
