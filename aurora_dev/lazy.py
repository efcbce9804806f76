"""Regular expressions and numpy, made on first use: together they were half of the start time of a command.

`re` compiles about 0.3 ms per expression, and there are hundreds; a command uses a few of them. numpy takes 0.1 s, and
a command that lists notes needs no vector.
"""

from __future__ import annotations

import re
import threading
from importlib import import_module
from typing import TYPE_CHECKING, Any, AnyStr, cast

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

__all__ = ["lazy_pattern", "np", "npt"]


class _LazyPattern:
    """Stand in for a compiled expression; what was looked up once is an attribute, as fast as the original's."""

    def __init__(self, expression: str | bytes, flags: int) -> None:
        self._source = (expression, flags)
        self._compiled: re.Pattern[Any] | None = None

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):  # copy and pickle ask for these, and may do so before __init__
            raise AttributeError(name)
        if self._compiled is None:  # two threads may both compile it, which is harmless
            self._compiled = re.compile(*self._source)
        value = getattr(self._compiled, name)
        setattr(self, name, value)
        return value


def lazy_pattern(expression: AnyStr, flags: int = 0) -> re.Pattern[AnyStr]:
    """Return a regular expression that is compiled on first use.

    Args:
        expression: The expression. A wrong one raises `re.error` when it is first used, not here.
        flags: The flags of `re.compile`.

    Returns:
        An object with the methods and attributes of `re.Pattern`. The functions of `re` do not accept it.
    """
    return cast("re.Pattern[AnyStr]", _LazyPattern(expression, flags))


if not TYPE_CHECKING:
    # numpy's C extension is initialised once in a process; one thread at a time may begin.
    _importing = threading.RLock()

    class _LazyModule:
        """Stand in for a module, which is imported when a name of it is first looked up."""

        def __init__(self, name: str) -> None:
            self._name = name

        def __getattr__(self, name: str) -> Any:
            if name.startswith("__"):
                raise AttributeError(name)
            with _importing:
                value = getattr(import_module(self._name), name)
            setattr(self, name, value)
            return value

    np = _LazyModule("numpy")
    npt = _LazyModule("numpy.typing")
