"""Tokens instead of persons: HMAC-SHA-256 (RFC 2104) over normalised identifiers, so that no number or name reaches
raw.

Rules for numbers: GB 11643-1999 (17 digits and an ISO 7064 MOD 11-2 check character; older numbers have 15 digits). The
region code is that of first issue and may be abolished, so it is not checked. The keys live in files of their own
outside the database; each purpose has a key derived from them (RFC 5869), so that tokens of two purposes never meet.
"""

import calendar
import functools
import hashlib
import json
import os
import re
import secrets
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from pathlib import Path

try:
    # Python's own SHA-256: its states copy twice as fast as OpenSSL's, and a token copies two
    from _sha256 import sha256 as _sha256
except ImportError:
    from hashlib import sha256 as _sha256
import psycopg
from stdnum.iso7064 import mod_11_2

from warehouse import settings
from warehouse.errors import UsageError

KEY_BYTES = 32
KEY_FILES = ("identity.key", "vault.key", "archive.key")
PURPOSES = ("national_id", "unverified", "name", "account", "document")
IDENTITIES = frozenset({"valid", "valid_15"})  # the only statuses whose token is a person's key
OLDEST_BIRTH_YEAR = 1850
# what senders write where there is no number (beside the contract's null words)
NO_NUMBER = frozenset({"无名氏", "无名"})
_SHA256_BLOCK = 64
_WHITESPACE = re.compile(r"[\s\u200b\ufeff]+")
_LOST_DIGITS = re.compile(r"\d+(\.\d*)?E\+?\d+")
_LOST_ACCOUNT_DIGITS = re.compile(r"[\d.]+E\+?\d+")
_NUMBER_18 = re.compile(r"\d{17}[\dX]")
_NUMBER_15 = re.compile(r"\d{15}")
_DOTS = str.maketrans(dict.fromkeys("•‧∙⋅・･．.‐", "·"))
_DECEASED = re.compile(r"[(\[【](已故|已死亡)[)\]】]$")


class LostDigits(ValueError):
    """A spreadsheet rounded the number: it cannot be restored."""


@dataclass(frozen=True)
class Identity:
    """What a national ID cell tells.

    Attributes:
        status: valid, valid_15, wrong_check, impossible_birth_date, wrong_form, placeholder, other_document or missing.
        number: the normalised text; 18 characters when valid.
        normalised: it was not delivered in its normal form.
        birth_date: ISO text, sex: '1' male or '2' female, division: six digits of first issue; None unless valid.
    """

    status: str
    number: str | None
    normalised: bool = False
    birth_date: str | None = None
    sex: str | None = None
    division: str | None = None


def ensure_keys(connection: psycopg.Connection) -> Path:
    """Make the secret keys that are missing, readable by this user only; existing ones are never replaced. Which keys a
    database was filled with stands in `audit.setting`: once it does, a missing key is not made anew.

    Args: connection: as the owner of the warehouse; the caller commits.
    Returns: their folder.
    Raises: UsageError, when the keys are not those of this database.
    """
    if _known_keys(connection):
        require_same_keys(connection)
        return settings.get().keys_folder
    folder = settings.get().keys_folder
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    for name in KEY_FILES:
        path = folder / name
        if path.exists():
            continue
        fresh = folder / f".{name}.{os.getpid()}"
        descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write(secrets.token_hex(KEY_BYTES))
            file.flush()
            os.fsync(file.fileno())
        try:
            os.link(fresh, path)  # unlike a rename it does not replace the key another process made meanwhile
        except FileExistsError:
            pass
        finally:
            fresh.unlink()
    ids = {name: key_id(read_key(name)) for name in KEY_FILES}
    connection.execute("update audit.setting set key_ids = %s", (json.dumps(ids),))
    return folder


def require_same_keys(connection: psycopg.Connection) -> None:
    """Raises: UsageError, when a key is missing or another than the one this database was filled with: the same person
    would get another token, and nothing would join.
    """
    for name, wanted in _known_keys(connection).items():
        if key_id(read_key(name)) != wanted:
            raise UsageError(
                f"{settings.get().keys_folder / name}: not the key that this database was filled with. Restore it from its"
                " backup, or set WAREHOUSE_KEYS to the folder that holds it"
            )


def _known_keys(connection: psycopg.Connection) -> dict[str, str]:
    return connection.execute("select key_ids from audit.setting").fetchone()[0] or {}


def read_key(name: str) -> bytes:
    """A secret key of 32 bytes by its file name.

    Raises: UsageError, when it is missing or unusable.
    """
    path = settings.get().keys_folder / name
    return _read_key(path, path.stat().st_mtime_ns if path.exists() else 0)


@functools.cache
def _read_key(path: Path, modified_ns: int) -> bytes:
    try:
        key = bytes.fromhex(path.read_text().strip())
    except (OSError, ValueError):
        raise UsageError(
            f"{path}: no usable key; wanted {2 * KEY_BYTES} hex digits. Restore it from its backup; in a new warehouse run:"
            " warehouse init"
        ) from None
    if len(key) != KEY_BYTES:
        raise UsageError(f"{path}: {len(key)} bytes, wanted {KEY_BYTES}")
    return key


def key_id(key: bytes) -> str:
    """A public name of a secret key, to know later which one sealed something."""
    return hashlib.sha256(b"key id" + key).hexdigest()[:12]


class Tokens:
    """Tokens of one purpose: equal texts give equal tokens; tokens of two purposes never meet.

    Args:
        purpose: one of PURPOSES.
    """

    def __init__(self, purpose: str, key: bytes | None = None) -> None:
        master = key or read_key("identity.key")
        derived = _hkdf(master, purpose)
        self._inner = _sha256(bytes(byte ^ 0x36 for byte in derived.ljust(_SHA256_BLOCK, b"\0")))
        self._outer = _sha256(bytes(byte ^ 0x5C for byte in derived.ljust(_SHA256_BLOCK, b"\0")))

    def token(self, text: str) -> str:
        """32 hex digits (128 bits of the HMAC), which PostgreSQL reads as a uuid."""
        # copying the two prepared states halves the cost of hmac.new
        inner, outer = self._inner.copy(), self._outer.copy()
        inner.update(text.encode())
        outer.update(inner.digest())
        return outer.hexdigest()[:32]


def _hkdf(master: bytes, purpose: str) -> bytes:
    from cryptography.hazmat.primitives.hashes import SHA256
    from cryptography.hazmat.primitives.kdf.hkdf import HKDF

    return HKDF(algorithm=SHA256(), length=KEY_BYTES, salt=None, info=f"warehouse {purpose}".encode()).derive(master)


class Vault:
    """Seals number and name of a person with AES-256-GCM; the token is bound to the seal as associated data."""

    def __init__(self) -> None:
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM

        key = read_key("vault.key")
        self.key_id = key_id(key)
        self._cipher = AESGCM(_hkdf(key, "vault"))

    def seal(self, person_key: str, number: str, name: str | None) -> bytes:
        """Nonce and ciphertext of `number` and `name`, for the person whose token is `person_key` (32 hex digits)."""
        nonce = os.urandom(12)
        return nonce + self._cipher.encrypt(nonce, f"{number}\n{name or ''}".encode(), bytes.fromhex(person_key))

    def open(self, person_key: str, sealed: bytes) -> tuple[str, str | None]:
        """(number, name) of a seal. Raises: cryptography's InvalidTag, when it is another person's or was changed."""
        number, _, name = (
            self._cipher.decrypt(sealed[:12], sealed[12:], bytes.fromhex(person_key)).decode().partition("\n")
        )
        return number, name or None


def normalise_number(text: str) -> str:
    """NFKC, no spaces, no leading apostrophe, upper case."""
    return _WHITESPACE.sub("", unicodedata.normalize("NFKC", text)).lstrip("'’‘`\"").upper()


def judge_number(text: str, latest_birth: date) -> Identity:
    """Judge the text of a national ID cell.

    Args:
        text: as delivered, not missing.
        latest_birth: nobody is born after it.
    Raises: LostDigits, when a spreadsheet rounded the number.
    """
    number = normalise_number(text)
    changed = number != text
    if not number or number in NO_NUMBER:
        return Identity("missing", None)
    if _LOST_DIGITS.fullmatch(number):
        raise LostDigits
    if len(set(number)) == 1 or (number.startswith("000000") and len(number) >= 14):
        return Identity("placeholder", number, changed)
    if _NUMBER_15.fullmatch(number):
        number, status = number[:6] + "19" + number[6:], "valid_15"
        number += mod_11_2.calc_check_digit(number)
    elif _NUMBER_18.fullmatch(number):
        status = "valid"
        if mod_11_2.calc_check_digit(number[:-1]) != number[-1]:
            if number.endswith("000"):  # 15 significant digits are all that a spreadsheet keeps
                raise LostDigits
            return Identity("wrong_check", number, changed)
    else:
        return Identity("wrong_form", number, changed)
    year, month, day = int(number[6:10]), int(number[10:12]), int(number[12:14])
    if not is_day(year, month, day) or year < OLDEST_BIRTH_YEAR or date(year, month, day) > latest_birth:
        return Identity("impossible_birth_date", number, changed)
    return Identity(
        status, number, changed, f"{number[6:10]}-{number[10:12]}-{number[12:14]}", sex_of(number), number[:6]
    )


def judge_document(text: str) -> Identity:
    """Judge the number of a document that is no national ID: nothing but a spreadsheet's rounding can be seen.

    Raises: LostDigits.
    """
    number = normalise_number(text)
    if not number or number in NO_NUMBER:
        return Identity("missing", None)
    if _LOST_DIGITS.fullmatch(number):
        raise LostDigits
    return Identity("other_document", number, number != text)


def sex_of(number: str) -> str:
    """'1' male, '2' female (GB/T 2261.1): the 17th digit is odd for males."""
    return "1" if int(number[16]) % 2 else "2"


def is_day(year: int, month: int, day: int) -> bool:
    """Is it a day of the calendar?"""
    return 1 <= year <= 9999 and 1 <= month <= 12 and 1 <= day <= calendar.monthrange(year, month)[1]


def normalise_name(text: str) -> str:
    """NFKC, one kind of dot in minority names, no spaces between Chinese characters, no suffix (已故)."""
    name = unicodedata.normalize("NFKC", text).translate(_DOTS).strip()
    name = _DECEASED.sub("", name).strip()
    if name.isascii():
        return " ".join(name.split()).upper()
    return _WHITESPACE.sub("", name)


def normalise_account(text: str) -> str | None:
    """NFKC, digits and letters only, upper case; None when a spreadsheet rounded it (6.22E+18)."""
    account = normalise_number(text)
    if _LOST_ACCOUNT_DIGITS.fullmatch(account):
        return None
    return account.replace("-", "")


_LIKE_A_NUMBER = re.compile(
    r"(?<!\d)[1-9]\d{5}(?:(?:18|19|20)\d\d(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])\d{3}[\dXx]"
    r"|\d\d(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])\d{3})(?!\d)"
)


_EIGHTEEN = re.compile(r"(?<!\d)\d{17}[\dXxＸｘ](?!\d)")


def hide_numbers(text: str, token: Callable[[str], str]) -> str:
    """A text that is no person's column, with a token in place of each valid 18-character number in it.

    Some senders use the head's number as the household's key, or write one into a remark. Equal numbers give equal texts, so
    keys still join.
    """

    def hidden(found: re.Match) -> str:
        number = normalise_number(found.group())
        birth = number[6:14]
        is_valid = (
            mod_11_2.is_valid(number)
            and int(birth[:4]) >= OLDEST_BIRTH_YEAR
            and is_day(int(birth[:4]), int(birth[4:6]), int(birth[6:]))
        )
        return f"id:{token(number)}" if is_valid else found.group()

    return _EIGHTEEN.sub(hidden, text)


def holds_number(text: str) -> bool:
    """Does a text that is no person's column hold something like a national ID number?"""
    return _LIKE_A_NUMBER.search(unicodedata.normalize("NFKC", text)) is not None
