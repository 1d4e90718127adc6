"""A way between client and relay that does what networks do: cuts, stalls, refuses, blocks, and answers by itself."""

import asyncio
import contextlib
import random
import socket
import struct
import threading

# More than the head of any request of a client.
MAXIMUM_HEAD = 16384


class Request:
    """The head of a request, as the client sent it."""

    def __init__(self, head):
        line, *fields = head.decode("latin-1").strip().split("\r\n")
        self.method, self.target, _ = line.split(" ", 2)
        self.headers = {name.lower(): value.strip() for name, _, value in (field.partition(":") for field in fields)}

    @property
    def transport(self):
        if "upgrade" in self.headers:
            return "websocket"
        if "text/event-stream" in self.headers.get("accept", ""):
            return "stream"
        return "poll" if "wait=" in self.target else "other"


def answer(status, body="", **headers):
    """What something on the way says in the relay's place. Every page may read it."""
    fields = {
        "Access-Control-Allow-Origin": "*",
        "Access-Control-Expose-Headers": "*",
        "Content-Length": len(body.encode()),
        "Connection": "close",
        **{name.replace("_", "-"): value for name, value in headers.items()},
    }
    lines = [f"HTTP/1.1 {status} From The Way", *(f"{name}: {value}" for name, value in fields.items())]
    return ("\r\n".join(lines) + "\r\n\r\n" + body).encode()


class BadNetwork:
    """Carries connections to `port`. How it treats them may be changed at any time and holds for what comes then.

    - `cut_after`: the least and the most bytes that come to the client before a connection is cut; None cuts none. One in
      eight may be cut within what the client sends, too. A cut is an end or a reset.
    - `stalls`: how likely it is silence until the client leaves instead.
    - `refuse`: how likely a connection is reset before it carries anything.
    - `meddle`: asked about each request. Bytes are sent in place of the relay's answer, HOLD is silence until the
      client leaves, None passes the request on.
    - `swallow`: asked about each request that is passed on. If true, nothing more comes through to the client.
    """

    HOLD = object()

    def __init__(self, port, seed):
        self.port_of_relay = port
        self.random = random.Random(seed)
        self.requests = []
        self.cuts = 0
        self.heal()
        self.connections = {}
        self.loop = asyncio.new_event_loop()
        self.thread = threading.Thread(target=self.loop.run_forever, daemon=True)
        self.thread.start()
        self.server = self.call(asyncio.start_server(self.serve, "127.0.0.1", 0, limit=MAXIMUM_HEAD))
        self.port = self.server.sockets[0].getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"

    def heal(self):
        self.cut_after = None
        self.stalls = 0
        self.refuse = 0
        self.meddle = lambda request: None
        self.swallow = lambda request: False

    def call(self, coroutine):
        return asyncio.run_coroutine_threadsafe(coroutine, self.loop).result()

    def cut_all(self):
        """Resets every open connection."""
        async def cut():
            for task, connection in self.connections.items():
                connection.reset()
                task.cancel()
        self.call(cut())

    def remove(self):
        async def end():
            self.server.close()
            for task in (tasks := list(self.connections)):
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        self.call(end())
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join()
        self.loop.close()

    @property
    def held(self):
        """The connections to which nothing more is said. A client that leaves lets go of them."""
        return [each for each in self.connections.values() if each.is_held or each.is_swallowed]

    def transports(self):
        """Which ways were tried, in their order, several in a row as one."""
        tried = [request.transport for request in self.requests if request.method == "GET"]
        return [each for index, each in enumerate(tried) if tried[index - 1:index] != [each]]

    async def serve(self, reader, writer):
        connection = Carried(self, reader, writer)
        task = asyncio.current_task()
        self.connections[task] = connection
        try:
            await connection.run()
            writer.close()
            await writer.wait_closed()
        except (ConnectionError, asyncio.CancelledError):
            pass
        finally:
            writer.transport.abort()
            del self.connections[task]


class Cut(Exception):
    """The connection has carried as much as it is let."""


class Carried:
    """One connection of a client, and the one to the relay that belongs to it."""

    def __init__(self, network, reader, writer):
        self.network = network
        self.reader = reader
        self.writer = writer
        self.to_relay = None
        self.from_relay = asyncio.get_running_loop().create_future()
        self.is_swallowed = False
        self.is_held = False
        # Bytes that may still pass in each direction.
        self.left = {"up": float("inf"), "down": float("inf")}
        if network.cut_after:
            self.left["down"] = network.random.randint(*network.cut_after)
            if network.random.random() < 1 / 8:
                # A request has some hundred bytes.
                self.left["up"] = network.random.randint(1, 600)

    async def run(self):
        if self.network.random.random() < self.network.refuse:
            return self.reset()
        ways = [asyncio.create_task(self.up()), asyncio.create_task(self.down())]
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for way in ways:
                way.cancel()
            ends = await asyncio.gather(*ways, return_exceptions=True)
            if self.to_relay:
                self.to_relay.transport.abort()
        if any(isinstance(end, Cut) for end in ends):
            self.network.cuts += 1
            if self.network.random.random() < self.network.stalls:
                await self.until_it_leaves()
            elif self.network.random.random() < 0.5:
                self.reset()
        for end in ends:
            if isinstance(end, Exception) and not isinstance(end, (Cut, ConnectionError, asyncio.IncompleteReadError)):
                raise end

    async def up(self):
        while True:
            head = await self.reader.readuntil(b"\r\n\r\n")
            request = Request(head)
            self.network.requests.append(request)
            said = self.network.meddle(request)
            if said is BadNetwork.HOLD:
                return await self.until_it_leaves()
            if said is not None:
                self.writer.write(said)
                return await self.writer.drain()
            if not self.to_relay:
                from_relay, self.to_relay = await asyncio.open_connection("127.0.0.1", self.network.port_of_relay)
                self.from_relay.set_result(from_relay)
            self.is_swallowed = self.is_swallowed or self.network.swallow(request)
            await self.pass_on(head, self.to_relay, "up")
            # No request has a body, so the next one follows; and frames follow a handshake.
            if request.transport == "websocket":
                break
        while data := await self.reader.read(65536):
            await self.pass_on(data, self.to_relay, "up")

    async def down(self):
        from_relay = await self.from_relay
        while data := await from_relay.read(65536):
            if not self.is_swallowed:
                await self.pass_on(data, self.writer, "down")

    async def pass_on(self, data, writer, direction):
        passing = data if len(data) <= self.left[direction] else data[:self.left[direction]]
        self.left[direction] -= len(passing)
        writer.write(passing)
        await writer.drain()
        if len(passing) < len(data):
            raise Cut

    async def until_it_leaves(self):
        self.is_held = True
        with contextlib.suppress(ConnectionError):
            while await self.reader.read(65536):
                pass

    def reset(self):
        """The client sees a reset, and may lose what it has not read yet."""
        self.writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.writer.transport.abort()
