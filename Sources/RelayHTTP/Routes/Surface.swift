import RelayCore

/// Which of the routes a port serves.
enum Surface: Sendable {
    /// All of them, where there is one port only.
    case everything
    /// What is for clients.
    case clients
    /// What is for operators.
    case operators

    /// What answers on this port.
    func has(_ route: AnsweredRequest.Route) -> Bool {
        switch route {
        case .viewer, .listen, .history, .channels: self != .operators
        case .health, .ready, .metrics: self != .clients
        case .none: false
        }
    }

    /// What stands in the answer to an unknown address.
    var addresses: String {
        switch self {
        case .everything:
            "/listen/{channel}, /history/{channel}, /channels, /health, /ready, /metrics and the viewer at /"
        case .clients: "/listen/{channel}, /history/{channel}, /channels and the viewer at /"
        case .operators: "/health, /ready and /metrics"
        }
    }
}
