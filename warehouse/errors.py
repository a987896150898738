"""Errors a user can act on: each says where, what was found, what was wanted and what to do next.

No message may carry a cell of a person column; callers pass file, line, column and reason instead.
"""


class WarehouseError(Exception):
    """Base of every error that the command line shows as one message, without a traceback."""

    exit_code = 1


class UsageError(WarehouseError):
    """The command was called with something it cannot use."""

    exit_code = 2


class ContractError(WarehouseError):
    """A contract, code list or seed of the project itself is not usable."""

    exit_code = 2


class DatabaseUnavailable(WarehouseError):
    """No PostgreSQL answers where one should."""


class FileRejected(WarehouseError):
    """A delivered file as a whole cannot be trusted; nothing of it is loaded and the ledger says why.

    Args:
        reason: a stable word for the ledger, such as `sha256_differs`.
        message: where, what, wanted, next; no cell of the file.
    """

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason


class PublicationBlocked(WarehouseError):
    """The gate did not let a candidate publication pass; the message names the broken rules."""


class PublicationConflict(WarehouseError):
    """Another publication went out in between, or the candidate is not what was checked."""


class BuildFailed(WarehouseError):
    """dbt ended with errors; the message names models and tests, not rows."""
