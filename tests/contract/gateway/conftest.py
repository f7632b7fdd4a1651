"""A gateway in front of a worker's control plane, both real and in this process."""

from collections.abc import AsyncIterator

import pytest

from tests.support.gateway import (
    RunningGateway,
    RunningWorker,
    ready,
    running_gateway,
    running_worker,
)


@pytest.fixture
async def worker() -> AsyncIterator[RunningWorker]:
    async with running_worker() as running:
        yield running


@pytest.fixture
async def gateway(worker: RunningWorker) -> AsyncIterator[RunningGateway]:
    async with running_gateway(worker.address) as running:
        await ready(running)
        yield running
