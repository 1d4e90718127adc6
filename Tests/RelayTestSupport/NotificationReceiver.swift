import Glibc
import RelayThreads

/// The socket of a service manager, at which datagrams arrive.
package final class NotificationReceiver: Sendable {
    /// What arrived, in order.
    package let messages = Inbox<String>()
    private let descriptor: Int32

    /// - Parameter name: a path, or `@` and the name of an abstract socket.
    package init(name: String) throws {
        let descriptor = socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
        var bytes = Array(name.utf8)
        if bytes.first == UInt8(ascii: "@") { bytes[0] = 0 }
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: bytes) }
        let length = socklen_t(MemoryLayout<sa_family_t>.size + bytes.count)
        let result = withUnsafePointer(to: address) { address in
            address.withMemoryRebound(to: sockaddr.self, capacity: 1) { bind(descriptor, $0, length) }
        }
        guard result == 0 else {
            throw CommandFailure(command: "bind to \(name)", output: String(cString: strerror(errno)))
        }
        self.descriptor = descriptor
    }

    /// Begins to take what arrives. What came before waits in the kernel, as far as there is room.
    package func startReading() {
        startThread { [descriptor, messages] in
            var buffer = [UInt8](repeating: 0, count: 4096)
            while true {
                let count = recv(descriptor, &buffer, buffer.count, 0)
                // `deinit` ends the reading side.
                if count <= 0 { break }
                messages.put(String(decoding: buffer.prefix(count), as: UTF8.self))
            }
            close(descriptor)
            messages.finish()
        }
    }

    /// The next message that begins with `beginning`; others before it are passed over.
    @discardableResult
    package func next(_ beginning: String) async throws -> String {
        while let message = try await self.messages.next() {
            if message.hasPrefix(beginning) { return message }
        }
        throw CommandFailure(command: "waiting for \(beginning)", output: "nothing more comes")
    }

    deinit {
        shutdown(self.descriptor, Int32(SHUT_RD))
    }
}
