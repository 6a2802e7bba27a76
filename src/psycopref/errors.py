"""The errors a user can meet; each message says what, where and what to do, and never quotes client
text.
"""


class PsycoprefError(Exception):
    """The root: everything the command line and a notebook show as one clear message instead of a
    traceback.
    """

    def _render_traceback_(self) -> list[str]:
        """What IPython shows in the place of a traceback (`traceback.print_exception` has it)."""
        return [f"{type(self).__name__}: {self}"]


class RecipeError(PsycoprefError):
    """A recipe, pool, instrument, prompt or topics file is not what it should be."""


class SourceError(PsycoprefError):
    """A corpus file cannot be read: missing, empty, wrong encoding, a column that is not there."""


class SourceWarning(UserWarning):
    """A corpus file was read, and something in it was mended on the way: how many lines, never what
    stood there.
    """


class TableError(PsycoprefError):
    """Rows are not a valid table: a wrong type, a repeated key, a missing column."""


class StoreError(PsycoprefError):
    """The workspace is damaged, full, read-only or in use."""


class ModelError(PsycoprefError):
    """A model cannot be asked: no key, no endpoint, nothing recorded, or calls left without an
    answer.
    """


class TrainError(PsycoprefError):
    """Training cannot start or go on: no pairs, weights that do not load, a loss that is not a
    number.
    """
