# One image, three commands: payportal web | worker | clock.
FROM python:3.11-slim AS build
WORKDIR /srv/payportal
RUN python -m venv .venv
ENV PATH="/srv/payportal/.venv/bin:$PATH" PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
COPY requirements requirements
RUN pip install --require-hashes -r requirements/base.txt
COPY scripts/build_assets.py scripts/assets.toml scripts/
COPY static static
# npm is only needed here: it lives in an environment of its own and stays behind
RUN python -m venv /opt/node \
 && /opt/node/bin/pip install --require-hashes -r requirements/node.txt \
 && PATH="$PATH:/opt/node/bin" python scripts/build_assets.py \
 && rm -rf static/vendor
COPY pyproject.toml README.md LICENSE piccolo_conf.py ./
COPY src src
COPY templates templates
RUN pip install --no-deps --no-build-isolation --editable . && python -m compileall -q src

FROM python:3.11-slim
RUN useradd --system --uid 10001 --home-dir /srv/payportal payportal
WORKDIR /srv/payportal
COPY --from=build /srv/payportal /srv/payportal
ENV PATH="/srv/payportal/.venv/bin:$PATH" PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 HOST=0.0.0.0 PORT=8000
USER payportal
EXPOSE 8000
STOPSIGNAL SIGTERM
# Only the web answers requests; a worker or the clock is well as long as it runs.
HEALTHCHECK --interval=30s --timeout=6s --start-period=20s --retries=3 CMD grep -qa web /proc/1/cmdline || exit 0; \
 python -c "import os, urllib.request as r; r.urlopen('http://127.0.0.1:' + os.environ['PORT'] + '/health/live', timeout=4)"
CMD ["payportal", "web"]
