# The project's own image: Airflow's four parts and the pipeline's steps, from the locked environment.
FROM python:3.11-slim-bookworm AS build
RUN pip install --no-cache-dir uv
WORKDIR /opt/warehouse
ENV UV_PYTHON_DOWNLOADS=never UV_LINK_MODE=copy UV_COMPILE_BYTECODE=1
COPY pyproject.toml uv.lock README.md LICENSE ./
# dependencies first: they change less often than the code
RUN uv sync --frozen --no-dev --no-install-project
COPY . .
RUN uv sync --frozen --no-dev

FROM python:3.11-slim-bookworm
# chromium and the fonts print the bulletin as PDF
RUN apt-get update \
    && apt-get install --yes --no-install-recommends chromium fonts-noto-cjk \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --uid 50000 --create-home warehouse \
    && install --directory --owner warehouse --mode 0700 /var/lib/warehouse /var/lib/airflow
COPY --from=build /opt/warehouse /opt/warehouse
WORKDIR /opt/warehouse
ENV PATH=/opt/warehouse/.venv/bin:$PATH \
    PYTHONPATH=/opt/warehouse \
    PYTHONUNBUFFERED=1 \
    WAREHOUSE_HOME=/var/lib/warehouse \
    AIRFLOW_HOME=/var/lib/airflow
USER warehouse
CMD ["warehouse", "--help"]
