import NIOCore
import NIOHTTP1
import RelayCore

/// `GET /history/{channel}` and `GET /history?channel=…`: events as JSON, paged, or as lines.
struct HistoryHandler {
    let router: Router

    func response(
        _ request: HTTPRequestHead,
        _ target: RequestTarget,
        _ selection: ChannelSelection,
        from caller: Caller,
        at now: ContinuousClock.Instant
    ) async throws -> HTTPResponse {
        var query = try HistoryQuery(target, of: selection)
        let wait = try HistoryWait(target, query)
        let access = self.router.access
        let token = try access.token(of: request, target, from: caller)
        let bearer = try access.reader(of: selection, presenting: token)
        query.selection = access.bound(selection, to: bearer)
        // Read before the page: whoever subscribes with it afterwards misses nothing that the page doesn't have. What
        // is set aside is not on the page.
        var head = self.router.relay.status.writtenThrough
        var waited: HistoryPage?
        if let wait {
            (waited, head) = try await self.page(query, wait, bearer, from: caller.address, at: now)
        }
        if request.accepts("application/x-ndjson") {
            // What was waited for may be newer than the head was.
            return self.lines(query, through: max(head, waited?.entries.last?.id ?? .zero))
        }
        let page = if let waited { waited } else { try await self.router.log.history(query) }
        var body = ByteBuffer()
        let isRecorded = selection.names.allSatisfy { self.router.relay.isRecorded($0) }
        body.writeHistory(page, query, head: head, isRecorded: isRecorded)
        var response = HTTPResponse(status: .ok, contentType: "application/json", body: body)
        for link in self.links(page, query) { response.headers.add(name: "Link", value: link) }
        return response
    }

    // MARK: - Pages

    /// RFC 8288. `next` goes towards the newest, `prev` towards the oldest, each only where there is more.
    private func links(_ page: HistoryPage, _ query: HistoryQuery) -> [String] {
        guard let first = page.entries.first?.id, let last = page.entries.last?.id else { return [] }
        var links: [String] = []
        // The path, and so a single channel, stays as it is.
        let texts = query.selection.only == nil ? query.selection.texts : []
        let channels = texts.map { "channel=\(Self.percentEncoded($0))&" }.joined()
        if query.isForward ? page.hasMore : query.before != nil {
            let end = query.isForward ? query.before.map { "&before=\($0)" } ?? "" : ""
            links.append("<?\(channels)after=\(last)\(end)&limit=\(query.limit)>; rel=\"next\"")
        }
        if query.isForward || page.hasMore {
            // A gap at the cursor is no entry behind it.
            let end = first == query.after ? first.next : first
            links.append("<?\(channels)before=\(end)&limit=\(query.limit)>; rel=\"prev\"")
        }
        return links
    }

    /// RFC 3986, section 2.3: all but the unreserved characters.
    private static func percentEncoded(_ text: String) -> String {
        var encoded = ""
        for byte in text.utf8 {
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "_"),
                UInt8(ascii: "~"):
                encoded.unicodeScalars.append(Unicode.Scalar(byte))
            default:
                encoded += byte < 16 ? "%0" : "%"
                encoded += String(byte, radix: 16, uppercase: true)
            }
        }
        return encoded
    }

    // MARK: - Lines

    /// One envelope a line, from the window's beginning to its end or the head, in pages, so that memory stays bounded.
    private func lines(_ query: HistoryQuery, through head: EventID) -> HTTPResponse {
        let log = self.router.log
        let end = query.before.map { EventID(max(0, $0.rawValue - 1)) } ?? head
        let through = min(head, end)
        var response = HTTPResponse(status: .ok, contentType: "application/x-ndjson")
        response.body = .stream { write in
            var cursor = query.after ?? .zero
            // What was evicted of several channels comes with each page within its range, and is said once.
            var evicted: Set<Evicted> = []
            while cursor < through {
                let page = try await log.read(
                    query.selection,
                    after: cursor,
                    through: through,
                    limit: ReplayPages.pageLimit
                )
                var piece = ByteBuffer()
                for entry in page.entries {
                    if let gap = Evicted(entry), !evicted.insert(gap).inserted { continue }
                    piece.writeJSON(WireMessage(entry, channel: query.selection.only))
                    piece.writeStaticString("\n")
                }
                if piece.readableBytes > 0 { try await write(piece) }
                if page.atEnd { return }
                cursor = page.next
            }
        }
        return response
    }
}

private struct Evicted: Hashable {
    let channel: ChannelName?
    let before: EventID

    init?(_ entry: LogEntry) {
        guard case .gap(let gap) = entry, gap.reason == .evicted else { return nil }
        self.channel = gap.channel
        self.before = gap.before
    }
}

extension HistoryQuery {
    init(_ target: RequestTarget, of selection: ChannelSelection) throws(BadParameter) {
        self.init(
            selection,
            after: try Self.id("after", target),
            before: try Self.id("before", target),
            limit: try Self.limit(target)
        )
    }

    private static func id(_ name: String, _ target: RequestTarget) throws(BadParameter) -> EventID? {
        guard let text = try target.value(of: name) else { return nil }
        guard let id = EventID(decimal: text) else {
            throw BadParameter(name: name, requirement: "must be an event id (decimal, below 2^53)")
        }
        return id
    }

    private static func limit(_ target: RequestTarget) throws(BadParameter) -> Int {
        guard let text = try target.value(of: "limit") else { return Self.defaultLimit }
        guard let limit = EventID(decimal: text).map({ Int($0.rawValue) }), Self.limits.contains(limit) else {
            let (least, most) = (Self.limits.lowerBound, Self.limits.upperBound)
            throw BadParameter(name: "limit", requirement: "must be a number from \(least) to \(most)")
        }
        return limit
    }
}

extension ByteBuffer {
    fileprivate mutating func writeHistory(
        _ page: HistoryPage,
        _ query: HistoryQuery,
        head: EventID,
        isRecorded: Bool
    ) {
        if let only = query.selection.only {
            self.writeStaticString(#"{"channel":"#)
            self.writeJSONString(only.text)
        } else {
            self.writeStaticString(#"{"channels":"#)
            self.writeJSONStrings(query.selection.texts)
        }
        self.writeStaticString(#","events":["#)
        for (index, entry) in page.entries.enumerated() {
            if index > 0 { self.writeStaticString(",") }
            self.writeJSON(WireMessage(entry, channel: query.selection.only))
        }
        self.writeStaticString(#"],"oldest":"#)
        self.writeJSON(number: page.positions.oldest?.rawValue)
        self.writeStaticString(#","newest":"#)
        self.writeJSON(number: page.positions.newest?.rawValue)
        self.writeStaticString(#","head":"#)
        self.writeJSONNumber(head.rawValue)
        self.writeStaticString(#","floor":"#)
        self.writeJSONNumber(page.positions.floor.rawValue)
        self.writeString(#","has_more":\#(page.hasMore),"recording":\#(isRecorded),"recorded_since":"#)
        self.writeJSON(time: page.positions.recordedSince)
        self.writeStaticString("}\n")
    }
}
