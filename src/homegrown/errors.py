"""Every error that homegrown raises, in one tree.

    HomegrownError                something went wrong; base of all
    ├── InputError                what was given cannot be used as it is
    │   ├── UnreadableFileError   a file could not be read at all
    │   ├── MissingColumnError    a named column is not in the data
    │   ├── EmptyDataError        there is nothing to work on
    │   ├── UnsuitableLabelsError the label column cannot be learnt from
    │   ├── QueryError            a SQL query was refused or failed
    │   ├── UnsafeArchiveError    an archive would write outside, or unpack without end
    │   ├── TooLargeError         a request carries more than is taken at once
    │   ├── UnsupportedTypeError  a request's body is of another type than is read here
    │   ├── SlowRequestError      a request's body came too slowly
    │   └── ReusedKeyError        an idempotency key came with another request before
    ├── NotFoundError             no such record, task, model, endpoint, ...
    ├── ConflictError             it clashes with what is there
    │   └── WorkspaceBusyError    another process holds this workspace
    ├── UnauthenticatedError      nobody is signed in
    ├── ForbiddenError            the actor may not do that
    ├── OverloadedError           the queue is full; try again later
    ├── UnavailableError          it cannot answer just now: loading, or stopping
    ├── UpstreamError             a model API outside did not answer as it should
    │   ├── UpstreamTimeoutError  it did not answer in time
    │   ├── RefusedAddressError   an address that nothing may be sent to
    │   └── OfflineError          every way out is closed
    ├── CancelledError            somebody asked for it to stop
    ├── StorageError              the workspace cannot be written or read
    │   ├── DiskFullError         no space is left
    │   ├── CorruptDataError      a file is not what was written
    │   └── NewerWorkspaceError   the workspace was written by a newer homegrown
    └── PluginError               a plug-in is unknown or does not keep its contract

A class's docstring is its default message. ``code`` is stable and goes over the wire; ``exit_code`` is
what the command line ends with; ``status`` is the HTTP status.

Example:
    >>> str(NotFoundError("There is no model named 'x'. See: homegrown models"))
    "There is no model named 'x'. See: homegrown models"
"""

from __future__ import annotations

import inspect


class HomegrownError(Exception):
    """Something went wrong."""

    code = "error"
    exit_code = 1
    status = 500

    def __init__(self, message: str | None = None) -> None:
        super().__init__(message or inspect.cleandoc(type(self).__doc__ or ""))

    @property
    def message(self) -> str:
        """The sentence for a person."""
        return str(self.args[0])


class InputError(HomegrownError):
    """What was given cannot be used as it is."""

    code = "bad_input"
    exit_code = 2
    status = 422


class UnreadableFileError(InputError):
    """The file could not be read."""

    code = "unreadable_file"


class MissingColumnError(InputError):
    """A named column is not in the data."""

    code = "missing_column"


class EmptyDataError(InputError):
    """There is nothing to work on."""

    code = "empty_data"


class UnsuitableLabelsError(InputError):
    """The label column cannot be learnt from."""

    code = "unsuitable_labels"


class QueryError(InputError):
    """The query was refused or failed."""

    code = "bad_query"


class UnsafeArchiveError(InputError):
    """The archive would write outside its folder, or unpack without end."""

    code = "unsafe_archive"


class TooLargeError(InputError):
    """The request is larger than what is taken at once; send it in parts."""

    code = "too_large"
    status = 413


class UnsupportedTypeError(InputError):
    """The request's body is of another type than is read here; send application/json."""

    code = "unsupported_type"
    status = 415


class SlowRequestError(InputError):
    """The request's body came too slowly; send it again over a better connection."""

    code = "too_slow"
    status = 408


class ReusedKeyError(InputError):
    """This Idempotency-Key was sent with another request before; use a new one for each thing that is to be made."""

    code = "reused_key"


class NotFoundError(HomegrownError):
    """There is no such thing here."""

    code = "not_found"
    exit_code = 2
    status = 404


class ConflictError(HomegrownError):
    """It clashes with what is already there."""

    code = "conflict"
    exit_code = 2
    status = 409


class WorkspaceBusyError(ConflictError):
    """Another process holds this workspace."""

    code = "workspace_busy"


class UnauthenticatedError(HomegrownError):
    """Sign in first: open the link that the server printed, or send a key as a Bearer token."""

    code = "unauthenticated"
    exit_code = 2
    status = 401


class ForbiddenError(HomegrownError):
    """You may not do that."""

    code = "forbidden"
    exit_code = 2
    status = 403


class OverloadedError(HomegrownError):
    """Too many requests wait already; try again in a moment."""

    code = "overloaded"
    status = 429

    def __init__(self, message: str | None = None, *, retry_after_s: float = 1.0) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class UnavailableError(HomegrownError):
    """It cannot answer just now; try again in a moment."""

    code = "unavailable"
    status = 503


class UpstreamError(HomegrownError):
    """A model API outside did not answer as it should; see the upstream's own status page, then run this again.

    Attributes:
        status_code: that it answered with; None when there was no answer.
        retry_after_s: how long it asks to be left alone.
        may_have_cost: whether it may have worked, and counts its work, all the same.
    """

    code = "upstream"
    status = 502

    def __init__(
        self,
        message: str | None = None,
        *,
        status_code: int | None = None,
        retry_after_s: float | None = None,
        may_have_cost: bool = False,
    ) -> None:
        super().__init__(message or inspect.cleandoc(type(self).__doc__ or "").partition("\n\n")[0])
        self.status_code = status_code
        self.retry_after_s = retry_after_s
        self.may_have_cost = may_have_cost


class UpstreamTimeoutError(UpstreamError):
    """A model API outside did not answer in time."""

    code = "upstream_timeout"
    status = 504


class RefusedAddressError(UpstreamError):
    """Nothing is sent to this address: only registered upstreams are called, where they were registered."""

    code = "refused_address"
    status = 502


class OfflineError(UpstreamError):
    """Nothing leaves: this workspace is offline. The owner opens it with: homegrown govern offline off."""

    code = "offline"
    status = 503


class CancelledError(HomegrownError):
    """It was cancelled; what was finished is kept, and the same command goes on from there."""

    code = "cancelled"
    status = 409


class StorageError(HomegrownError):
    """The workspace cannot be read or written."""

    code = "storage"


class DiskFullError(StorageError):
    """No space is left on the disk. Free some and run the same command again: it goes on where it stopped."""

    code = "disk_full"
    status = 507


class CorruptDataError(StorageError):
    """A file in the workspace is not what was written there."""

    code = "corrupt_data"


class NewerWorkspaceError(StorageError):
    """This workspace was written by a newer homegrown; install that version to open it."""

    code = "newer_workspace"
    exit_code = 2


class PluginError(HomegrownError):
    """A plug-in is unknown or does not keep its contract."""

    code = "plugin"
    exit_code = 2
