import NIOCore
import NIOHTTP1
import RelayCore

/// `GET /channels`: what is recorded, how much of it there is, and who listens.
struct ChannelsHandler {
    let router: Router

    func response(_ head: HTTPRequestHead, _ target: RequestTarget, from caller: Caller) async throws -> HTTPResponse {
        let access = self.router.access
        let bearer = try access.lister(presenting: try access.token(of: head, target, from: caller))
        let logHead = self.router.relay.status.writtenThrough
        let census = try await self.router.log.census()
        let subscribers = self.router.relay.subscribers.filter { access.mayRead($0.key, bearer) }
        var body = ByteBuffer()
        body.writeStaticString(#"{"channels":["#)
        for (index, (channel, count)) in subscribers.sorted(by: { $0.key < $1.key }).enumerated() {
            if index > 0 { body.writeStaticString(",") }
            // One that was asked for since is not counted yet.
            body.writeJSON(channel, census.channels[channel] ?? .none, subscribers: count)
        }
        body.writeStaticString(#"],"counted":"#)
        body.writeJSON(time: census.taken)
        body.writeStaticString(#","head":"#)
        body.writeJSONNumber(logHead.rawValue)
        body.writeStaticString("}\n")
        var response = HTTPResponse(status: .ok, contentType: "application/json", body: body)
        response.headers.add(name: "Cache-Control", value: "no-store")
        return response
    }
}

extension ByteBuffer {
    fileprivate mutating func writeJSON(_ channel: ChannelName, _ figures: ChannelFigures, subscribers: Int) {
        self.writeStaticString(#"{"channel":"#)
        self.writeJSONString(channel.text)
        self.writeStaticString(#","recorded_since":"#)
        self.writeJSON(time: figures.positions.recordedSince)
        self.writeStaticString(#","events":"#)
        self.writeJSONNumber(Int64(figures.events))
        self.writeStaticString(#","bytes":"#)
        self.writeJSONNumber(figures.bytes)
        self.writeStaticString(#","oldest":"#)
        self.writeJSON(number: figures.positions.oldest?.rawValue)
        self.writeStaticString(#","newest":"#)
        self.writeJSON(number: figures.positions.newest?.rawValue)
        self.writeStaticString(#","floor":"#)
        self.writeJSONNumber(figures.positions.floor.rawValue)
        self.writeStaticString(#","subscribers":"#)
        self.writeJSONNumber(Int64(subscribers))
        self.writeStaticString("}")
    }
}
