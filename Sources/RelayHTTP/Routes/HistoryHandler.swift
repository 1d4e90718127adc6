import NIOCore
import NIOHTTP1
import RelayCore

/// `GET /history/{channel}`: one channel's events as JSON, paged, or as lines.
struct HistoryHandler {
    let router: Router

    func response(
        _ request: HTTPRequestHead,
        _ target: RequestTarget,
        channel: String,
        from caller: Caller,
        at now: ContinuousClock.Instant
    ) async throws -> HTTPResponse {
        let channel = try self.router.channel(channel)
        let query = try HistoryQuery(target, channel: channel)
        let wait = try HistoryWait(target, query)
        let access = self.router.access
        let token = try access.token(of: request, target, from: caller)
        let bearer = try access.reader(of: ChannelSelection(channel), presenting: token)
        // Read before the page: whoever subscribes with it afterwards misses nothing that the page doesn't have. What
        // is set aside is not on the page.
        var head = self.router.relay.status.writtenThrough
        var waited: HistoryPage?
        if let wait {
            (waited, head) = try await self.page(query, wait, bearer, from: caller.address, at: now)
        }
        if request.headers[canonicalForm: "Accept"].contains(where: { $0.hasPrefix("application/x-ndjson") }) {
            // What was waited for may be newer than the head was.
            return self.lines(query, through: max(head, waited?.entries.last?.id ?? .zero))
        }
        let page = if let waited { waited } else { try await self.router.log.history(query) }
        var body = ByteBuffer()
        body.writeHistory(page, query, head: head, isRecorded: self.router.relay.isRecorded(channel))
        var response = HTTPResponse(status: .ok, contentType: "application/json", body: body)
        for link in self.links(page, query) { response.headers.add(name: "Link", value: link) }
        return response
    }

    // MARK: - Pages

    /// RFC 8288. `next` goes towards the newest, `prev` towards the oldest, each only where there is more.
    private func links(_ page: HistoryPage, _ query: HistoryQuery) -> [String] {
        guard let first = page.entries.first?.id, let last = page.entries.last?.id else { return [] }
        var links: [String] = []
        if query.isForward ? page.hasMore : query.before != nil {
            let end = query.isForward ? query.before.map { "&before=\($0)" } ?? "" : ""
            links.append("<?after=\(last)\(end)&limit=\(query.limit)>; rel=\"next\"")
        }
        if query.isForward || page.hasMore {
            links.append("<?before=\(first)&limit=\(query.limit)>; rel=\"prev\"")
        }
        return links
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
            while cursor < through {
                let page = try await log.read(
                    query.channel,
                    after: cursor,
                    through: through,
                    limit: ReplayPages.pageLimit
                )
                var piece = ByteBuffer()
                for entry in page.entries {
                    piece.writeJSON(WireMessage(entry, channel: query.channel))
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

extension HistoryQuery {
    init(_ target: RequestTarget, channel: ChannelName) throws(BadParameter) {
        self.init(
            channel: channel,
            after: try Self.id("after", target),
            before: try Self.id("before", target),
            limit: try Self.limit(target)
        )
    }

    private static func id(_ name: String, _ target: RequestTarget) throws(BadParameter) -> EventID? {
        guard let text = try target.value(of: name) else { return nil }
        guard let id = EventID(decimal: text) else {
            throw BadParameter(name: name, requirement: "has to be an event id (decimal, below 2^53)")
        }
        return id
    }

    private static func limit(_ target: RequestTarget) throws(BadParameter) -> Int {
        guard let text = try target.value(of: "limit") else { return Self.defaultLimit }
        guard let limit = EventID(decimal: text).map({ Int($0.rawValue) }), Self.limits.contains(limit) else {
            let (least, most) = (Self.limits.lowerBound, Self.limits.upperBound)
            throw BadParameter(name: "limit", requirement: "has to be a number from \(least) to \(most)")
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
        self.writeStaticString(#"{"channel":"#)
        self.writeJSONString(query.channel.text)
        self.writeStaticString(#","events":["#)
        for (index, entry) in page.entries.enumerated() {
            if index > 0 { self.writeStaticString(",") }
            self.writeJSON(WireMessage(entry, channel: query.channel))
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
