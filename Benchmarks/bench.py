#!/usr/bin/python3
"""The benchmark: the relay beside a yardstick, on a throw-away PostgreSQL.

    Benchmarks/bench.py [--rounds N] [--json FILE] [--smoke] [--only TEXT] [CASE ...]
    Benchmarks/bench.py --list

What the cases and figures mean stands in docs/performance.md. It ends with 1 if a case could not be run, or if an event
was lost, doubled or out of order; never for being slow.
"""

import argparse
import json
import pathlib
import resource
import signal
import subprocess
import sys
import time

from relaybench.cases import Bench, connections, live, replay
from relaybench.contenders import Contenders
from relaybench.figures import lines_of_targets
from relaybench.load import Load
from relaybench.machine import describe
from relaybench.processes import REPOSITORY, Failure, Postgres
from relaybench.sizes import FULL, SMOKE

CASES = live.CASES + connections.CASES + replay.CASES
# Odd, so that a median is a figure that was measured; enough to outvote two disturbed rounds.
ROUNDS = 5


def read_arguments():
    names = [case.name for case in CASES]
    parser = argparse.ArgumentParser(
        description="Measures the relay beside a yardstick.", formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog="cases:\n" + "\n".join(f"  {case.name:14} {case.what}" for case in CASES),
    )
    parser.add_argument("cases", nargs="*", metavar="CASE", help="all of them unless some are named")
    parser.add_argument("--list", action="store_true", help="only the names of the cases")
    parser.add_argument("--rounds", type=int, metavar="N", help=f"runs of each contender, default {ROUNDS}")
    parser.add_argument("--only", metavar="TEXT", default="", help="of their tables, those with this in the name")
    smoke = "tiny sizes, one round: shows that it works, measures nothing"
    parser.add_argument("--smoke", action="store_true", help=smoke)
    parser.add_argument("--json", type=pathlib.Path, metavar="FILE", default=REPOSITORY / ".build-bench/results.json")
    release = REPOSITORY / ".build/release"
    parser.add_argument("--relay", type=pathlib.Path, metavar="FILE", default=release / "pg_eventrelay")
    parser.add_argument("--relay-without-log", type=pathlib.Path, metavar="FILE", default=release / "RelayWithoutLog")
    parser.add_argument("--tools", type=pathlib.Path, metavar="FOLDER", default=REPOSITORY / ".build-bench")
    arguments = parser.parse_args()
    unknown = [name for name in arguments.cases if name not in names]
    if unknown:
        parser.error(f"no case is called {', '.join(unknown)}; there are {', '.join(names)}")
    if arguments.rounds is not None and arguments.rounds < 1:
        parser.error("--rounds: at least 1")
    return arguments


def check_programs(arguments):
    """Before anything is started."""
    for path in (arguments.relay, arguments.relay_without_log, arguments.tools / "swarm"):
        if not path.exists():
            sys.exit(f"bench: there is no {path}; `make bench` builds all that is needed")


def run_cases(cases, bench):
    """What could not be run, by case."""
    failures = {}
    for case in cases:
        first = len(bench.tables)
        began = time.monotonic()
        try:
            case.run(bench)
        except (Failure, OSError, subprocess.TimeoutExpired) as failure:
            failures[case.name] = str(failure)
            print(f"bench: {case.name}: {failure}", file=sys.stderr)
        print(f"\n## {case.name}: {case.what}")
        for table in bench.tables[first:]:
            print("", *table.lines(), sep="\n")
        if case.name in failures:
            print(f"\nFAILED: {failures[case.name]}")
        print(f"\n({time.monotonic() - began:.0f} s)", flush=True)
    return failures


def main():
    arguments = read_arguments()
    if arguments.list:
        print(*(case.name for case in CASES), sep="\n")
        return 0
    check_programs(arguments)
    # Each connection is a descriptor, at both ends; all that is started inherits the limit.
    _, hard_limit = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard_limit, hard_limit))
    # Everything that was started is ended on the way out. A shell's background command would ignore SIGINT.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda number, _: sys.exit(128 + number))
    cases = [case for case in CASES if not arguments.cases or case.name in arguments.cases]
    rounds = arguments.rounds or (1 if arguments.smoke else ROUNDS)

    postgres = Postgres()
    try:
        machine = describe(postgres.url)
        print(*(f"{name}: {value}" for name, value in machine.items()), f"rounds: {rounds}", sep="\n", flush=True)
        contenders = Contenders(
            postgres, arguments.relay.resolve(), arguments.relay_without_log.resolve(), arguments.tools.resolve())
        load = Load(postgres, arguments.tools.resolve())
        bench = Bench(
            contenders, load, SMOKE if arguments.smoke else FULL, rounds,
            has_targets=not arguments.smoke, only=arguments.only,
        )
        failures = run_cases(cases, bench)
    finally:
        postgres.remove()

    if bench.has_targets:
        print("\n## targets\n", *lines_of_targets(bench.tables), sep="\n")
    tables = [
        {"table": table.name, "contenders": table.contenders, "measures": table.results()} for table in bench.tables
    ]
    arguments.json.parent.mkdir(parents=True, exist_ok=True)
    results = {
        "machine": machine, "rounds": rounds, "smoke": arguments.smoke, "tables": tables, "failures": failures,
    }
    arguments.json.write_text(json.dumps(results, indent=1) + "\n")
    print(f"\nbench: {len(cases)} cases, {len(failures)} failed; {arguments.json}")
    return 1 if failures else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except Failure as failure:
        sys.exit(f"bench: {failure}")
