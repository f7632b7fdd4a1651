"""A worker with a real gRPC server for each test."""

from collections.abc import AsyncIterator

import pytest

from tests.support.control import Gateway, RunningWorker, run_worker


@pytest.fixture
async def running() -> AsyncIterator[RunningWorker]:
    async with run_worker() as running:
        yield running


@pytest.fixture
async def gateway(running: RunningWorker) -> AsyncIterator[Gateway]:
    async with Gateway(running.address) as gateway:
        yield gateway
