"""The WebSocket client that a case of the Autobahn test suite drives: it sends what the case says, right or wrong, and
notes what comes back and who closed how."""

import asyncio

from cases import WebSocketProtocol, as_bytes

TEXT, BINARY, CLOSE, PING, PONG = 1, 2, 8, 9, 10


class FuzzingClient:
    """One connection for one case. The names without underscores are those that cases use."""

    # How long the server has to answer a close, and then to end the connection, as in the suite's own client.
    CLOSE_TIMEOUT = 3.0
    DROP_TIMEOUT = 2.0

    class factory:
        isServer = False

    def __init__(self):
        for name, value in vars(WebSocketProtocol).items():
            if name.startswith("CLOSE_STATUS"):
                setattr(self, name, value)
        self.state = WebSocketProtocol.STATE_CONNECTING
        self.connectionWasOpen = False
        self.closedByMe = self.failedByMe = self.droppedByMe = self.wasClean = False
        self.localCloseCode = self.localCloseReason = None
        self.remoteCloseCode = self.remoteCloseReason = None
        self.createWirelog = False
        self.autoFragmentSize = 0
        self.txFrameStats = {}
        self._sent_close = False
        self._timers = []
        self._outgoing = asyncio.Queue()

    # What a run consists of.

    async def run(self, case_type, host, port, target, echoes, time_limit):
        """Runs one case to its end; the case then holds the outcome."""
        self._case = case_type(self)
        if not echoes:
            self._expect_no_echo()
        reader, self._writer = await asyncio.open_connection(host, port)
        sending = None
        try:
            if not await self._handshake(reader, host, port, target):
                return self._case
            self.state = WebSocketProtocol.STATE_OPEN
            self.connectionWasOpen = True
            sending = asyncio.ensure_future(self._send_queued())
            self._case.onOpen()
            if not echoes:
                # Where an echo would have ended the case, its absence does.
                self._later(0.3, self._case.finishWhenDone)
            await asyncio.wait_for(self._receive(reader), time_limit)
        except (asyncio.TimeoutError, ConnectionError):
            pass
        finally:
            self.state = WebSocketProtocol.STATE_CLOSED
            for timer in self._timers:
                timer.cancel()
            if sending:
                sending.cancel()
            self._writer.transport.abort()
        self._case.onConnectionLost(self.failedByMe)
        return self._case

    def _expect_no_echo(self):
        """All the case expects but echoed messages."""

        class WithoutMessages(dict):
            def __setitem__(self, outcome, events):
                super().__setitem__(outcome, Events(events))

        class Events(list):
            def __eq__(self, received):
                return [event for event in self if event[0] != "message"] == received

        self._case.expected = WithoutMessages()
        self._case.compare = lambda received, expected: expected == list(received)

    async def _handshake(self, reader, host, port, target):
        request = (
            f"GET {target} HTTP/1.1\r\nHost: {host}:{port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
        )
        self._writer.write(request.encode())
        answer = await reader.readuntil(b"\r\n\r\n")
        return answer.startswith(b"HTTP/1.1 101 ")

    # What cases call.

    def sendFrame(
        self, opcode, payload="", fin=True, rsv=0, mask=None, payload_len=None, chopsize=None, sync=False
    ):
        data = as_bytes(payload)
        if payload_len is not None:
            data = (data * (payload_len // max(1, len(data)) + 1))[:payload_len] if data else bytes(payload_len)
        self.txFrameStats[opcode] = self.txFrameStats.get(opcode, 0) + 1
        frame = self._head(opcode, len(data), fin, rsv) + data
        if chopsize:
            for start in range(0, len(frame), chopsize):
                self._outgoing.put_nowait(frame[start : start + chopsize])
        else:
            self._outgoing.put_nowait(frame)

    @staticmethod
    def _head(opcode, length, fin=True, rsv=0):
        """The head of a frame, masked with zeros: the payload goes out as it is."""
        head = bytes([(0x80 if fin else 0) | rsv << 4 | opcode])
        if length < 126:
            head += bytes([0x80 | length])
        elif length < 65536:
            head += bytes([0x80 | 126]) + length.to_bytes(2, "big")
        else:
            head += bytes([0x80 | 127]) + length.to_bytes(8, "big")
        return head + bytes(4)

    def sendMessage(self, payload, isBinary=False, fragmentSize=None, sync=False):
        data = as_bytes(payload)
        size = fragmentSize or self.autoFragmentSize or max(1, len(data))
        pieces = [data[start : start + size] for start in range(0, len(data), size)] or [b""]
        for index, piece in enumerate(pieces):
            opcode = 0 if index else (BINARY if isBinary else TEXT)
            self.sendFrame(opcode, piece, fin=index == len(pieces) - 1)

    def beginMessage(self, isBinary=False):
        self._opcode = BINARY if isBinary else TEXT

    def beginMessageFrame(self, length):
        self._outgoing.put_nowait(self._head(self._opcode, length))

    def sendMessageFrameData(self, payload, sync=False):
        self._outgoing.put_nowait(as_bytes(payload))

    def endMessage(self):
        pass

    def sendClose(self, code=None, reason=None):
        if self.state == WebSocketProtocol.STATE_OPEN:
            self.sendCloseFrame(code, reason)

    def sendCloseFrame(self, code=None, reasonUtf8=None, isReply=False):
        # A reason without a code is one of the wrong things to send.
        self.sendFrame(CLOSE, (b"" if code is None else code.to_bytes(2, "big")) + as_bytes(reasonUtf8 or ""))
        self._sent_close = True
        self.state = WebSocketProtocol.STATE_CLOSING
        self.closedByMe = not isReply
        self.localCloseCode, self.localCloseReason = code, reasonUtf8
        if not isReply:
            self._later(self.CLOSE_TIMEOUT, self._drop)

    def killAfter(self, delay):
        self._later(delay, self._fail)

    def closeAfter(self, delay):
        self._later(delay, self.sendClose)

    def continueLater(self, delay, function, tag=None):
        self._later(delay, function)

    def enableWirelog(self, enable):
        pass

    # Ends.

    def _later(self, delay, function):
        def unless_closed():
            if self.state != WebSocketProtocol.STATE_CLOSED:
                function()

        self._timers.append(asyncio.get_running_loop().call_later(delay, unless_closed))

    def _fail(self):
        self.failedByMe = True
        self._drop()

    def _drop(self):
        self.droppedByMe = True
        self._writer.transport.abort()

    # The wire.

    async def _send_queued(self):
        while True:
            self._writer.write(await self._outgoing.get())
            await self._writer.drain()
            # Let what was written go out by itself: chopped frames are to arrive in pieces.
            await asyncio.sleep(0)

    async def _receive(self, reader):
        message, is_binary = [], False
        while True:
            try:
                first, second = await reader.readexactly(2)
                length = second & 0x7F
                if length > 125:
                    length = int.from_bytes(await reader.readexactly(2 if length == 126 else 8), "big")
                payload = await reader.readexactly(length)
            except asyncio.IncompleteReadError:
                return
            opcode, is_final = first & 0x0F, first & 0x80
            if first & 0x70 or second & 0x80:
                self._case.received.append(("a frame that is reserved or masked", first, second))
            elif opcode == CLOSE:
                self._received_close(payload)
            elif self.state != WebSocketProtocol.STATE_OPEN and opcode in (PING, PONG):
                continue
            elif opcode == PING:
                self.sendFrame(PONG, payload)
                self._case.onPing(payload.decode("latin-1"))
            elif opcode == PONG:
                self._case.onPong(payload.decode("latin-1"))
            else:
                if opcode:
                    is_binary = opcode == BINARY
                message.append(payload)
                if is_final:
                    self._case.onMessage(b"".join(message).decode("latin-1"), is_binary)
                    message = []

    def _received_close(self, payload):
        self.remoteCloseCode = int.from_bytes(payload[:2], "big") if payload else None
        self.remoteCloseReason = payload[2:].decode("utf-8")
        self.wasClean = True
        if not self._sent_close:
            self.sendCloseFrame(self.remoteCloseCode, isReply=True)
        self._later(self.DROP_TIMEOUT, self._drop)
