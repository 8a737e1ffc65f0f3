"""What one page may cost: newest only for pictures, nothing lost of the events, and never more than a bound."""

from __future__ import annotations

import asyncio

from surgical_guidance.relay.clients import EVENTS, TRY_LATER, UNSHOWN, Client, OutgoingPicture
from surgical_guidance.relay.hub import Hub


class Page:
    """A socket whose other end can stop reading."""

    def __init__(self) -> None:
        self.got: list[str | bytes] = []
        self.sent: list[int] = []
        self.reads = asyncio.Event()
        self.reads.set()

    async def send_str(self, data: str) -> None:
        await self.reads.wait()
        self.got.append(data)

    async def send_bytes(self, data: bytes) -> None:
        await self.reads.wait()
        self.got.append(data)


def picture(number: int) -> OutgoingPicture:
    return OutgoingPicture(captured_ns=number, data=bytes([number % 256]))


async def settle() -> None:
    for _ in range(400):
        await asyncio.sleep(0)


def with_client(script):  # type: ignore[no-untyped-def]
    """Run a script with a page, its client and the client's writer."""

    async def run() -> None:
        page = Page()
        client = Client(page, page.sent.append)
        writer = asyncio.create_task(client.write())
        try:
            await script(page, client)
        finally:
            writer.cancel()

    asyncio.run(run())


def test_events_go_first_and_in_order() -> None:
    async def script(page: Page, client: Client) -> None:
        client.put_picture(picture(1))
        client.put_state('state')
        for event in 'abc':
            client.put_event(event)
        await settle()
        assert page.got == ['a', 'b', 'c', 'state', b'\1']
        assert page.sent == [1]

    with_client(script)


def test_a_page_gets_the_newest_picture_and_the_newest_state_when_it_reads_again() -> None:
    async def script(page: Page, client: Client) -> None:
        page.reads.clear()
        client.put_state('first')
        await settle()  # the writer is stuck with it now
        for number in range(1, 101):
            client.put_picture(picture(number))
            client.put_state(f'state {number}')
        page.reads.set()
        await settle()
        assert page.got == ['first', 'state 100', bytes([100])]
        assert client.dropped == 99

    with_client(script)


def test_no_more_pictures_are_on_the_way_than_the_page_can_show() -> None:
    async def script(page: Page, client: Client) -> None:
        for number in range(10):
            client.put_picture(picture(number))
            await settle()
        assert page.got == [bytes([n]) for n in range(UNSHOWN)]
        client.on_shown()
        await settle()
        assert page.got[UNSHOWN:] == [b'\x09']  # the newest, not the next

    with_client(script)


def test_saying_shown_without_a_picture_gains_nothing() -> None:
    async def script(page: Page, client: Client) -> None:
        for _ in range(100):
            client.on_shown()
        for number in range(10):
            client.put_picture(picture(number))
            await settle()
        assert len(page.got) == UNSHOWN

    with_client(script)


def test_a_page_that_does_not_keep_up_with_the_events_is_closed_with_the_reason() -> None:
    async def script(page: Page, client: Client) -> None:
        page.reads.clear()
        client.put_event('stuck')
        await settle()
        for number in range(EVENTS):
            client.put_event(str(number))
        assert not client.goodbye.done()
        client.put_event('one too many')
        goodbye = client.goodbye.result()
        assert goodbye.code == TRY_LATER
        assert 'keep up' in goodbye.reason

    with_client(script)


def test_one_stalled_page_costs_the_others_nothing() -> None:
    async def run() -> None:
        hub, pages = Hub(), [Page(), Page()]
        clients = [hub.join(page) for page in pages]
        writers = [asyncio.create_task(client.write()) for client in clients]
        pages[0].reads.clear()
        for number in range(1, 51):
            hub.picture(picture(number))
            await settle()
            clients[1].on_shown()
        assert len(pages[1].got) == 50
        assert clients[1].dropped == 0
        assert clients[0].dropped == 48  # one stuck in the network, one waiting
        for writer in writers:
            writer.cancel()

    asyncio.run(run())


def test_counters_survive_the_page() -> None:
    async def run() -> None:
        hub = Hub()
        page = Page()
        client = hub.join(page)
        writer = asyncio.create_task(client.write())
        assert hub.watched
        hub.picture(picture(1))
        await settle()
        writer.cancel()
        hub.leave(client)
        assert not hub.watched
        assert hub.json()['pictures']['sent'] == 1

    asyncio.run(run())
