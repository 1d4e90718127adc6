#!/usr/bin/python3
"""The JavaScript client, in Node and in a headless Chromium, on a real relay and a real PostgreSQL.

    PG_EVENTRELAY=.build/debug/pg_eventrelay /usr/bin/python3 Tests/ClientTests/client_test.py -v

Between the two stands a network that cuts, stalls and meddles. EVENTRELAY_TEST_SEED repeats its choices.
"""

import base64
import gzip
import hashlib
import itertools
import json
import os
import pathlib
import random
import re
import shutil
import subprocess
import sys
import tempfile
import time
import unittest
import urllib.request

from bad_network import BadNetwork, answer
from hosts import FOLDER, Client, Failed, Node, Tab

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from browser import Postgres, Relay, eventually, signed_token, start_chromium

SEED = int(os.environ.get("EVENTRELAY_TEST_SEED") or random.randrange(2**32))
# Tests wait for what happens, so clients come back soon.
SOON = {"firstWait": 20, "longestWait": 100}
# For networks that fall silent. A second is the shortest that history waits.
IMPATIENT = {**SOON, "opening": 1500, "streamSilence": 500, "socketSilence": 500, "probe": 200, "poll": 500, "tick": 50}
# As long as one test lasts.
NEVER = 600_000
SECRET = "client-" * 8
# Node has it behind a flag first.
WEBSOCKET = "--experimental-websocket"

# Names of channels and clients, each used once.
serial = itertools.count()


def setUpModule():
    global postgres, relay, chromium, first_tab
    print(f"seed {SEED}", flush=True)
    postgres = Postgres()
    unittest.addModuleCleanup(postgres.remove)
    relay = Relay(postgres.url)
    unittest.addModuleCleanup(relay.remove)
    chromium = start_chromium()
    unittest.addModuleCleanup(chromium.quit)
    chromium.set_script_timeout(30)
    first_tab = Tab(chromium, relay.url, is_first=True)


def publish(channel, numbers):
    """Each in a transaction of its own."""
    postgres.notify(channel, *texts(numbers))


def texts(numbers):
    return [str(number) for number in numbers]


def handshake(request, message):
    """The answer to a WebSocket's handshake, and a text message of less than 126 bytes."""
    accept = hashlib.sha1((request.headers["sec-websocket-key"] + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11").encode()).digest()
    lines = ["HTTP/1.1 101 It Is", "Upgrade: websocket", "Connection: Upgrade", f"Sec-WebSocket-Accept: {base64.b64encode(accept).decode()}"]
    return ("\r\n".join(lines) + "\r\n\r\n").encode() + bytes([0x81, len(message)]) + message.encode()


def health(of):
    with urllib.request.urlopen(f"{of.url}/health") as response:
        return json.load(response)


def token(*channels, **claims):
    return signed_token(SECRET, channels=channels, **claims)


class ClientTest(unittest.TestCase):
    """Where clients run is said by `in_node` or `in_chromium`."""

    def setUp(self):
        self.relay = relay
        self.channel = f"c{next(serial)}"
        self.expected_complaints = []

    def own_relay(self, **settings):
        own = Relay(postgres.url, **settings)
        self.addCleanup(own.remove)
        self.relay = own
        return own

    def network(self, **ways):
        network = BadNetwork(self.relay.port, SEED)
        self.addCleanup(network.remove)
        for name, value in ways.items():
            setattr(network, name, value)
        return network

    def in_node(self, *flags):
        """A process that has to end by itself, without a complaint, once its clients are closed."""
        host = Node(relay.url, *(flags or [WEBSOCKET]))

        def end():
            for name in host.do("names"):
                host.do("close", name)
            uncaught = host.do("uncaught")
            self.assertEqual(host.end(), (0, []))
            self.assertEqual(uncaught, self.expected_complaints)
        self.addCleanup(end)
        return host

    def in_chromium(self, of=None):
        """The page is of the relay `of`, so that its clients ask another origin where they go through a network."""
        first_tab.relay_url = (of or relay).url
        first_tab.load()
        self.addCleanup(lambda: self.assertEqual(first_tab.do("uncaught"), self.expected_complaints))
        return first_tab

    def open(self, host, channels, url=None, times=SOON, **options):
        client = Client(host, f"client {next(serial)}", url or self.relay.url, channels, times=times, **options)
        self.addCleanup(lambda: self.assert_ids_grow(client))
        return client

    def assert_ids_grow(self, client):
        ids = [event["id"] for event in client.of("event")]
        self.assertEqual(ids, sorted(set(ids)))

    def assert_nobody_is_left(self, network=None):
        """Neither at the relay nor on the way to it."""
        eventually(lambda: health(self.relay)["clients"] == 0, "the relay has no clients")
        if network:
            eventually(lambda: not network.held, "nobody waits on the way")


class Anywhere:
    """What holds for each transport, in Node and in Chromium."""

    # A page of long-poll counts only if all of it comes through, so there a cut has to come later.
    cut_after = (300, 20_000)

    def host(self):
        raise NotImplementedError

    def open_by(self, channels, url=None, **options):
        return self.open(self.host_of_test, channels, url, transports=[self.transport], **options)

    def setUp(self):
        super().setUp()
        self.host_of_test = self.host()

    def test_nothing_is_lost_or_twice_through_a_network_that_cuts_at_random(self):
        self.own_relay()
        network = self.network(cut_after=self.cut_after, refuse=0.1, stalls=0.1)
        one, other = self.channel, f"{self.channel}.other"

        def publish_to_both(numbers):
            for channel in (one, other):
                publish(channel, numbers)

        client = self.open_by([one, other], network.url, times=IMPATIENT).until_live()
        for start in range(0, 1000, 100):
            if start == 500:
                self.relay.stop()
                publish_to_both(range(5000, 5010))  # Nobody listens.
                self.relay.start()
            publish_to_both(range(start, start + 100))
            client.until_payloads(2 * (start + 100))
        self.assertGreater(network.cuts, 1, f"with seed {SEED}")
        network.heal()
        publish_to_both([1000])
        client.until_payloads(2002)
        for channel in (one, other):
            self.assertEqual(client.payloads(channel), texts(range(1001)))
        self.assertEqual([(gap["reason"], gap["channel"]) for gap in client.of("gap")], [("restarted", None)])

    def test_begins_where_it_is_told_to(self):
        first = self.open_by([self.channel]).until_live()
        publish(self.channel, range(10))
        ids = [event["id"] for event in first.until_payloads(10).of("event")]
        everything = self.open_by([self.channel], lastSeenId=0).until_live()
        rest = self.open_by([self.channel], lastSeenId=ids[3], log=health(relay)["log"]["id"]).until_live()
        # Over a WebSocket and as a stream the gap is the relay's; by requests for history the client finds it out.
        ahead = self.open_by([self.channel], lastSeenId=ids[-1] + 10**12).until_live()
        nothing = self.open_by([self.channel]).until_live()
        self.assertEqual(everything.payloads(), texts(range(10)))
        self.assertEqual(rest.payloads(), texts(range(4, 10)))
        self.assertEqual([(gap["reason"], gap["before"]) for gap in ahead.of("gap")], [("ahead", ids[-1] + 10**12 + 1)])
        self.assertEqual(nothing.heard[0]["type"], "live")
        publish(self.channel, [10])
        for client in (everything, rest, ahead, nothing):
            client.until(lambda client: client.payloads()[-1:] == ["10"], "the newest")
        self.assertEqual(everything.now["position"], everything.heard[-1]["id"])
        self.assertEqual([state["state"] for state in nothing.states], ["connecting", "replaying", "live"])
        self.assertEqual({state["transport"] for state in nothing.states if "transport" in state}, {self.transport})

    def test_channels_come_and_go(self):
        self.own_relay(ES_CHANNELS=f"{self.channel}*")
        network = self.network()
        names = [f"{self.channel}.{each}" for each in ("a", "b", "c")]
        client = self.open_by([names[0]], network.url).until_live()

        def publish_everywhere(number):
            for name in names:
                publish(name, [number])

        publish_everywhere(1)
        client.until_payloads(1)
        client.do("subscribe", names[1], names[2])
        self.assertEqual(client.look().now["channels"], names)
        seen = len(client.of("event"))
        publish_everywhere(2)
        client.until(lambda client: client.payloads().count("2") == 3, "events of all three")
        client.do("unsubscribe", names[0], names[2])
        publish_everywhere(3)
        publish_everywhere(4)
        client.until(lambda client: "4" in client.payloads(), "what came last")
        self.assertEqual(client.payloads(names[1])[-3:], texts([2, 3, 4]))
        self.assertEqual((client.payloads(names[0])[-1], client.payloads(names[2])[-1]), ("2", "2"))
        # What joined and stayed away comes back with the rest.
        network.cut_all()
        publish_everywhere(5)
        client.until(lambda client: "5" in client.payloads(), "an event after coming back")
        self.assertEqual([client.payloads(name)[-1] for name in names], ["2", "5", "2"])

        # What is refused changes nothing and ends nothing.
        requests = len(network.requests)
        with self.assertRaises(Failed) as refused:
            client.do("subscribe", names[0], "secret")
        self.assertEqual((refused.exception.status, str(refused.exception)),
                         (403, "requested channel 'secret' is not allowed"))
        publish_everywhere(6)
        client.until(lambda client: "6" in client.payloads(), "an event after the refusal")
        self.assertEqual(client.now["channels"], [names[1]])
        self.assertEqual(client.states[-1]["state"], "live")
        asked = {request.transport for request in network.requests[requests:]}
        self.assertLessEqual(asked, {"other", "poll"} if self.transport == "poll" else {"other"})
        with self.assertRaises(Failed) as last:
            client.do("unsubscribe", names[1])
        self.assertIsNone(last.exception.status)

    def test_garbage_is_a_failure_like_another(self):
        network = self.network(meddle=lambda request: BadNetwork.HOLD)
        client = self.open_by([self.channel], network.url, times={"firstWait": 5, "longestWait": 20}, lastSeenId=0)
        for what, meddle in self.garbage():
            with self.subTest(what):
                network.meddle = meddle
                network.cut_all()
                waits = len([each for each in client.look().states if each["state"] == "waiting"])
                client.until(
                    lambda client: len([each for each in client.states if each["state"] == "waiting"]) >= waits + 3,
                    "several tries",
                )
        self.assertEqual(client.heard, [])
        network.heal()
        client.until_live()
        self.assertIsNone(client.now["closed"])

    def garbage(self):
        """What comes in the relay's place, by what it is."""
        for status in (200, 502, 403):  # A proxy's own refusal is not the relay's.
            page = answer(status, "<!DOCTYPE html><title>Welcome</title>", Content_Type="text/html")
            yield f"a page with {status}", lambda request: page
        yield "no HTTP", lambda request: b"HTTP/1.1 what\r\n\r\n"

    def test_handlers_that_throw_lose_nothing(self):
        self.expected_complaints = ["on purpose: 2"]
        client = self.open_by([self.channel], throws="2").until_live()
        publish(self.channel, range(5))
        client.until_payloads(5)
        self.assertEqual(client.payloads(), texts(range(5)))
        self.assertEqual([state["state"] for state in client.states], ["connecting", "replaying", "live"])
        self.assertEqual(client.now["position"], client.heard[-1]["id"])


class Thoroughly(Anywhere):
    """And what does not depend on where it runs."""

    def test_reads_on_when_its_reader_does(self):
        """Three times what waits within the client."""
        self.own_relay()
        other = self.open_by([self.channel]).until_live()
        client = self.open_by([self.channel], reads=True).until_state("live")
        eventually(lambda: health(self.relay)["clients"] == 2, "both are there")
        publish(self.channel, range(3000))
        other.until_payloads(3000)
        # More than it may hold waits for it, so it lets its connection go.
        eventually(lambda: health(self.relay)["clients"] == 1, "only the other client is left")
        # Who reads may ask for more channels meanwhile.
        with self.assertRaises(Failed):
            client.do("subscribe", "x" * 64)
        client.do("subscribe", f"{self.channel}.more")
        self.assertEqual(client.look().now["channels"], [self.channel, f"{self.channel}.more"])
        messages = []

        def read(count):
            """As long as so many are to come, asking for more than there is would not be answered."""
            while (missing := count - len([each for each in messages if each["type"] == "event"])) > 0:
                messages.extend(client.do("next", min(missing, 100)))

        read(2000)
        # The last one is being handled still.
        self.assertEqual(client.look().now["position"], messages[-2]["id"])
        read(3000)
        self.assertEqual([each["payload"] for each in messages if each["type"] == "event"], texts(range(3000)))
        self.assertEqual([each for each in messages if each["type"] == "gap" and each["channel"] == self.channel], [])
        self.assertEqual(messages[-1]["payload"], "2999")
        client.do("stop")
        client.until(lambda client: client.now["closed"], "closed by leaving its loop")
        self.assertEqual(client.now["closed"], {"by": "close"})
        # Whether it was left by a break or by an error nobody knows, so the last one comes again.
        self.assertEqual(client.now["position"], messages[-2]["id"])
        self.assertEqual(client.do("next", 1), [])

    def test_changes_asked_for_at_once_are_answered_one_by_one(self):
        self.own_relay(ES_CHANNELS=f"{self.channel}*")
        first, second = f"{self.channel}.a", f"{self.channel}.b"
        client = self.open_by([first]).until_live()
        answers = client.do(
            "changes", ["subscribe", second], ["subscribe", "secret"], ["unsubscribe", first],
            ["subscribe", *(f"{self.channel}.{number}" for number in range(101))], ["unsubscribe", second],
        )
        self.assertEqual([answer and answer["status"] for answer in answers], [None, 403, None, None, None])
        self.assertEqual([answer and answer["message"] for answer in answers[2:]], [None, "too many channels", "no channels"])
        self.assertEqual(client.look().now["channels"], [second])
        for channel in (second, first, second):
            publish(channel, range(3))
        client.until(lambda client: len(client.payloads(second)) == 6, "what was asked for")
        self.assertEqual(client.payloads(first), [])

    def test_what_is_refused_for_good_ends_it(self):
        self.own_relay(ES_CHANNELS="open")
        network = self.network()
        client = self.open_by(["open", "secret"], network.url).until(lambda client: client.now["closed"], "the end")
        self.assertEqual(client.now["closed"], {"status": 403, "message": "requested channel 'secret' is not allowed"})
        self.assertEqual((client.now["state"], client.states[-1]["error"]["status"]), ("refused", 403))
        with self.assertRaises(Failed) as late:
            client.do("subscribe", "open")
        self.assertEqual(late.exception.status, 403)
        self.assert_nobody_is_left(network)
        reader = self.open_by(["secret"], reads=True)
        with self.assertRaises(Failed) as refused:
            reader.do("next", 1)
        self.assertEqual(refused.exception.status, 403)

    def test_a_token_that_does_not_count_is_replaced_once(self):
        self.own_relay(ES_TOKENSECRET=SECRET)
        self.open_by([self.channel], token=token(self.channel)).until_live()
        self.open_by([self.channel], tokens=["no.token", token(self.channel)]).until_live()
        for options, status in (
            ({"tokens": [token("other")]}, 403), ({"tokens": ["no.token", "neither.is"]}, 401),
            ({"token": "no.token"}, 401), ({}, 401),
        ):
            with self.subTest(options):
                client = self.open_by([self.channel], **options).until(lambda client: client.now["closed"], "the end")
                self.assertEqual(client.now["closed"]["status"], status)

    def test_comes_back_when_a_full_relay_says(self):
        self.own_relay(ES_MAXCLIENTS="1")
        # Between two requests of long-poll the place would be free.
        first = self.open(self.host_of_test, [self.channel], transports=["websocket"]).until_live()
        client = self.open_by([self.channel]).until_state("waiting")
        if self.transport != "websocket":  # Which is not told why it was refused.
            self.assertIn("clients", client.states[-1]["error"]["message"])
            self.assertGreaterEqual(client.states[-1]["wait"], 10_000)
        first.do("close")
        if self.transport != "websocket":  # Which does not wait, and may have the place by now.
            self.assert_nobody_is_left()
            client.do("reconnect")
        client.until_live()

    def test_reconnect_and_close_at_any_moment_leave_nothing(self):
        self.own_relay()
        network = self.network()
        silent = {"meddle": lambda request: BadNetwork.HOLD}
        swallowing = {"swallow": lambda request: request.transport == self.transport}
        failing = {"meddle": lambda request: answer(502)}
        moments = [
            ("connecting", {}, {}), ("connecting", silent, {}), ("connecting", swallowing, {}), ("live", {}, {}),
            ("waiting", failing, {"times": {"firstWait": NEVER, "longestWait": NEVER}}),
            ("connecting", {}, {"tokens": [None]}),
        ]
        for state, ways, options in moments:
            for actions in (["close"], ["reconnect", "reconnect", "close", "reconnect", "close"]):
                with self.subTest(state=state, ways=[*ways], actions=actions):
                    network.heal()
                    for name, value in ways.items():
                        setattr(network, name, value)
                    client = self.open_by([self.channel], network.url, **options).until_state(state)
                    for action in actions:
                        client.do(action)
                    client.until(lambda client: client.now["closed"], "closed")
                    self.assertEqual((client.now["closed"], client.now["state"]), ({"by": "close"}, "closed"))
                    with self.assertRaises(Failed):
                        client.do("subscribe", "more")
        # What comes after `reconnect` is the same connection to its user.
        network.heal()
        client = self.open_by([self.channel], network.url).until_live()
        for number in range(5):
            publish(self.channel, [number])
            client.do("reconnect")
        client.until_payloads(5)
        client.until(lambda client: client.now["state"] == "live", "live again")
        self.assertEqual(client.payloads(), texts(range(5)))
        self.assertNotIn("waiting", [state["state"] for state in client.states])
        client.do("close")
        self.assert_nobody_is_left(network)


class ByWebSocket:
    transport = "websocket"

    def garbage(self):
        yield from super().garbage()
        for text in ("<!DOCTYPE html>", "null", "7", "[]", '{"type":"event","id":"1"}'):
            yield f"a message {text}", lambda request: handshake(request, text) if request.transport == "websocket" else None


class ByStream:
    transport = "stream"

    def garbage(self):
        yield from super().garbage()
        for text in ("data: <!DOCTYPE html>", "data: null", "data: 7", "data: []", f"data: {'x' * 2_000_000}", ": only this"):
            stream = answer(200, f"{text}\n\n", Content_Type="text/event-stream")
            yield f"a stream of {text[:20]}", lambda request: stream


class ByPoll:
    transport = "poll"
    cut_after = (300, 60_000)

    def garbage(self):
        yield from super().garbage()
        for text in ("null", "[]", "{}", '{"events":7,"head":7}', '{"events":[null],"head":7}', '{"events":[]}', "{"):
            page = answer(200, text, Content_Type="application/json")
            yield f"a page of {text}", lambda request: page


class InNode:
    def host(self):
        return self.in_node()


class InChromium:
    def host(self):
        return self.in_chromium()


class NodeWebSocketTest(InNode, ByWebSocket, Thoroughly, ClientTest):
    pass


class NodeStreamTest(InNode, ByStream, Thoroughly, ClientTest):
    pass


class NodePollTest(InNode, ByPoll, Thoroughly, ClientTest):
    pass


class ChromiumWebSocketTest(InChromium, ByWebSocket, Anywhere, ClientTest):
    pass


class ChromiumStreamTest(InChromium, ByStream, Anywhere, ClientTest):
    pass


class ChromiumPollTest(InChromium, ByPoll, Anywhere, ClientTest):
    pass


class ChainTest(ClientTest):
    """All transports, of which the first that gets through is taken."""

    def test_falls_back_and_keeps_its_position_from_one_transport_to_the_next(self):
        """Nothing is lost on the way from one to the next, whatever it is that does not let the first ones through."""
        def is_upgrade(request):
            return request.transport == "websocket"

        def is_stream(request):
            return request.transport == "stream"

        hold, fast = BadNetwork.HOLD, {**IMPATIENT, "opening": 400, "retryBetter": NEVER}
        for what, upgrade, stream in (
            ("answered by a proxy", answer(400), answer(403, "<!DOCTYPE html>", Content_Type="text/html")),
            ("answered as if the relay were away", answer(502), answer(502)),
            ("never answered", hold, hold),
            ("answered as something else", answer(200), answer(200, "{}", Content_Type="application/json")),
            ("connected, and then nothing", "swallow", "swallow"),
        ):
            for host in (self.in_node(), self.in_chromium()):
                with self.subTest(what, host=type(host).__name__):
                    channel = f"{self.channel}.{next(serial)}"
                    network = self.network()
                    client = self.open(host, [channel], network.url, times=fast).until_live()
                    self.assertEqual(network.transports(), ["websocket"])
                    expected = []

                    def publish_and_hear():
                        expected.append(str(len(expected)))
                        publish(channel, [int(expected[-1])])
                        client.until_payloads(len(expected))

                    def block(is_blocked, said):
                        if said == "swallow":
                            was_swallowed = network.swallow
                            network.swallow = lambda request: is_blocked(request) or was_swallowed(request)
                        else:
                            meddled = network.meddle
                            network.meddle = lambda request: said if is_blocked(request) else meddled(request)
                        # What comes while it is away is there when it is back by another way.
                        network.cut_all()
                        expected.append(str(len(expected)))
                        publish(channel, [int(expected[-1])])

                    publish_and_hear()
                    block(is_upgrade, upgrade)
                    publish_and_hear()
                    self.assertEqual(client.states[-1]["state"], "live")
                    self.assertEqual([each["transport"] for each in client.states if "transport" in each][-1], "stream")
                    block(is_stream, stream)
                    publish_and_hear()
                    self.assertEqual([each["transport"] for each in client.states if "transport" in each][-1], "poll")
                    self.assertEqual(client.payloads(), expected)
                    self.assertEqual(client.of("gap"), [])
                    client.do("close")
                    client.until(lambda client: client.now["closed"], "closed")
                    eventually(lambda: not network.held, "nobody waits on the way")

    def test_better_ways_are_tried_again(self):
        network = self.network(meddle=lambda request: answer(400) if request.transport == "websocket" else None)
        client = self.open(self.in_node(), [self.channel], network.url, times={**SOON, "retryBetter": 100}).until_live()
        self.assertEqual(network.transports()[0::2], ["websocket", "stream"])
        network.heal()
        began = time.monotonic()
        eventually(lambda: time.monotonic() - began > 0.2, "the stream has lasted long enough")
        network.cut_all()
        client.until_live(2)
        self.assertEqual(network.transports()[-1], "websocket")

    def test_a_program_without_websockets_takes_the_event_stream(self):
        network = self.network()
        client = self.open(self.in_node("--no-warnings"), [self.channel], network.url).until_live()
        publish(self.channel, range(3))
        client.until_payloads(3)
        self.assertEqual(network.transports(), ["stream"])

    def test_nothing_is_lost_or_twice_when_ways_come_and_go(self):
        network = self.network(cut_after=(300, 20_000), refuse=0.1, stalls=0.05)
        times = {**IMPATIENT, "retryBetter": 1}
        clients = [
            self.open(host, [self.channel], network.url, times=times).until_live()
            for host in (self.in_node(), self.in_chromium())
        ]
        blocked = []
        network.meddle = lambda request: answer(502) if request.transport in blocked else None
        ways = itertools.cycle(([], ["websocket"], ["websocket", "stream"], ["stream"]))
        for start, blocked[:] in zip(range(0, 1200, 100), ways):
            network.cut_all()
            publish(self.channel, range(start, start + 100))
            for client in clients:
                client.until_payloads(start + 100)
        for client in clients:
            self.assertEqual(client.payloads(), texts(range(1200)))
            self.assertEqual(client.of("gap"), [])
            tried = {each["transport"] for each in client.states if "transport" in each}
            self.assertEqual(tried, {"websocket", "stream", "poll"})

    def test_a_token_is_asked_for_again_when_it_has_ended(self):
        self.own_relay(ES_TOKENSECRET=SECRET, ES_TOKENLEEWAY="0")
        soon = time.time() + 3
        tokens = [[token(self.channel, exp=soon), 1000 * soon], [token(self.channel), 1000 * soon + NEVER]]
        clients = [
            self.open(host, [self.channel], tokens=tokens, transports=[transport])
            for host in (self.in_node(), self.in_chromium()) for transport in ("websocket", "stream", "poll")
        ]
        for client in clients:
            client.until_live()
        publish(self.channel, [1])
        for client in clients:
            client.until_payloads(1)
        eventually(lambda: time.time() > soon, "the first token has ended")
        for client in clients:
            # Requests one after the other are one connection to its user.
            client.until_live(1 if client.states[0]["transport"] == "poll" else 2)
        publish(self.channel, [2])
        for client in clients:
            client.until_payloads(2)
            self.assertEqual(client.payloads(), ["1", "2"])
            self.assertEqual(client.of("gap"), [])
            self.assertEqual(client.states[-1]["state"], "live")

    def test_a_full_relay_says_when_to_come_back(self):
        network = self.network()
        for status in (429, 503):
            network.meddle = lambda request: answer(
                status, json.dumps({"detail": "later"}), Retry_After="1", Content_Type="application/problem+json"
            )
            client = self.open(self.in_node(), [self.channel], network.url).until_state("waiting")
            waiting = client.states[-1]
            self.assertEqual((waiting["error"], waiting["wait"]), ({"status": None, "message": "later"}, 1000))
            network.heal()
            client.until_live()

    def test_a_restart_of_postgresql_is_told_as_a_gap(self):
        clients = [self.open(host, [self.channel]).until_live() for host in (self.in_node(), self.in_chromium())]
        publish(self.channel, [1])
        postgres.restart()
        for client in clients:
            client.until(lambda client: client.of("gap"), "the gap")
        publish(self.channel, [2])
        for client in clients:
            client.until_payloads(2)
            self.assertEqual([message["type"] for message in client.heard], ["live", "event", "gap", "event"])
            self.assertEqual(client.of("gap")[0]["reason"], "disconnected")
            # The connection to the relay stays.
            self.assertEqual([each["state"] for each in client.states], ["connecting", "replaying", "live"])

    def test_patterns_find_channels_that_come_later(self):
        client = self.open(self.in_node(), [f"{self.channel}.*"]).until_live()
        names = [f"{self.channel}.{each}" for each in ("a", "ü b&c")]
        for name in names:
            other = self.open(self.in_node(), [name]).until_live()
            publish(name, [1])
            other.until_payloads(1)
        client.until_payloads(2)
        self.assertEqual([event["channel"] for event in client.of("event")], names)

    def test_works_below_a_base_path(self):
        own = self.own_relay(ES_BASEPATH="/live/events")
        for host in (self.in_node(), self.in_chromium(own)):
            for transport, url in (
                ("websocket", own.url), ("websocket", own.url.replace("http", "ws", 1)),
                ("stream", f"{own.url}/"), ("poll", own.url),
            ):
                self.open(host, [self.channel], url, transports=[transport]).until_live().do("close")
        page = self.in_node().do("history", own.url, {"channels": [self.channel], "limit": 0})
        self.assertEqual(page["events"], [])


class StorageTest(ClientTest):
    """Where a client has come to, beyond its own life."""

    def test_a_reload_of_the_page_loses_nothing(self):
        tab = self.in_chromium()
        self.addCleanup(chromium.execute_script, "localStorage.clear()")
        for storage in (True, "a key of one's own"):
            with self.subTest(storage=storage):
                channel = f"{self.channel}.{next(serial)}"
                for start in range(0, 400, 100):
                    client = self.open(tab, [channel], storage=storage, diary=channel).until_live()
                    publish(channel, range(start, start + 100))
                    # Somewhere in the middle.
                    client.until(lambda client: client.heard, "the first message")
                    tab.reload()
                client = self.open(tab, [channel], storage=storage, diary=channel).until_live()
                eventually(lambda: len([each for each in tab.diary(channel) if each["type"] == "event"]) >= 400, "all of it")
                diary = [each for each in tab.diary(channel) if each["type"] == "event"]
                self.assertEqual([each["payload"] for each in diary], texts(range(400)))
                kept = chromium.execute_script("return Object.keys(localStorage)")
                self.assertIn(storage if storage is not True else f'pg_eventrelay:{relay.url}/:["{channel}"]', kept)
                client.do("close")

    def test_what_was_not_handled_comes_again(self):
        """A position is kept when the next message is asked for: the last one may come twice, and none is left out."""
        host = self.in_node()
        client = self.open(host, [self.channel], memory="position", reads=True)
        client.until(lambda client: client.now["state"] == "live", "live")
        publish(self.channel, range(10))
        messages = client.do("next", 5)
        client.do("close")
        again = self.open(host, [self.channel], memory="position", reads=True)
        following = again.do("next", 10 - len([each for each in messages if each["type"] == "event"]) + 1)
        payloads = [each["payload"] for each in messages[:-1] + following if each["type"] == "event"]
        self.assertEqual(payloads, texts(range(10))[:len(payloads)])
        self.assertEqual(following[0], messages[-1])

    def test_another_log_is_told_by_a_gap(self):
        host = self.in_node()
        for transport in ("websocket", "stream"):
            with self.subTest(transport):
                first = self.open(host, [self.channel], memory=transport, transports=[transport]).until_live()
                first.do("close")
                other = self.own_relay()
                second = self.open(host, [self.channel], other.url, memory=transport, transports=[transport]).until_live()
                # Nor has it recorded the channel so far.
                self.assertEqual([gap["reason"] for gap in second.of("gap")], ["replaced", "unrecorded"])
                self.assertNotEqual(second.now["log"], first.now["log"])
                self.relay = relay


class TabsTest(ClientTest):
    """Tabs of one origin that have one connection."""

    def setUp(self):
        super().setUp()
        self.own_relay()
        self.tabs = [Tab(chromium, self.relay.url) for _ in range(3)]
        self.addCleanup(lambda: [self.end(tab) for tab in self.tabs if tab.window in chromium.window_handles])

    def end(self, tab):
        uncaught = tab.do("uncaught")
        tab.close()
        self.assertEqual(uncaught, [])

    def open_shared(self, tab, url=None, **options):
        return self.open(tab, [self.channel], url, shared=True, **options)

    def assert_one_connection(self):
        eventually(lambda: health(self.relay)["clients"] == 1, "the relay has one client")

    def test_have_one_connection_and_hear_everything_once(self):
        clients = [self.open_shared(tab).until_live() for tab in self.tabs]
        publish(self.channel, range(500))
        for client in clients:
            client.until_payloads(500)
            self.assertEqual(client.payloads(), texts(range(500)))
            self.assertEqual(client.now["position"], clients[0].now["position"])
        self.assert_one_connection()
        self.assertEqual([client.now["state"] for client in clients], ["live", "shared", "shared"])
        with self.assertRaises(Failed):
            clients[1].do("subscribe", "more")
        # A tab of another origin, or for other channels, has its own.
        other = self.open(self.tabs[1], [f"{self.channel}.other"], shared=True).until_live()
        self.assertEqual(health(self.relay)["clients"], 2)
        for client in (*clients, other):
            client.do("close")
        self.assert_nobody_is_left()

    def test_one_takes_over_when_the_leading_one_goes(self):
        clients = [self.open_shared(tab).until_live() for tab in self.tabs]
        publish(self.channel, range(100))
        for client in clients:
            client.until_payloads(100)
        self.tabs[0].close()
        publish(self.channel, range(100, 200))
        for client in clients[1:]:
            client.until_payloads(200)
        leader = eventually(
            lambda: [client for client in clients[1:] if client.look().now["state"] == "live"], "another one leads"
        )[0]
        follower = next(client for client in clients[1:] if client is not leader)
        self.assert_one_connection()
        # By leaving alone, too: its page stays.
        leader.do("close")
        publish(self.channel, range(200, 300))
        follower.until_payloads(300)
        follower.until(lambda client: client.now["state"] == "live", "the last one leads")
        for client in (clients[1], clients[2]):
            self.assertEqual(client.look().payloads(), texts(range(len(client.payloads()))))
            self.assertEqual(client.of("gap"), [])
        self.assert_one_connection()

    def test_one_that_joins_late_reads_up_from_its_own_position(self):
        first = self.open_shared(self.tabs[0]).until_live()
        publish(self.channel, range(1500))
        first.until_payloads(1500)
        late = self.open_shared(self.tabs[1], lastSeenId=first.of("event")[199]["id"])
        newest = self.open_shared(self.tabs[2]).until_live()
        publish(self.channel, range(1500, 1510))
        late.until_payloads(1310)
        newest.until_payloads(10)
        first.until_payloads(1510)
        self.assertEqual(late.payloads(), texts(range(200, 1510)))
        self.assertEqual(newest.payloads(), texts(range(1500, 1510)))
        self.assert_one_connection()

    def test_nothing_is_lost_or_twice_through_a_network_that_cuts_at_random(self):
        network = self.network(cut_after=(300, 20_000), refuse=0.1, stalls=0.1)
        clients = [self.open_shared(tab, network.url, times=IMPATIENT) for tab in self.tabs]
        for client in clients:
            client.until_live()
        for start in range(0, 600, 100):
            publish(self.channel, range(start, start + 100))
            if start == 300:
                self.tabs[0].close()
                clients.pop(0)
            for client in clients:
                client.until_payloads(start + 100)
        for client in clients:
            self.assertEqual(client.payloads(), texts(range(600)))
            self.assertEqual(client.of("gap"), [])
        self.assertGreater(network.cuts, 1, f"with seed {SEED}")

    def test_one_with_a_position_hears_what_the_first_answer_of_the_other_skips(self):
        known = self.open(first_tab, [self.channel]).until_live()
        publish(self.channel, range(2))
        known.until_payloads(2)
        network = self.network(refuse=1)
        leader = self.open_shared(self.tabs[0], network.url).until_state("waiting")
        follower = self.open_shared(self.tabs[1], network.url, lastSeenId=known.of("event")[0]["id"]).until_state("shared")
        publish(self.channel, [2])
        known.until_payloads(3)
        network.heal()
        leader.until_live()
        publish(self.channel, [3])
        leader.until_payloads(1)
        follower.until_payloads(3)
        self.assertEqual(follower.payloads(), texts([1, 2, 3]))
        self.assertEqual(leader.payloads(), texts([3]))
        known.do("close")

    def test_a_request_without_an_answer_keeps_none_from_leading(self):
        known = self.open(first_tab, [self.channel]).until_live()
        publish(self.channel, range(3))
        known.until_payloads(3)
        network = self.network()
        leader = self.open_shared(self.tabs[0], network.url).until_live()
        network.meddle = lambda request: network.HOLD if "history" in request.target else None
        follower = self.open_shared(self.tabs[1], network.url, lastSeenId=known.of("event")[0]["id"])
        eventually(lambda: network.held, "it reads up, and hears nothing")
        leader.do("close")
        follower.until_live()
        publish(self.channel, [3])
        follower.until_payloads(3)
        self.assertEqual(follower.payloads(), texts([1, 2, 3]))
        known.do("close")

    def test_a_refusal_ends_all(self):
        self.own_relay(ES_CHANNELS="open")
        for tab in self.tabs[:2]:
            client = self.open(tab, ["secret"], shared=True).until(lambda client: client.now["closed"], "the end")
            self.assertEqual(client.now["closed"]["status"], 403)


class ModuleTest(ClientTest):
    """The file itself."""

    def test_is_small_and_has_what_pages_of_any_origin_need(self):
        request = urllib.request.Request(f"{relay.url}/client.js", headers={"Origin": "https://shop.example"})
        with urllib.request.urlopen(request) as response:
            self.assertEqual(response.headers["Content-Type"], "text/javascript; charset=utf-8")
            self.assertEqual(response.headers["Access-Control-Allow-Origin"], "*")
            source = response.read()
        self.assertLess(len(gzip.compress(source, 9)), 6000)
        self.assertIsNone(re.search(rb"\bimport\b", source), "it needs no other file")

    def test_types_are_those_of_the_module(self):
        """A program that uses all of it in its types, and the module held against them."""
        folder = tempfile.mkdtemp()
        self.addCleanup(shutil.rmtree, folder)
        for name, target in (("client.js", "actual.js"), ("client.d.ts", "client.d.ts")):
            with urllib.request.urlopen(f"{relay.url}/{name}") as response:
                pathlib.Path(folder, target).write_bytes(response.read())
        shutil.copy(FOLDER / "types_check.ts", folder)
        done = subprocess.run(
            ["tsc", "--strict", "--noEmit", "--allowJs", "--target", "es2022", "--lib", "es2022,dom,dom.iterable",
             "--moduleResolution", "node", "types_check.ts"],
            cwd=folder, capture_output=True, text=True,
        )
        self.assertEqual((done.returncode, done.stdout), (0, ""))


if __name__ == "__main__":
    unittest.main()
