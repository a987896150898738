"""The archive: every delivered file as it was, encrypted, found by its sha256; raw rows point to lines of these files.

A file is copied once through one open descriptor, hashed on the way, and the copy is what gets parsed: a file
replaced while it is being read cannot mix. Form: magic, nonce prefix, then frames of 1 MiB sealed with AES-256-GCM,
so that any place can be read without the whole and a file cut short is noticed.
"""

import contextlib
import functools
import hashlib
import io
import os
import stat
import struct
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import psycopg
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from warehouse import identity, settings
from warehouse.errors import FileRejected, WarehouseError

MAGIC = b"CAWARC1\n"
FRAME_BYTES = 1 << 20
TAG_BYTES = 16
PREFIX_BYTES = 7
HEADER_BYTES = len(MAGIC) + PREFIX_BYTES
LAST = 1
# sealing may need this much besides the file: frames' tags, WAL and indexes of its rows
FREE_FACTOR, FREE_BYTES = 4, 256 << 20


@dataclass(frozen=True)
class Stored:
    """An archived file: its sha256 (of what was delivered), size in bytes and the delivered file's time of change."""

    sha256: str
    size_bytes: int
    modified_ns: int


def store(source: Path) -> Stored:
    """Copy a delivered file into the archive.

    Raises: FileRejected, when it is missing or no regular file (a link would let a sender show us another file).
    """
    folder = settings.get().archive_folder
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    try:
        descriptor = os.open(source, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError as error:
        raise FileRejected(
            "file_missing", f"{source.name}: the manifest lists it, but it cannot be opened ({error.strerror})"
        ) from None
    with os.fdopen(descriptor, "rb", buffering=0) as file:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise FileRejected("no_regular_file", f"{source.name}: no regular file; wanted the exported file itself")
        _check_space(folder, status.st_size)
        part = folder / f".part-{os.getpid()}-{os.urandom(4).hex()}"
        try:
            sha256, size = _seal(file, part)
            target = path_of(sha256)
            if target.exists():
                part.unlink()
            else:
                target.parent.mkdir(exist_ok=True, mode=0o700)
                part.rename(target)
        except BaseException:
            with contextlib.suppress(FileNotFoundError):
                part.unlink()
            raise
    return Stored(sha256, size, status.st_mtime_ns)


def path_of(sha256: str) -> Path:
    """Where the archived file with this sha256 lies."""
    return settings.get().archive_folder / sha256[:2] / sha256


def open_file(sha256: str) -> io.BufferedReader:
    """The delivered bytes of an archived file, seekable.

    Raises: WarehouseError, when it is gone (retention) or was damaged.
    """
    try:
        return io.BufferedReader(_ArchivedFile(path_of(sha256)), buffer_size=FRAME_BYTES)
    except FileNotFoundError:
        raise WarehouseError(
            f"archived file {sha256[:12]}…: gone; it is kept for {settings.get().archive_retention_days} days"
            " (WAREHOUSE_ARCHIVE_RETENTION_DAYS). Ask the sender to export it again"
        ) from None


def purge(connection: psycopg.Connection, now: datetime) -> list[str]:
    """Delete archived files that were accepted longer ago than the retention; hash, manifest and rows stay.

    A file with rows in quarantine is kept until they are released: it is the only place where those rows stand.
    Returns: the sha256 of what was deleted.
    """
    oldest = now - timedelta(days=settings.get().archive_retention_days)
    rows = connection.execute(
        "select sha256 from audit.file as file group by sha256 having max(loaded_at) < %s and not bool_or(exists ("
        "  select from audit.quarantined_row as row where row.load_id = file.load_id and row.released_by is null))",
        (oldest,),
    )
    gone = []
    for (sha256,) in rows:
        with contextlib.suppress(FileNotFoundError):
            path_of(sha256).unlink()
            gone.append(sha256)
    return gone


def _check_space(folder: Path, size: int) -> None:
    free = os.statvfs(folder)
    available = free.f_bavail * free.f_frsize
    if available < FREE_FACTOR * size + FREE_BYTES:  # a rolled-back COPY does not give its space back
        raise WarehouseError(
            f"{folder}: {available >> 20} MiB free, wanted {(FREE_FACTOR * size + FREE_BYTES) >> 20} MiB to load"
            f" a file of {size >> 20} MiB. Make room and run the load again"
        )


def _cipher() -> AESGCM:
    return _cipher_of(identity.read_key("archive.key"))


@functools.cache
def _cipher_of(key: bytes) -> AESGCM:
    return AESGCM(key)


def _nonce(prefix: bytes, number: int, last: bool) -> bytes:
    # counting frames and marking the last one: frames cannot be swapped, dropped or cut off unnoticed
    return prefix + struct.pack(">IB", number, LAST if last else 0)


def _seal(file: io.FileIO, part: Path) -> tuple[str, int]:
    cipher, prefix, digest, size = _cipher(), os.urandom(PREFIX_BYTES), hashlib.sha256(), 0
    descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb", buffering=0) as out:
        out.write(MAGIC + prefix)
        frame, number = _read_full(file), 0
        while True:
            following = _read_full(file) if len(frame) == FRAME_BYTES else b""
            digest.update(frame)
            size += len(frame)
            out.write(cipher.encrypt(_nonce(prefix, number, not following), frame, None))
            if not following:
                break
            frame, number = following, number + 1
        os.fsync(descriptor)  # the ledger will say we have it
    return digest.hexdigest(), size


def _read_full(file: io.FileIO) -> bytes:
    data = file.read(FRAME_BYTES)
    while 0 < len(data) < FRAME_BYTES and (more := file.read(FRAME_BYTES - len(data))):
        data += more
    return data


class _ArchivedFile(io.RawIOBase):
    """Reads the plain bytes of an archived file; seekable."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("rb", buffering=0)
        header = self._file.read(HEADER_BYTES)
        stored = os.fstat(self._file.fileno()).st_size - HEADER_BYTES
        if header[: len(MAGIC)] != MAGIC or stored < TAG_BYTES:
            raise _damaged(path)
        self._path, self._prefix, self._cipher = path, header[len(MAGIC) :], _cipher()
        self._frames = -(-stored // (FRAME_BYTES + TAG_BYTES))
        self._size = stored - self._frames * TAG_BYTES
        self._position, self._number, self._frame = 0, -1, b""

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        start = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self._size}[whence]
        self._position = max(0, start + offset)
        return self._position

    def tell(self) -> int:
        return self._position

    def readinto(self, target) -> int:
        if self._position >= self._size:
            return 0
        number, offset = divmod(self._position, FRAME_BYTES)
        if number != self._number:
            self._frame, self._number = self._read_frame(number), number
        taken = self._frame[offset : offset + len(target)]
        target[: len(taken)] = taken
        self._position += len(taken)
        return len(taken)

    def close(self) -> None:
        if not self.closed:
            self._file.close()
        super().close()

    def _read_frame(self, number: int) -> bytes:
        self._file.seek(HEADER_BYTES + number * (FRAME_BYTES + TAG_BYTES))
        try:
            return self._cipher.decrypt(
                _nonce(self._prefix, number, number == self._frames - 1),
                self._file.read(FRAME_BYTES + TAG_BYTES),
                None,
            )
        except InvalidTag:
            raise _damaged(self._path) from None


def _damaged(path: Path) -> WarehouseError:
    return WarehouseError(
        f"{path}: not as it was stored, or stored under another key. Restore file and key from the backup"
    )
