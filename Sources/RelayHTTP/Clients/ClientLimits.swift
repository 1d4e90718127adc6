/// What one client, or all, may take. nil: any number.
package struct ClientLimits: Sendable {
    /// WebSockets and event streams at once.
    package var clients: Int
    package var clientsPerAddress: Int?
    /// Connections that are no clients, or not yet.
    package var connectionsPerAddress: Int?
    package var clientsPerSubject: Int?
    package var newChannelsPerMinute: Int?
    package var upgradesPerSecond: Int?
    package var historyRequestsPerSecond: Int?

    package init(clients: Int) {
        self.clients = clients
    }
}
