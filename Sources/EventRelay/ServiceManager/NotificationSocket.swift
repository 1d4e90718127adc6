import Glibc

/// The datagram socket at which a service manager listens. Its own end is kept open, so that no message lacks a
/// descriptor.
final class NotificationSocket: Sendable {
    enum Outcome: Equatable {
        case sent
        /// The manager has yet to read what others sent: try again.
        case wouldBlock
        case failed(reason: String)
    }

    private let descriptor: Int32
    private let address: sockaddr_un
    private let addressLength: socklen_t

    /// - Parameter name: an absolute path, or `@` and the name of an abstract socket, as `NOTIFY_SOCKET` has it.
    init(name: String) throws(NotificationSocketError) {
        var bytes = Array(name.utf8)
        guard let first = bytes.first, first == UInt8(ascii: "/") || first == UInt8(ascii: "@"), bytes.count > 1 else {
            throw NotificationSocketError(description: "it is neither an absolute path nor an abstract name")
        }
        if first == UInt8(ascii: "@") { bytes[0] = 0 }
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        // A path needs no NUL at its end where the length is given.
        guard bytes.count < MemoryLayout.size(ofValue: address.sun_path) else {
            throw NotificationSocketError(description: "it is too long for the name of a socket")
        }
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: bytes) }
        let kind = Int32(SOCK_DGRAM.rawValue | SOCK_CLOEXEC.rawValue | SOCK_NONBLOCK.rawValue)
        let descriptor = socket(AF_UNIX, kind, 0)
        guard descriptor >= 0 else { throw NotificationSocketError(description: String(cString: strerror(errno))) }
        self.descriptor = descriptor
        self.address = address
        self.addressLength = socklen_t(MemoryLayout<sa_family_t>.size + bytes.count)
    }

    deinit {
        close(self.descriptor)
    }

    /// Sends one message, without waiting.
    func send(_ message: String) -> Outcome {
        let bytes = Array(message.utf8)
        let sent = withUnsafePointer(to: self.address) { address in
            address.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                sendto(self.descriptor, bytes, bytes.count, Int32(MSG_NOSIGNAL), $0, self.addressLength)
            }
        }
        if sent >= 0 { return .sent }
        switch errno {
        case EAGAIN, ENOBUFS, EINTR: return .wouldBlock
        default: return .failed(reason: String(cString: strerror(errno)))
        }
    }
}

/// Why there is no socket of this name.
struct NotificationSocketError: Error, CustomStringConvertible {
    let description: String
}
