"""`make up`, `make down` and `make clean`: the home's PostgreSQL and Airflow, and what they wrote."""

import argparse
import shutil
import sys

from warehouse import airflow_home, embedded, pipeline, settings
from warehouse.errors import WarehouseError
from warehouse.settings import Settings

# all that the warehouse, Airflow and the demo write below a home; anything else there is somebody else's
WRITTEN = (
    *("airflow", "archive", "clock", "dbt", "demo.json", "keys", "landing", "postgres", "reports", "sender"),
    "sender.unfinished",
)


def up(configured: Settings) -> None:
    """Start PostgreSQL (unless WAREHOUSE_URL names one) and Airflow, and tell how to get in."""
    pipeline.init()
    airflow = airflow_home.start(configured, print)
    print(f"Airflow: {airflow.url}  user: {airflow_home.USER}  password: {airflow.password}")
    print(f"Deliveries go to {configured.landing_folder}; make down stops everything")


def down(configured: Settings) -> None:
    """Stop Airflow and the embedded PostgreSQL."""
    print("Airflow stopped" if airflow_home.stop(configured) else "Airflow did not run")
    print("PostgreSQL stopped" if embedded.stop(configured) else "PostgreSQL did not run")


def clean(configured: Settings) -> None:
    """Stop everything and remove what was written. A database named by WAREHOUSE_URL stays."""
    down(configured)
    for name in WRITTEN:
        path = configured.home / name
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)
    if configured.home.is_dir() and not any(configured.home.iterdir()):
        configured.home.rmdir()
    print(f"removed what was written to {configured.home}")
    if configured.url is not None:
        print("the database named by WAREHOUSE_URL, and Airflow's beside it, were left as they are")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("action", choices=("up", "down", "clean"))
    action = {"up": up, "down": down, "clean": clean}[parser.parse_args().action]
    try:
        action(settings.get())
    except WarehouseError as error:
        print(error, file=sys.stderr)
        sys.exit(error.exit_code)


if __name__ == "__main__":
    main()
