"""Settings of one warehouse, read from the environment (prefix `WAREHOUSE_`) at each call; nothing is cached.

Two homes live side by side: everything that a home writes lies below `home`.
"""

import functools
import os
from datetime import UTC, date, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from pydantic import Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from warehouse.errors import UsageError

PROJECT = Path(__file__).resolve().parent.parent
CONTRACTS = PROJECT / "contracts"
SHANGHAI = ZoneInfo("Asia/Shanghai")


class Settings(BaseSettings):
    """One warehouse's settings. Paths are absolute after validation of `get()`."""

    model_config = SettingsConfigDict(env_prefix="WAREHOUSE_", env_ignore_empty=True, extra="ignore")

    home: Path = Field(PROJECT / "var", description="folder for all that the warehouse writes")
    url: SecretStr | None = Field(
        None, description="postgresql://user:password@host:port/database; unset: embedded server"
    )
    landing: Path | None = Field(None, description="folder the senders write to; default <home>/landing")
    keys: Path | None = Field(None, description="folder of the secret keys; default <home>/keys")
    now: str | None = Field(
        None, description="the pipeline's clock for tests and demos: ISO instant, or a file holding one"
    )
    first_business_date: date | None = Field(
        None, description="first day every system owes; default: earliest delivery"
    )
    archive_retention_days: int = Field(90, ge=1, description="days an archived delivery is kept after acceptance")
    kept_publications: int = Field(30, ge=2, description="newest publications whose marts stay readable")
    dbt_threads: int = Field(2, ge=1, description="models dbt builds at the same time")

    @property
    def landing_folder(self) -> Path:
        return self.landing or self.home / "landing"

    @property
    def archive_folder(self) -> Path:
        return self.home / "archive"

    @property
    def postgres_folder(self) -> Path:
        return self.home / "postgres"

    @property
    def reports_folder(self) -> Path:
        return self.home / "reports"

    @property
    def keys_folder(self) -> Path:
        return self.keys or self.home / "keys"


def get() -> Settings:
    """The settings as the environment has them now, with absolute paths."""
    settings = _parse(tuple(sorted((name, text) for name, text in os.environ.items() if name.startswith("WAREHOUSE_"))))
    return settings.model_copy()


@functools.lru_cache(maxsize=8)
def _parse(environment: tuple[tuple[str, str], ...]) -> Settings:
    """Settings of one state of the environment: parsing takes milliseconds, and they are asked for all the time."""
    try:
        settings = Settings()
    except ValidationError as error:
        # the values themselves may be a password
        problems = "; ".join(f"WAREHOUSE_{str(e['loc'][0]).upper()}: {e['msg']}" for e in error.errors() if e["loc"])
        raise UsageError(f'{problems}. README.md, "Settings", says what is wanted') from None
    settings.home = settings.home.expanduser().resolve()
    for name in ("landing", "keys"):
        if (path := getattr(settings, name)) is not None:
            setattr(settings, name, path.expanduser().resolve())
    return settings


def now() -> datetime:
    """The pipeline's clock, in UTC: `WAREHOUSE_NOW` (an ISO 8601 instant with offset, or a file with one), else the file
    `clock` of the home, which the demo leaves there (its city ended in 2022), else the real one.
    """
    given = get().now
    if given is None:
        clock = get().home / "clock"
        if not clock.is_file():
            return datetime.now(UTC)
        given = str(clock)
    try:
        text = Path(given).read_text().strip() if given.startswith(("/", "./")) else given
    except OSError as error:
        raise UsageError(f"WAREHOUSE_NOW is {given}, which cannot be read ({error.strerror})") from None
    try:
        instant = datetime.fromisoformat(text)
    except ValueError:
        raise UsageError(
            f"WAREHOUSE_NOW is '{text}', wanted an ISO 8601 instant such as 2022-02-01T06:00:00+08:00"
        ) from None
    if instant.tzinfo is None:
        raise UsageError(f"WAREHOUSE_NOW is '{text}' without an offset; write 2022-02-01T06:00:00+08:00")
    return instant.astimezone(UTC)
