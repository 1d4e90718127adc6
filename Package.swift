// swift-tools-version: 6.2
import PackageDescription

// For the program, which calls the system and sees Foundation by way of what it depends on: with the feature that the
// others have, the compiler takes structs of Glibc, such as timespec, for those of whichever C module was loaded first.
let settingsBesideFoundation: [SwiftSetting] = [
    // https://github.com/swiftlang/swift-evolution/blob/main/proposals/0335-existential-any.md
    .enableUpcomingFeature("ExistentialAny"),
    // https://github.com/swiftlang/swift-evolution/blob/main/proposals/0409-access-level-on-imports.md
    .enableUpcomingFeature("InternalImportsByDefault"),
    // https://github.com/swiftlang/swift-evolution/blob/main/proposals/0461-async-function-isolation.md
    .enableUpcomingFeature("NonisolatedNonsendingByDefault"),
    .treatAllWarnings(as: .error),
]

let settings =
    settingsBesideFoundation + [
        // https://github.com/swiftlang/swift-evolution/blob/main/proposals/0444-member-import-visibility.md
        .enableUpcomingFeature("MemberImportVisibility")
    ]

let nio = "swift-nio"

let package = Package(
    name: "pg_eventrelay",
    // Of Apple's systems only for the client; the relay is for Linux.
    platforms: [.macOS(.v15), .iOS(.v18), .tvOS(.v18), .watchOS(.v11), .visionOS(.v2)],
    products: [
        .executable(name: "pg_eventrelay", targets: ["EventRelay"]),
        .library(name: "RelayClient", targets: ["RelayClient"]),
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
        .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
        .package(url: "https://github.com/apple/swift-nio", from: "2.101.2"),
        .package(url: "https://github.com/apple/swift-metrics", from: "2.13.0"),
        .package(url: "https://github.com/apple/swift-nio-extras", from: "1.35.2"),
        .package(url: "https://github.com/apple/swift-nio-ssl", from: "2.37.6"),
        .package(url: "https://github.com/swift-server/swift-service-lifecycle", from: "2.13.0"),
        .package(url: "https://github.com/vapor/jwt-kit", from: "5.7.1"),
    ],
    targets: [
        // The core: types, rules and state machines. It imports nothing.
        .target(name: "RelayCore", swiftSettings: settings),

        // One adapter for each outside thing; none knows another.
        .target(name: "RelayThreads", swiftSettings: settings),
        .target(
            name: "RelaySQLite",
            dependencies: ["CSQLite", "RelayCore", "RelayMigrations", "RelayThreads"],
            swiftSettings: settings
        ),
        .target(
            name: "RelayPostgres",
            dependencies: ["CLibpq", "RelayCore", "RelayThreads"],
            swiftSettings: settings
        ),
        .target(
            name: "RelayHTTP",
            dependencies: [
                "RelayAssets", "RelayCore",
                .product(name: "NIOCore", package: nio),
                .product(name: "NIOPosix", package: nio),
                .product(name: "NIOHTTP1", package: nio),
                .product(name: "NIOWebSocket", package: nio),
                .product(name: "NIOExtras", package: "swift-nio-extras"),
                .product(name: "NIOSSL", package: "swift-nio-ssl"),
            ],
            swiftSettings: settings
        ),
        .target(
            name: "RelayObservability",
            dependencies: [
                "RelayCore",
                .product(name: "Logging", package: "swift-log"),
                .product(name: "Metrics", package: "swift-metrics"),
            ],
            swiftSettings: settings
        ),
        .target(
            name: "RelayTokens",
            dependencies: ["RelayCore", .product(name: "JWTKit", package: "jwt-kit")],
            swiftSettings: settings
        ),
        .systemLibrary(
            name: "CLibpq",
            pkgConfig: "libpq",
            providers: [.apt(["libpq-dev"]), .brew(["libpq"])]
        ),
        .systemLibrary(
            name: "CSQLite",
            pkgConfig: "sqlite3",
            providers: [.apt(["libsqlite3-dev"]), .brew(["sqlite"])]
        ),

        // Files that the binary carries in itself.
        .target(
            name: "RelayMigrations",
            path: "migrations",
            resources: [.embedInCode("0001_ring_log.sql"), .embedInCode("0002_forgotten_channels.sql")],
            swiftSettings: settings
        ),
        .target(
            name: "RelayAssets",
            path: "assets",
            resources: [
                .embedInCode("client.js"), .embedInCode("client.d.ts"),
                .embedInCode("index.html"), .embedInCode("viewer.css"), .embedInCode("viewer.js"),
                .embedInCode("chart.js"), .embedInCode("chips.js"), .embedInCode("dom.js"), .embedInCode("list.js"),
                .embedInCode("payload.js"), .embedInCode("relay.js"), .embedInCode("screen.js"),
                .embedInCode("search.js"), .embedInCode("timeline.js"),
            ],
            swiftSettings: settings
        ),

        // The program: command line, configuration, wiring.
        .executableTarget(
            name: "EventRelay",
            dependencies: [
                "RelayCore", "RelayHTTP", "RelayObservability", "RelayPostgres", "RelaySQLite", "RelayThreads",
                "RelayTokens",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
            ],
            swiftSettings: settingsBesideFoundation
        ),

        // For programs that listen to a relay. A leaf: nothing of the relay is in it.
        .target(
            name: "RelayClient",
            dependencies: [
                .product(name: "NIOCore", package: nio),
                .product(name: "NIOPosix", package: nio),
                .product(name: "NIOHTTP1", package: nio),
                .product(name: "NIOWebSocket", package: nio),
                .product(name: "NIOSSL", package: "swift-nio-ssl"),
            ],
            swiftSettings: settings
        ),

        .target(
            name: "RelayTestSupport",
            dependencies: [
                "CLibpq", "CSQLite", "RelayCore", "RelayThreads",
                .product(name: "NIOCore", package: nio),
                .product(name: "NIOPosix", package: nio),
                .product(name: "NIOHTTP1", package: nio),
                .product(name: "NIOSSL", package: "swift-nio-ssl"),
                .product(name: "NIOWebSocket", package: nio),
            ],
            path: "Tests/RelayTestSupport",
            swiftSettings: settings
        ),
        .testTarget(
            name: "RelayTestSupportTests",
            dependencies: [
                "RelayTestSupport",
                .product(name: "NIOCore", package: nio),
                .product(name: "NIOPosix", package: nio),
            ],
            swiftSettings: settings
        ),
        .testTarget(
            name: "RelayCoreTests",
            dependencies: ["RelayCore", "RelayTestSupport"],
            swiftSettings: settings
        ),
        .testTarget(
            name: "RelaySQLiteTests",
            dependencies: ["CSQLite", "RelayCore", "RelayMigrations", "RelaySQLite", "RelayTestSupport"],
            swiftSettings: settings
        ),
        .testTarget(
            name: "RelayTokensTests",
            dependencies: [
                "RelayCore", "RelayTestSupport", "RelayTokens",
                .product(name: "JWTKit", package: "jwt-kit"),
            ],
            swiftSettings: settings
        ),
        .testTarget(
            name: "RelayObservabilityTests",
            dependencies: [
                "RelayCore", "RelayObservability", "RelayTestSupport",
                .product(name: "Logging", package: "swift-log"),
                .product(name: "Metrics", package: "swift-metrics"),
            ],
            swiftSettings: settings
        ),
        .testTarget(
            name: "RelayPostgresTests",
            dependencies: ["RelayCore", "RelayPostgres", "RelayTestSupport"],
            swiftSettings: settings
        ),
        .testTarget(
            name: "RelayHTTPTests",
            dependencies: [
                "RelayCore", "RelayHTTP", "RelayTestSupport", "RelayThreads",
                .product(name: "NIOCore", package: nio),
                .product(name: "NIOEmbedded", package: nio),
                .product(name: "NIOPosix", package: nio),
                .product(name: "NIOHTTP1", package: nio),
                .product(name: "NIOWebSocket", package: nio),
            ],
            swiftSettings: settings
        ),
        .testTarget(
            name: "RelayClientTests",
            dependencies: [
                "RelayClient", "RelayTestSupport",
                .product(name: "NIOCore", package: nio),
                .product(name: "NIOEmbedded", package: nio),
                .product(name: "NIOPosix", package: nio),
                .product(name: "NIOHTTP1", package: nio),
                .product(name: "NIOWebSocket", package: nio),
            ],
            swiftSettings: settings
        ),
        // What a program with the client looks like.
        .executableTarget(
            name: "FollowExample",
            dependencies: ["RelayClient"],
            path: "examples/swift",
            swiftSettings: settings
        ),
        // The WebSocket of the relay with a peer that answers: what a conformance suite needs to see.
        .executableTarget(
            name: "WebSocketEcho",
            dependencies: [
                "RelayCore", "RelayHTTP",
                .product(name: "NIOCore", package: nio),
                .product(name: "NIOPosix", package: nio),
                .product(name: "NIOHTTP1", package: nio),
                .product(name: "NIOWebSocket", package: nio),
            ],
            path: "Tests/WebSocketEcho",
            swiftSettings: settings
        ),
        // The relay without its log: the benchmark compares it with the whole. Here and not in a package of its own,
        // since it wires what only this package sees.
        .executableTarget(
            name: "RelayWithoutLog",
            dependencies: [
                "RelayCore", "RelayHTTP", "RelayObservability", "RelayPostgres", "RelayThreads",
                .product(name: "Logging", package: "swift-log"),
            ],
            path: "Benchmarks/RelayWithoutLog",
            swiftSettings: settings
        ),
        .testTarget(
            name: "EventRelayTests",
            dependencies: [
                "EventRelay", "RelayClient", "RelayCore", "RelayHTTP", "RelayTestSupport",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
                .product(name: "NIOCore", package: nio),
                .product(name: "NIOSSL", package: "swift-nio-ssl"),
            ],
            swiftSettings: settings
        ),
    ]
)

// For `make tsan-short`: without the program and what it alone needs, which is half of the time that all of it takes to
// build.
if Context.environment["EVENTRELAY_WITHOUT_PROGRAM"] != nil {
    let targets = [
        "EventRelay", "EventRelayTests", "RelayObservability", "RelayObservabilityTests", "RelayTokens",
        "RelayTokensTests", "RelayWithoutLog", "WebSocketEcho",
    ]
    let packages = ["jwt-kit", "swift-argument-parser", "swift-log", "swift-metrics", "swift-service-lifecycle"]
    package.products = []
    package.targets.removeAll { targets.contains($0.name) }
    package.dependencies.removeAll { dependency in
        guard case .sourceControl(_, let location, _) = dependency.kind else { return false }
        return packages.contains { location.hasSuffix("/\($0)") }
    }
}
