"""What mmi raises: one sentence that says what is wrong, where, and what to do.

Each class is also one of Python's own, so that code that knows nothing of mmi can catch it. Ctrl-C
is a KeyboardInterrupt as everywhere.
"""


class Error(Exception):
    """Base of all of them."""


class ConfigError(Error, ValueError):
    """A wrong configuration, option or argument."""


class DataError(Error, OSError):
    """A file or dataset that cannot be read or is invalid; the text carries its path."""


class ShapeError(Error, ValueError):
    """A tensor whose shape or dtype does not fit."""


class CheckpointError(Error, OSError):
    """A checkpoint or run that cannot be read, written or used here."""


class NumericError(Error, RuntimeError):
    """A loss or gradient that is not finite."""


class NotBuiltError(Error, RuntimeError):
    """A part that this build of mmi was configured without."""


class InternalError(Error, RuntimeError):
    """A bug of mmi: please report it."""
