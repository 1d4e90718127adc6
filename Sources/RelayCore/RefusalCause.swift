/// Why a request or connection was refused, as a code of few values: for counting. The sentence that belongs to it may
/// hold what the client sent.
package enum RefusalCause: String, Sendable, CaseIterable {
    /// It makes no sense: its form, a parameter, a channel's name.
    case badRequest = "bad-request"
    /// The channel is not allowed, whoever asks.
    case notAllowed = "not-allowed"
    case notFound = "not-found"
    case method
    /// The URL, the headers or the body.
    case tooLarge = "too-large"
    /// It did not come in full in time.
    case timeout
    /// A WebSocket address was asked for without a WebSocket.
    case upgrade
    /// TLS: nothing in common, or no TLS at all. There is no answer and no status then.
    case handshake
    /// A page of this origin may not connect.
    case origin
    /// A token is missing, is wrong, or does not name what was asked for.
    case token
    /// All clients together.
    case limitClients = "limit-clients"
    /// All connections that are no clients, or all that there are descriptors for.
    case limitConnections = "limit-connections"
    /// The clients of one address, or its other connections.
    case limitAddress = "limit-address"
    /// The clients of one token's subject.
    case limitSubject = "limit-subject"
    /// The recorded channels.
    case limitChannels = "limit-channels"
    /// Too many in a time.
    case limitRate = "limit-rate"
    /// The relay can't answer now.
    case unavailable
}
