package import NIOCore

/// The connections of one event loop that have said nothing yet. Everything here happens on that loop.
///
/// One timer looks after all of them: two for each connection, set and cancelled again, were a good part of what it cost
/// to connect. There are no more of them than HTTP connections may be.
package final class SilentConnections {
    private let eventLoop: any EventLoop
    private var waiting: [FirstRequestHandler] = []
    private var isWatching = false

    /// By so much at the most is a connection closed too late.
    private static let interval = TimeAmount.seconds(1)

    package init(eventLoop: any EventLoop) {
        self.eventLoop = eventLoop
    }

    func add(_ connection: FirstRequestHandler) {
        connection.silentIndex = self.waiting.count
        self.waiting.append(connection)
        self.watch()
    }

    /// The last one of the list takes its place.
    func remove(_ connection: FirstRequestHandler) {
        guard let index = connection.silentIndex, let last = self.waiting.popLast() else { return }
        connection.silentIndex = nil
        if last !== connection {
            self.waiting[index] = last
            last.silentIndex = index
        }
    }

    private func watch() {
        if self.isWatching || self.waiting.isEmpty { return }
        self.isWatching = true
        self.eventLoop.assumeIsolated().scheduleTask(in: Self.interval) {
            self.isWatching = false
            let now = self.eventLoop.now
            // A copy: whoever is closed leaves the list.
            for connection in self.waiting where connection.deadline <= now { connection.deadlinePassed() }
            self.watch()
        }
    }
}
