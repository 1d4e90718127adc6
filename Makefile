# make          what there is to do
# make run      the relay, with a throw-away PostgreSQL and a demo unless DATABASE_URL is set
# make test     all tests

.DEFAULT_GOAL := help
SHELL := bash
.SHELLFLAGS := -euo pipefail -c
MAKEFLAGS += --no-builtin-rules

# More flags for `swift build` of tests and debug builds, such as --explicit-target-dependency-import-check error.
SWIFT_FLAGS ?=
# More flags for `swift test`, such as --filter HubTests.
TEST_FLAGS ?=
# Many tests start a relay and a server, and some load them as much as they can: all at once, each would wait for the
# processor for longer than a peer waits for the other.
TESTS_AT_ONCE ?= 8
# Arguments for the relay in `make run`, such as --debug.
ARGS ?=

# How long `make soak` and `make fuzz` last, and how often `make kill-loop` kills.
MINUTES ?= 30
TIMES ?= 300

# For `make example`.
NAME ?= table
# For `make test`: more targets to run beside the others, such as deb-test.
ALSO ?=

# For `make bench`: names of cases (all if empty), runs of each contender, more flags such as --json FILE.
CASES ?=
ROUNDS ?= 5
BENCH_FLAGS ?=

PROGRAM := pg_eventrelay
# Only the folders that are there; of their files swift format takes the Swift ones.
SOURCES := $(wildcard Package.swift Sources Tests Benchmarks Plugins migrations assets examples/swift)

# `make -j test` keeps the order too: two builds at once would only wait for each other.
ifndef SIDE_BY_SIDE
.NOTPARALLEL:
endif
.PHONY: help run example build release test test-swift test-viewer test-client test-examples screenshots autobahn fuzz slow-clients soak kill-loop \
	bench bench-smoke bench-tools tsan tsan-short asan \
	test-packaging dist deb deb-test sbom static lint format requirements clean

help: ## show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

# `exec`, so that a signal to make reaches the script and not a shell in between.
run: ## build a release and run it; without DATABASE_URL on a throw-away PostgreSQL with a demo
	@scripts/install-requirements.sh run
	swift build -c release --product $(PROGRAM)
	@exec scripts/run.sh $(ARGS)

example: ## the same with a page of its own: NAME=table, chat, map or dashboard (examples/README.md)
	@DATABASE_URL= scripts/install-requirements.sh run
	swift build -c release --product $(PROGRAM)
	@exec examples/run.sh $(NAME)

build: ## build for debugging
	swift build $(SWIFT_FLAGS)

release: ## build .build/release/pg_eventrelay
	swift build -c release --product $(PROGRAM)

test: test-swift ## install what is missing and run all tests
	@$(MAKE) --no-print-directory test-beside

# What comes behind the Swift tests has nothing left to build, and waits for browsers, programs and clocks more than it
# computes: side by side it takes half the time.
test-beside: requirements ## all but the Swift tests
	@$(MAKE) --no-print-directory SIDE_BY_SIDE=yes --jobs=5 --keep-going --output-sync=target \
		test-viewer test-client test-examples test-packaging $(ALSO)

# Swift Testing runs its tests in parallel within one process. No test uses XCTest, and without --disable-xctest
# its runner would report zero tests of its own.
test-swift: requirements ## only the Swift tests
	swift build --build-tests $(SWIFT_FLAGS)
	SWT_EXPERIMENTAL_MAXIMUM_PARALLELIZATION_WIDTH=$(TESTS_AT_ONCE) \
		swift test --skip-build --parallel --disable-xctest $(TEST_FLAGS)

# After test-swift the build has nothing left to do.
test-viewer: requirements ## only the viewer, in a headless Chromium
	swift build --product $(PROGRAM) $(SWIFT_FLAGS)
	PG_EVENTRELAY=.build/debug/$(PROGRAM) /usr/bin/python3 Tests/ViewerTests/viewer_test.py

test-examples: requirements ## only the examples, in a headless Chromium
	swift build --product $(PROGRAM) $(SWIFT_FLAGS)
	PG_EVENTRELAY=.build/debug/$(PROGRAM) /usr/bin/python3 Tests/ExamplesTests/examples_test.py

test-client: requirements ## only the JavaScript client, in Node and in a headless Chromium
	swift build --product $(PROGRAM) $(SWIFT_FLAGS)
	PG_EVENTRELAY=.build/debug/$(PROGRAM) /usr/bin/python3 Tests/ClientTests/client_test.py

# The Debian packages fonts-inter and fonts-jetbrains-mono make them look as on most people's machines.
screenshots: requirements ## the README's pictures of the viewer, docs/images/viewer-*.png
	swift build --product $(PROGRAM) $(SWIFT_FLAGS)
	PG_EVENTRELAY=.build/debug/$(PROGRAM) scripts/screenshots.py

# What surrounds the debug build.
test-packaging: requirements ## only the unit, manual, completions, tarball, Dockerfile and bill of materials
	swift build --product $(PROGRAM) $(SWIFT_FLAGS)
	PG_EVENTRELAY=.build/debug/$(PROGRAM) Tests/PackagingTests/run.sh

# Against the debug build. ARGS=--all adds large messages and round trips.
autobahn: requirements ## the cases of the Autobahn test suite, against an echo program and the relay
	swift build $(SWIFT_FLAGS)
	Tests/AutobahnTests/run.sh $(ARGS)

# Each round draws new seeds and prints them; EVENTRELAY_TEST_SEED=… repeats one.
fuzz: requirements ## random input to all parsers for MINUTES=30
	swift build --build-tests $(SWIFT_FLAGS)
	end=$$((SECONDS + 60 * $(MINUTES))); while ((SECONDS < end)); do \
	    EVENTRELAY_TEST_SIZE=20 swift test --skip-build --disable-xctest --filter RandomInput; done

# The program as a release.
slow-clients: requirements release ## latency of healthy clients with and without 1,000 stalled ones, as a ratio
	swift build --build-tests $(SWIFT_FLAGS)
	PG_EVENTRELAY=$(CURDIR)/.build/release/$(PROGRAM) EVENTRELAY_SLOW_CLIENTS=1 \
		swift test --skip-build --disable-xctest --filter SlowClientFigure | grep -E '^slow-clients|failed|error'

# The program as a release, the tests for debugging. EVENTRELAY_TEST_SEED repeats the choice of faults.
soak: requirements release ## random faults for MINUTES=30, then an audit of everything (docs/testing.md)
	swift build --build-tests $(SWIFT_FLAGS)
	PG_EVENTRELAY=$(CURDIR)/.build/release/$(PROGRAM) EVENTRELAY_SOAK_MINUTES=$(MINUTES) \
		swift test --skip-build --disable-xctest --filter 'SoakTests/.*minutes.*'

kill-loop: requirements release ## kill -9 under load, TIMES=300, then the same audit
	swift build --build-tests $(SWIFT_FLAGS)
	PG_EVENTRELAY=$(CURDIR)/.build/release/$(PROGRAM) EVENTRELAY_KILLS=$(TIMES) \
		swift test --skip-build --disable-xctest --filter 'SoakTests/.*hundreds.*'

bench: requirements release bench-tools ## measure it beside a yardstick; CASES="fan-out storm" ROUNDS=5
	swift build -c release --product RelayWithoutLog
	@exec Benchmarks/bench.py --rounds $(ROUNDS) $(BENCH_FLAGS) $(CASES)

# Against the debug build: its figures mean nothing.
bench-smoke: requirements bench-tools ## every case of it with tiny sizes
	swift build $(SWIFT_FLAGS)
	@exec Benchmarks/bench.py --smoke --json .build-bench/smoke.json \
	    --relay .build/debug/$(PROGRAM) --relay-without-log .build/debug/RelayWithoutLog $(BENCH_FLAGS) $(CASES)

bench-tools: requirements
	@$(MAKE) --no-print-directory -C Benchmarks/tools OUT=$(CURDIR)/.build-bench

# The Swift runtime is in it; libpq and SQLite come from the system. A folder of its own, as these flags build all anew.
static:
	swift build -c release --product $(PROGRAM) --static-swift-stdlib -Xlinker -z -Xlinker now --scratch-path .build-dist

dist: static ## dist/pg_eventrelay-VERSION-linux-ARCH.tar.gz, a release that needs no Swift
	scripts/package.sh tarball

deb: static ## dist/pg-eventrelay_VERSION-1_ARCH.deb, the same as a Debian package
	scripts/package.sh deb

# BINARY=.build/debug/pg_eventrelay packs that one, and builds nothing.
deb-test: requirements $(if $(BINARY),,static) ## install, start, upgrade, remove and purge it under a systemd of its own
	BINARY=$(abspath $(or $(BINARY),.build-dist/release/$(PROGRAM))) /usr/bin/python3 Tests/PackagingTests/deb_test.py -v

sbom: static ## dist/pg_eventrelay-VERSION.cdx.json, what is in that release, as CycloneDX
	mkdir -p dist
	scripts/sbom.py --binary .build-dist/release/$(PROGRAM) \
	    --output dist/$$(.build-dist/release/$(PROGRAM) --version | tr ' ' -).cdx.json

tsan: requirements ## the Swift tests under ThreadSanitizer
	scripts/sanitize.sh thread $(TEST_FLAGS)

# What is skipped has one thread, and computes so much that others would wait beyond their time limits.
tsan-short: requirements ## only those of what runs concurrently
	EVENTRELAY_WITHOUT_PROGRAM=1 scripts/sanitize.sh thread \
	    --filter '^(RelayClientTests|RelayCoreTests|RelayHTTPTests|RelayPostgresTests|RelaySQLiteTests|RelayTestSupportTests)\.' \
	    --skip '(ChannelGlob|RandomInput|SeamExploration|StateMachine|Timestamp|UTF8Check|Wire)Tests'

asan: requirements ## the Swift tests under AddressSanitizer
	scripts/sanitize.sh address $(TEST_FLAGS)

requirements:
	@scripts/install-requirements.sh test

lint: ## check format, import graph and scripts
	swift format lint --strict --parallel --recursive $(SOURCES)
	scripts/check-import-graph.sh
	shellcheck --severity=warning .ci/run scripts/*.sh examples/*.sh Tests/*/*.sh packaging/debian/p*

format: ## format all Swift files in place
	swift format format --in-place --parallel --recursive $(SOURCES)

clean: ## remove what was built
	rm -rf .build .build-* dist
