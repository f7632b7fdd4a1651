"""The queue between the event loop and a stream's reader."""

import asyncio

import pytest

from services.sfu.control.mailbox import Mailbox, Overflow


async def test_items_are_read_in_order_until_the_mailbox_is_closed() -> None:
    mailbox: Mailbox[int] = Mailbox(10)
    reading = asyncio.create_task(collect(mailbox))
    for number in range(3):
        mailbox.push(number)
    await asyncio.sleep(0)
    mailbox.push(3)
    mailbox.close()
    mailbox.push(4)
    assert await reading == [0, 1, 2, 3]


async def test_full_mailbox_is_lost_as_a_whole() -> None:
    mailbox: Mailbox[int] = Mailbox(2)
    for number in range(3):
        mailbox.push(number)
    assert mailbox.has_overflown
    with pytest.raises(Overflow):
        await collect(mailbox)


async def test_waiting_reader_learns_of_the_end() -> None:
    mailbox: Mailbox[int] = Mailbox(2)
    reading = asyncio.create_task(collect(mailbox))
    await asyncio.sleep(0)
    mailbox.close()
    assert await reading == []


async def collect(mailbox: Mailbox[int]) -> list[int]:
    return [number async for number in mailbox.read()]
