"""The command line: train a classifier, see how good it is, use it.

Whatever a user can get wrong ends in one line on stderr and exit code 2. Names from files are data: they are
printed with control characters spelled out.
"""

from __future__ import annotations

import errno
import sys
from collections.abc import Sequence

import numpy as np

from ..errors import TinygradError
from ..show.numbers import plain
from .options import parser
from .output import flush

__all__ = ["main"]

SYSTEM = {errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.ENOMEM}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit code."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")  # a terminal may not have every letter of a name
    try:
        options = parser().parse_args(arguments)
        with np.errstate(all="ignore"):  # what is not finite then is found, and said in one line
            code: int = options.run(options)
        flush()
    except KeyboardInterrupt:
        return _fail("interrupted", 130)
    except SystemExit:
        flush()  # the help that was asked for
        raise
    except (TinygradError, OSError, MemoryError) as error:
        number = getattr(error, "errno", None) or getattr(error.__cause__, "errno", None)
        code = 1 if number in SYSTEM or isinstance(error, MemoryError) else 2
        if isinstance(error, OSError):
            return _fail(f"{error.strerror}: {error.filename!r}" if error.filename else str(error), code)
        return _fail(str(error) or "out of memory", code)
    return code


def _fail(problem: str, code: int) -> int:
    if sys.stderr is not None:
        sys.stderr.write(f"tinygrad_sm: {plain(problem)}\n")
    return code
