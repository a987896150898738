"""Numbers turned into the texts senders write, a column at a time (arrow arrays of n texts)."""

from datetime import date
from functools import cache

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

FIRST_DAY = (date(1850, 1, 1) - date(1970, 1, 1)).days
DAYS = 95_000  # 1850 to 2110
NO_DAY = FIRST_DAY - 1


@cache
def _calendar(pattern: str) -> pa.Array:
    iso = pa.array(np.datetime_as_string(np.arange(FIRST_DAY, FIRST_DAY + DAYS).astype("datetime64[D]")).tolist())
    texts = {"iso": iso, "%Y%m%d": pc.replace_substring(iso, "-", ""), "%Y": pc.utf8_slice_codeunits(iso, 0, 4)}[
        pattern
    ]
    return pa.concat_arrays([pa.array([""]), texts])


def days(numbers: np.ndarray, pattern: str = "iso") -> pa.Array:
    """Dates of day numbers; NO_DAY is empty."""
    return _calendar(pattern).take(pa.array(np.asarray(numbers, np.int64) - NO_DAY))


@cache
def _clock() -> pa.Array:
    seconds = np.datetime_as_string(np.arange(86_400).astype("datetime64[s]"))
    return pc.utf8_slice_codeunits(pa.array(seconds.tolist()), 11, 19)


def stamps(numbers: np.ndarray, seconds: np.ndarray) -> pa.Array:
    """YYYYMMDDHHMMSS of day numbers and seconds of the day."""
    clock = pc.replace_substring(_clock().take(pa.array(np.asarray(seconds, np.int64))), ":", "")
    return join(days(numbers, "%Y%m%d"), clock)


def times(numbers: np.ndarray, seconds: np.ndarray) -> pa.Array:
    """YYYY-MM-DD HH:MM:SS of day numbers and seconds of the day; NO_DAY is empty."""
    clock = join(" ", _clock().take(pa.array(np.asarray(seconds, np.int64))))
    return join(days(numbers), pc.if_else(pa.array(np.asarray(numbers) == NO_DAY), "", clock))


def join(*columns: pa.Array | str) -> pa.Array:
    """Columns put together without a separator."""
    return pc.binary_join_element_wise(*columns, "")


def whole(numbers: np.ndarray) -> pa.Array:
    """Whole numbers."""
    return pc.cast(pa.array(np.asarray(numbers, np.int64)), pa.string())


def padded(prefix: str, numbers: np.ndarray, width: int) -> pa.Array:
    """A prefix and a number with leading zeros."""
    digits = pc.utf8_lpad(whole(numbers), width=width, padding="0")
    return join(pa.scalar(prefix), digits)


def money(cents: np.ndarray) -> pa.Array:
    """Yuan with two decimals."""
    cents = np.asarray(cents, np.int64)
    wide = np.empty((len(cents), 2), np.int64)
    wide[:, 0], wide[:, 1] = cents, -(cents < 0).astype(np.int64)
    decimals = pa.Array.from_buffers(pa.decimal128(18, 2), len(cents), [None, pa.py_buffer(wide.tobytes())])
    return pc.cast(decimals, pa.string())


def pick(choices: list[str], index: np.ndarray) -> pa.Array:
    """The choice at each index."""
    return pa.array(choices, pa.string()).take(pa.array(np.asarray(index, np.int64)))


def constant(text: str, count: int) -> pa.Array:
    """One text n times."""
    return pa.repeat(text, count)


def where(condition: np.ndarray, yes: pa.Array | str, no: pa.Array | str) -> pa.Array:
    """Texts from `yes` where the condition holds, else from `no`."""
    return pc.if_else(pa.array(np.asarray(condition, bool)), yes, no)
