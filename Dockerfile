# pg_eventrelay in a container: linked statically with the Swift runtime, run on Debian with libpq and SQLite.
#
#   docker build --tag pg_eventrelay .
#   docker run --publish 7700:7700 --volume pg_eventrelay:/var/lib/pg_eventrelay \
#       --env DATABASE_URL=postgresql://relay@db.example.com/shop pg_eventrelay

FROM swift:6.2-bookworm AS build
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install --yes --no-install-recommends libpq-dev libsqlite3-dev pkg-config \
    && rm -rf /var/lib/apt/lists/*
WORKDIR /build
COPY Package.swift ./
COPY Sources Sources
COPY migrations migrations
COPY assets assets
COPY Tests Tests
COPY Benchmarks Benchmarks
COPY examples/swift examples/swift
RUN swift build --configuration release --product pg_eventrelay --static-swift-stdlib \
    && strip --strip-all --output-file=/pg_eventrelay "$(swift build --configuration release --show-bin-path)/pg_eventrelay"

FROM debian:bookworm-slim
# Versions are not pinned, so that Debian's security updates are installed.
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install --yes --no-install-recommends ca-certificates libpq5 libsqlite3-0 \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --system --uid 770 --user-group --home-dir /var/lib/pg_eventrelay --shell /usr/sbin/nologin eventrelay \
    && install --directory --mode=0700 --owner=eventrelay --group=eventrelay /var/lib/pg_eventrelay
COPY --from=build /pg_eventrelay /usr/local/bin/
COPY LICENSE /usr/share/doc/pg_eventrelay/

# By number, so that an orchestrator can see that it is not root.
USER 770
WORKDIR /var/lib/pg_eventrelay
# The log. Without a named volume, each new container begins a new log.
VOLUME /var/lib/pg_eventrelay
EXPOSE 7700
# A drain takes at most about 13 s: use docker stop --time 20.
STOPSIGNAL SIGTERM
# Any answer is good enough: a new container does not bring PostgreSQL back, and leaves a gap.
# It asks at AdminPort or HttpPort: with HttpPort = off, set AdminPort (ES_ADMINPORT).
HEALTHCHECK --interval=30s --timeout=10s --start-period=10s --retries=3 CMD ["pg_eventrelay", "health", "--alive"]
ENTRYPOINT ["pg_eventrelay"]
