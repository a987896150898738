"""Prepare the services of docker-compose.yml: refuse missing secrets; databases, keys, Airflow's tables, its login."""

import os
import subprocess
import sys
from pathlib import Path

from warehouse import airflow_home, pipeline
from warehouse.errors import UsageError, WarehouseError

SHORTEST_SECRET = 16
# the variable a service sees, by the name it has in .env
SECRETS = {
    "AIRFLOW_FERNET_KEY": "AIRFLOW__CORE__FERNET_KEY",
    "AIRFLOW_API_SECRET_KEY": "AIRFLOW__API__SECRET_KEY",
    "AIRFLOW_JWT_SECRET": "AIRFLOW__API_AUTH__JWT_SECRET",
    "AIRFLOW_ADMIN_PASSWORD": "AIRFLOW_ADMIN_PASSWORD",
}


def main() -> None:
    """Safe to repeat: what is there stays.

    Raises: UsageError, naming the secrets that .env lacks.
    """
    weak = [name for name, variable in SECRETS.items() if len(os.environ.get(variable, "")) < SHORTEST_SECRET]
    if weak:
        raise UsageError(
            f".env lacks {', '.join(weak)} (wanted: {SHORTEST_SECRET} characters or more). See .env.example"
        )
    pipeline.init()
    airflow_home.make_metadata_database()
    subprocess.run([sys.executable, "-m", "airflow", "db", "migrate"], check=True)
    passwords = Path(os.environ["AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE"])
    airflow_home.write_password(passwords, os.environ["AIRFLOW_ADMIN_PASSWORD"])


if __name__ == "__main__":
    try:
        main()
    except WarehouseError as error:
        print(error, file=sys.stderr)
        sys.exit(error.exit_code)
