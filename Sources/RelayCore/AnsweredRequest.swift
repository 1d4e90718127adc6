/// One HTTP request that was answered, whatever the answer.
package struct AnsweredRequest: Sendable, Equatable {
    /// Where it led to, as a code of few values.
    package enum Route: String, Sendable, CaseIterable {
        case viewer, listen, history, channels, health, ready, metrics
        /// No route, or no request that could be understood.
        case none
    }

    package var address: String
    package var method: String
    /// Without the query, which may hold secrets.
    package var path: String
    package var route: Route
    package var status: Int
    /// Of the body.
    package var bytes: Int
    package var duration: Duration

    package init(
        address: String,
        method: String,
        path: String,
        route: Route,
        status: Int,
        bytes: Int,
        duration: Duration
    ) {
        self.address = address
        self.method = method
        self.path = path
        self.route = route
        self.status = status
        self.bytes = bytes
        self.duration = duration
    }
}
