# The signaling gateway, with the console's pages in it. Built from the repository's root:
#   docker build -f deploy/docker/gateway.Dockerfile -t invigil/gateway:0.1.0 .
# The base images are arguments, so that a mirror or an own base can stand in for them.
ARG PYTHON_IMAGE=python:3.11-slim-bookworm
ARG NODE_IMAGE=node:22-slim

FROM ${NODE_IMAGE} AS console
WORKDIR /services
COPY services/package.json services/package-lock.json services/.npmrc ./
COPY services/client/typescript/package.json ./client/typescript/
COPY services/console/package.json ./console/
RUN npm ci
COPY services/tsconfig.base.json ./
COPY services/client/typescript ./client/typescript
COPY services/console ./console
RUN npm run build --workspace console

FROM ${PYTHON_IMAGE} AS packages
COPY deploy/requirements/gateway.txt /requirements.txt
RUN python3 -m venv /venv \
 && /venv/bin/pip install --no-cache-dir --no-compile --require-hashes -r /requirements.txt
COPY services/__init__.py /app/services/
COPY services/pb /app/services/pb
COPY services/common /app/services/common
COPY services/gateway /app/services/gateway
COPY --from=console /services/console/dist /app/services/console/dist
# The root of a running container is read-only: bytecode is made here or never.
RUN /venv/bin/python -m compileall -q -j 0 --invalidation-mode unchecked-hash /venv/lib /app

FROM ${PYTHON_IMAGE}
ENV PATH=/venv/bin:${PATH} PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1
COPY --from=packages /venv /venv
COPY --from=packages /app /app
WORKDIR /app
# A number, not a name: Kubernetes can only then see that it is not root.
USER 10001:10001
EXPOSE 8080
ENTRYPOINT ["python", "-m", "services.gateway"]
