import Glibc

/// Reads an event stream as browsers do (https://html.spec.whatwg.org/multipage/server-sent-events.html, section 9.2.6).
package struct EventStreamParser {
    package struct Event: Sendable, Equatable {
        package var type: String
        /// The last id that the stream had given by then.
        package var id: String
        package var data: String

        package init(type: String = "message", id: String, data: String) {
            self.type = type
            self.id = id
            self.data = data
        }
    }

    package private(set) var lastEventID = ""
    /// What the stream asks its readers to wait before they come back, in milliseconds.
    package private(set) var retry: Int?
    package private(set) var comments: [String] = []
    private var line: [UInt8] = []
    private var isBehindReturn = false
    private var type = ""
    private var data: [String] = []

    package init() {}

    /// - Returns: the events that these bytes complete.
    package mutating func read(_ bytes: [UInt8]) -> [Event] {
        bytes.withUnsafeBytes { self.read($0) }
    }

    private mutating func read(_ bytes: UnsafeRawBufferPointer) -> [Event] {
        var events: [Event] = []
        var rest = bytes[...]
        while let byte = rest.first {
            if byte == UInt8(ascii: "\n") && self.isBehindReturn {
                self.isBehindReturn = false
                rest = rest.dropFirst()
                continue
            }
            let line = UnsafeRawBufferPointer(rebasing: rest)
            guard let end = [UInt8(ascii: "\n"), UInt8(ascii: "\r")].compactMap({ line.place(of: $0) }).min() else {
                self.isBehindReturn = false
                self.line.append(contentsOf: line)
                break
            }
            self.line.append(contentsOf: UnsafeRawBufferPointer(rebasing: line[..<end]))
            self.isBehindReturn = line[end] == UInt8(ascii: "\r")
            rest = rest.dropFirst(end + 1)
            let text = String(decoding: self.line, as: UTF8.self)
            self.line = []
            if let event = self.read(line: text) { events.append(event) }
        }
        return events
    }

    private mutating func read(line: String) -> Event? {
        if line.isEmpty { return self.dispatch() }
        if line.hasPrefix(":") {
            self.comments.append(String(line.dropFirst()))
            return nil
        }
        let name = line.prefix { $0 != ":" }
        var value = line.dropFirst(name.count + 1)
        if value.hasPrefix(" ") { value.removeFirst() }
        switch name {
        case "event": self.type = String(value)
        case "data": self.data.append(String(value))
        case "id": self.lastEventID = String(value)
        case "retry": self.retry = Int(value)
        default: break
        }
        return nil
    }

    private mutating func dispatch() -> Event? {
        defer { (self.type, self.data) = ("", []) }
        let data = self.data.joined(separator: "\n")
        if data.isEmpty { return nil }
        return Event(type: self.type.isEmpty ? "message" : self.type, id: self.lastEventID, data: data)
    }
}

extension UnsafeRawBufferPointer {
    /// By the C library: a loop takes long in a build for debugging.
    fileprivate func place(of byte: UInt8) -> Int? {
        guard let start = self.baseAddress, let found = memchr(start, CInt(byte), self.count) else { return nil }
        return UnsafeRawPointer(found) - start
    }
}
