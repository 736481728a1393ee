# Tidewell for a larger site: one image, one process for each container, no server inside, no secret.

# The front-end files of the pages.
FROM node:22-bookworm-slim AS pages
WORKDIR /source
COPY package.json package-lock.json ./
RUN npm ci --omit=dev --ignore-scripts --no-audit --no-fund
COPY portal/static portal/static
RUN npm run build

# The environment, from lists in which every file is named by its hash.
FROM python:3.12-slim-bookworm AS environment
WORKDIR /source
COPY requirements requirements
RUN python -m venv /opt/tidewell \
    && /opt/tidewell/bin/pip install --no-cache-dir --require-hashes -r requirements/runtime.txt \
    && python -m venv /opt/build \
    && /opt/build/bin/pip install --no-cache-dir --require-hashes -r requirements/checkout.txt
COPY pyproject.toml README.md LICENSE ./
COPY alerts alerts
COPY detect detect
COPY firmware_sim firmware_sim
COPY ingest ingest
COPY portal portal
COPY tidewell tidewell
COPY --from=pages /source/portal/static/vendor portal/static/vendor
RUN /opt/build/bin/pip wheel --no-cache-dir --no-deps --no-build-isolation --wheel-dir /wheel . \
    && /opt/tidewell/bin/pip install --no-cache-dir --no-deps /wheel/*.whl

FROM python:3.12-slim-bookworm
COPY --from=environment /opt/tidewell /opt/tidewell
COPY deploy/healthy.py deploy/healthy.sql /opt/tidewell/lib/
ENV PATH=/opt/tidewell/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    TIDEWELL_LOG_FORMAT=json
# A number, so that the rule "never as root" can be checked from outside.
USER 10001:10001
WORKDIR /
EXPOSE 8470
ENTRYPOINT ["tidewell"]
CMD ["portal"]
# The other processes name their own check in docker-compose.yml.
HEALTHCHECK --interval=30s --timeout=10s --start-period=60s --retries=3 \
    CMD ["python", "/opt/tidewell/lib/healthy.py", "portal"]
