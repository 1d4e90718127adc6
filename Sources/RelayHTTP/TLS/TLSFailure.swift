import NIOSSL

/// Which errors of a connection say that there was no TLS to begin with.
enum TLSFailure {
    /// - Returns: nil for anything else, such as a peer that goes away without TLS's goodbye.
    static func reason(of error: any Error) -> String? {
        guard case .handshakeFailed(let reason) = error as? NIOSSLError else { return nil }
        return "\(reason)"
    }
}
