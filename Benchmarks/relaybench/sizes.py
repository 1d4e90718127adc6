"""How much of everything: the one place for the numbers that make a run long enough to be measured, and short enough
to be repeated. The sizes of `--smoke` only show that every case works."""

import dataclasses

SMALL, LARGE = 200, 7900
# A NOTIFY payload of 200 bytes is a row as JSON or an id with some context; 7,900 is close to PostgreSQL's limit.

# Clients, payload bytes, events published at once.
#   Two seconds at the yardstick's speed, which is some 0.3 M events a second for one client, else 10 M deliveries, or
#   2 GB, a second and more. PostgreSQL bounds the first, copying in memory the rest.
#   The relay keeps the newest 16 MiB of events in memory. Where a client falls behind that, it reads the log, and
#   nothing holds the publisher back. Of the two runs with 1,000 clients the first stays within it, the second does not.
FAN_OUT = (
    (1, SMALL, 600_000),
    (100, SMALL, 200_000),
    (1_000, SMALL, 20_000),
    (1_000, SMALL, 40_000),
    (5_000, SMALL, 4_500),
    (1, LARGE, 40_000),
    (100, LARGE, 10_000),
    (1_000, LARGE, 1_000),
    (5_000, LARGE, 200),
)
# Events a second that are not flat out.
RATE = 100
# Clients, payload bytes, events, and events a second: as many as a p99.9 needs at the least where it is judged, else
# enough for a p99. Where it is more than two cores can send, just enough to see it. A thousand clients take nearly all
# of two slow cores at RATE, so there is half of it, too.
AT_RATE = (
    (1, SMALL, 1_000, RATE),
    (100, SMALL, 500, RATE),
    (1_000, SMALL, 1_000, RATE // 2),
    (1_000, SMALL, 1_000, RATE),
    (5_000, SMALL, 300, RATE),
    (1, LARGE, 300, RATE),
    (100, LARGE, 300, RATE),
    (1_000, LARGE, 300, RATE),
    (5_000, LARGE, 50, RATE),
)
# In one transaction, flat out: PostgreSQL's commit lock is then no limit.
BATCH = 100


@dataclasses.dataclass(frozen=True)
class Sizes:
    fan_out: tuple[tuple[int, int, int], ...]
    at_rate: tuple[tuple[int, int, int, int], ...]
    # Channels, clients on each, events on each: to as many places of its index does the log write in turns.
    many_channels: tuple[int, int, int]
    # Events: in transactions of BATCH, and alone. Two seconds of what PostgreSQL delivers to one listener.
    ingest: tuple[int, int]
    # Clients, events in a burst, and bursts in a run. Without a log only the newest events, which the relay has in
    # memory, can be given to a client that is behind, so a burst stays well within that.
    log_cost: tuple[tuple[int, int, int], ...]
    idle_clients: int
    # Seconds, once they are connected.
    idle_window: float
    # Events in the log for one client to replay; for the pages of history the same log.
    replay_one: int
    # Clients, and the events that each has missed.
    replay_many: tuple[int, int]
    storm: tuple[int, int]
    # Storms in each round: one lasts less than a second, too short for a p99 of live events.
    storms: int
    # Clients that are live beside a storm, on a channel of their own.
    live_clients: int
    # Seconds before the storms.
    quiet_window: float
    # Pages, and events on each.
    history: tuple[tuple[int, int], ...]


FULL = Sizes(
    fan_out=FAN_OUT,
    at_rate=AT_RATE,
    many_channels=(1_000, 5, 100),
    ingest=(600_000, 40_000),
    log_cost=((100, 20_000, 8), (1_000, 20_000, 2)),
    idle_clients=10_000,
    idle_window=5,
    replay_one=1_000_000,
    replay_many=(200, 10_000),
    storm=(1_000, 1_000),
    storms=5,
    live_clients=100,
    quiet_window=5,
    history=((2_000, 100), (500, 1_000)),
)

SMOKE = Sizes(
    fan_out=((1, SMALL, 2_000), (50, SMALL, 500), (20, LARGE, 100)),
    at_rate=((1, SMALL, 50, RATE), (50, SMALL, 50, RATE), (20, LARGE, 20, RATE)),
    many_channels=(20, 2, 20),
    ingest=(5_000, 200),
    log_cost=((20, 1_000, 2),),
    idle_clients=200,
    idle_window=0.2,
    replay_one=5_000,
    replay_many=(10, 200),
    storm=(20, 50),
    storms=1,
    live_clients=10,
    quiet_window=0.5,
    history=((50, 100), (10, 1_000)),
)
