import Foundation
import Glibc

/// As much of PostgreSQL's protocol as one connection of the listener needs, for answers that a real server can't be
/// made to give on time.
final class ScriptedServer: Sendable {
    let port: Int

    /// - Parameters:
    ///   - encoding: of its database.
    ///   - answer: to each query, the messages before ReadyForQuery.
    init(encoding: String = "UTF8", answer: @escaping @Sendable (String) -> [Message]) throws {
        let server = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let result = withUnsafeMutableBytes(of: &address) { bytes in
            let address = bytes.baseAddress?.assumingMemoryBound(to: sockaddr.self)
            return bind(server, address, length) | listen(server, 1) | getsockname(server, address, &length)
        }
        guard result == 0 else { throw POSIXError(.EADDRNOTAVAIL) }
        self.port = Int(UInt16(bigEndian: address.sin_port))
        // No wait of its thread is for ever.
        var patience = timeval(tv_sec: 20, tv_usec: 0)
        setsockopt(server, SOL_SOCKET, SO_RCVTIMEO, &patience, socklen_t(MemoryLayout<timeval>.size))
        Thread.detachNewThread {
            let client = accept(server, nil, nil)
            close(server)
            if client >= 0 { Self.serve(client, encoding, answer) }
        }
    }

    var url: String { "postgresql://relay@127.0.0.1:\(self.port)/shop?sslmode=disable&gssencmode=disable" }

    private static func serve(_ client: Int32, _ encoding: String, _ answer: (String) -> [Message]) {
        defer { close(client) }
        guard self.read(client, self.length(client)) != nil else { return }
        self.send([.authenticated, .encoding(encoding), .backend, .ready], to: client)
        while let type = self.read(client, 1), let text = self.read(client, self.length(client)),
            type[0] == Message.query
        {
            self.send(answer(String(decoding: text.dropLast(), as: UTF8.self)) + [.ready], to: client)
        }
    }

    private static func length(_ client: Int32) -> Int {
        (self.read(client, 4) ?? [0, 0, 0, 4]).reduce(0) { $0 << 8 | Int($1) } - 4
    }

    private static func read(_ client: Int32, _ count: Int) -> [UInt8]? {
        var bytes = [UInt8](repeating: 0, count: count)
        return recv(client, &bytes, count, Int32(MSG_WAITALL)) == count ? bytes : nil
    }

    private static func send(_ messages: [Message], to client: Int32) {
        let bytes = messages.flatMap(\.bytes)
        _ = Glibc.send(client, bytes, bytes.count, Int32(MSG_NOSIGNAL))
    }

    struct Message: Sendable {
        static let query = UInt8(ascii: "Q")
        private static let process: [UInt8] = [0, 0, 0, 42]

        let bytes: [UInt8]

        private init(_ type: Unicode.Scalar, _ body: [UInt8]) {
            let length = withUnsafeBytes(of: UInt32(body.count + 4).bigEndian) { Array($0) }
            self.bytes = [UInt8(ascii: type)] + length + body
        }

        static let authenticated = Message("R", [0, 0, 0, 0])
        static let backend = Message("K", Self.process + [0, 0, 0, 1])
        static let ready = Message("Z", [UInt8(ascii: "I")])
        static let done = Message("C", Array("LISTEN\0".utf8))
        /// A row without columns, as of `SELECT`, and what says so before it.
        static let emptyRow = [Message("T", [0, 0]), Message("D", [0, 0])]

        static func encoding(_ name: String) -> Message {
            Message("S", Array("server_encoding\0\(name)\0".utf8))
        }

        static func error(_ code: String, _ text: String) -> Message {
            Message("E", Array("SERROR\0VERROR\0C\(code)\0M\(text)\0\0".utf8))
        }

        static func notification(_ channel: String, _ payload: String) -> Message {
            Message("A", Self.process + Array("\(channel)\0\(payload)\0".utf8))
        }
    }
}
