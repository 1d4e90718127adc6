"""The load: a swarm of subscribers, a publisher, and what they report."""

import contextlib

from .processes import PATIENCE_SECONDS, Failure, Process


class Report(dict):
    """A line of a swarm or a listener, with what follows from it."""

    @property
    def seconds(self):
        """From when the first event was published until the last was received."""
        return max(1, self["last_receipt_us"] - self["first_stamp_us"]) / 1e6

    @property
    def rate(self):
        return self["deliveries"] / self.seconds

    @property
    def server_cpu_us_each(self):
        return self["server_cpu_ns"] / 1000 / max(1, self["deliveries"])

    @property
    def own_share(self):
        """Of one core, while events came: near 1, the swarm is the limit and not the server."""
        return self["own_cpu_ns"] / 1e9 / self.seconds

    def percentile(self, share):
        return percentile(self["latency_us"], share)


def percentile(histogram, share):
    """Of a list of [value, count], ascending."""
    left = share * sum(count for _, count in histogram)
    for value, count in histogram:
        left -= count
        if left <= 0:
            return value
    raise Failure("no latency was measured")


def merged(histograms):
    """One histogram of several."""
    counts = {}
    for histogram in histograms:
        for value, count in histogram:
            counts[value] = counts.get(value, 0) + count
    return sorted(counts.items())


FAULTS = ("lost", "repeated", "unordered", "malformed", "gaps", "closed")


def checked(process, report, **allowed):
    """The report, if nothing is missing, doubled, out of order, or cut, beyond what is allowed."""
    wrong = {fault: report[fault] for fault in FAULTS if report.get(fault, 0) > allowed.get(fault, 0)}
    if wrong:
        raise process.failure(f"wrongly delivered: {wrong}")
    return Report(report)


class Swarm:
    """Subscribers, connected or not yet."""

    def __init__(self, process, clients, gaps_each):
        self.process = process
        self.clients = clients
        self.gaps_each = gaps_each

    def connect(self, seconds):
        self.process.say("connect")
        return self.report("connected", seconds)

    def complete(self, seconds):
        """The report when every client has got every event."""
        try:
            return self.report("complete", seconds)
        except Failure as failure:
            report = self.mark()
            raise Failure(
                f"{failure}\n    {report['complete']} of {self.clients} clients have all events, "
                f"{report['open']} are connected"
            ) from None

    def expect_more(self, until):
        """The clients are not complete any more; what comes is a phase of its own."""
        self.mark()
        self.process.say(f"until {until}")

    def mark(self):
        """The report since the one before; what follows is a phase of its own."""
        self.process.say("mark")
        return self.report("phase")

    def report(self, event, seconds=PATIENCE_SECONDS):
        report = self.process.wait_for_report(event, seconds)
        return checked(self.process, report, gaps=self.clients * self.gaps_each)


class Listener:
    """The bare listener, listening."""

    def __init__(self, process):
        self.process = process

    def complete(self, seconds):
        return checked(self.process, self.process.wait_for_report("complete", seconds))


class Load:
    """Starts the tools."""

    def __init__(self, postgres, tools):
        self.postgres = postgres
        self.tools = tools

    @contextlib.contextmanager
    def started(self, name, *arguments, **options):
        command = [self.tools / name]
        for option, value in options.items():
            if value is True:
                command.append(f"--{option.replace('_', '-')}")
            elif value is not None and value is not False:
                command += [f"--{option.replace('_', '-')}", value]
        process = Process(name, [*command, *arguments])
        try:
            yield process
        finally:
            process.end()

    @contextlib.contextmanager
    def swarm(self, server, clients, gaps_each=0, **options):
        with self.started("swarm", port=server.port, server=server.pid, clients=clients, **options) as process:
            yield Swarm(process, clients, gaps_each)

    @contextlib.contextmanager
    def publisher(self, **options):
        """Publishes from now on, until all is published or the block is left."""
        with self.started("publisher", self.postgres.url, **options) as process:
            yield process

    def publish(self, seconds, **options):
        with self.publisher(**options) as process:
            return process.wait_for_report("published", seconds)

    @contextlib.contextmanager
    def listener(self, **options):
        with self.started("listener", self.postgres.url, **options) as process:
            process.wait_for_report("listening")
            yield Listener(process)
