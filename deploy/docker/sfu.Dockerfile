# The SFU worker, with its packet engine. Built from the repository's root:
#   docker build -f deploy/docker/sfu.Dockerfile -t invigil/sfu:0.1.0 .
# The base images are arguments, so that a mirror or an own base can stand in for them; both need
# the same C library, because the engine is built in the one and runs in the other.
ARG PYTHON_IMAGE=python:3.11-slim-bookworm
ARG RUST_IMAGE=rust:1.95-slim-bookworm

FROM ${RUST_IMAGE} AS engine
RUN apt-get update \
 && apt-get install --yes --no-install-recommends gcc libc6-dev python3 python3-venv \
 && rm -rf /var/lib/apt/lists/*
COPY deploy/requirements/build.txt /requirements.txt
RUN python3 -m venv /venv \
 && /venv/bin/pip install --no-cache-dir --require-hashes -r /requirements.txt
COPY services/sfu/engine /engine
RUN /venv/bin/python -m maturin build --release --features python \
    --interpreter python3 --manifest-path /engine/Cargo.toml --out /wheels

FROM ${PYTHON_IMAGE} AS packages
COPY deploy/requirements/sfu.txt /requirements.txt
RUN python3 -m venv /venv \
 && /venv/bin/pip install --no-cache-dir --no-compile --require-hashes -r /requirements.txt
COPY --from=engine /wheels /wheels
RUN /venv/bin/pip install --no-cache-dir --no-compile --no-index --no-deps /wheels/*.whl
COPY services/__init__.py /app/services/
COPY services/pb /app/services/pb
COPY services/common /app/services/common
COPY services/sfu /app/services/sfu
# The root of a running container is read-only: bytecode is made here or never.
RUN rm -rf /app/services/sfu/engine \
 && /venv/bin/python -m compileall -q -j 0 --invalidation-mode unchecked-hash /venv/lib /app

FROM ${PYTHON_IMAGE}
ENV PATH=/venv/bin:${PATH} PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1
COPY --from=packages /venv /venv
COPY --from=packages /app /app
WORKDIR /app
# A number, not a name: Kubernetes can only then see that it is not root.
USER 10001:10001
EXPOSE 50051 40000/udp
ENTRYPOINT ["python", "-m", "services.sfu"]
