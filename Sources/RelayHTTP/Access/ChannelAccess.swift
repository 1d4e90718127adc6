import NIOHTTP1
import RelayCore

/// Who may read which of the channels that `Channels` allows: everyone, unless tokens are asked for.
struct ChannelAccess: Sendable {
    private let tokens: TokenOptions?
    private let cors: CORS
    private let options: HTTPOptions

    init(options: HTTPOptions, cors: CORS) {
        self.tokens = options.tokens
        self.cors = cors
        self.options = options
    }

    var asksForTokens: Bool { self.tokens != nil }

    /// The rule: the channel is for everyone, or the bearer's token names it.
    func mayRead(_ channel: ChannelName, _ bearer: Bearer?) -> Bool {
        self.isForEveryone(channel) || bearer?.mayRead(channel) == true
    }

    private func isForEveryone(_ channel: ChannelName) -> Bool {
        self.tokens?.anonymousChannels.contains { $0.matches(channel) } ?? true
    }

    /// What the request presents, as far as it is asked for.
    /// - Throws: `Problem`, if that is unclear.
    func token(of request: HTTPRequestHead, _ target: RequestTarget, from caller: Caller) throws -> PresentedToken {
        guard let tokens else { return .absent }
        return try PresentedToken(
            of: request,
            target,
            cookie: tokens.cookie,
            isInURL: tokens.isInURL,
            mayUseCookie: self.cors.trusts(request, own: self.options.ownOrigins(request, of: caller))
        )
    }

    /// Who reads channels. Not for an event loop where there is a token to verify.
    /// - Returns: nil for one who does not say who he is and need not.
    /// - Throws: `Problem`, if one of them may not be read.
    @discardableResult
    func reader(of selection: ChannelSelection, presenting token: PresentedToken) throws -> Bearer? {
        let bearer: Bearer?
        do {
            bearer = try self.bearer(of: token)
        } catch {
            if case .cookie = token, self.needsNoToken(selection) { return nil }
            throw Problem.invalidToken(error)
        }
        if let channel = selection.names.first(where: { !self.mayRead($0, bearer) }) {
            throw self.refusal(of: channel, to: bearer, presenting: token)
        }
        if bearer == nil, !self.needsNoToken(selection) { throw Problem.tokenNeeded(for: "each channel", token) }
        return bearer
    }

    /// Patterns alone, where no channel is for everyone, would only take a place.
    private func needsNoToken(_ selection: ChannelSelection) -> Bool {
        let mayFind = !selection.names.isEmpty || tokens?.anonymousChannels.isEmpty != true
        return mayFind && selection.names.allSatisfy(self.isForEveryone)
    }

    func refusal(of channel: ChannelName, to bearer: Bearer?, presenting token: PresentedToken = .absent) -> Problem {
        bearer == nil ? Problem.tokenNeeded(for: "channel '\(channel)'", token) : Problem.tokenNotForChannel(channel)
    }

    /// With its patterns bound to what they may find: what `Channels` allows, and of that what the bearer may read.
    func bound(_ selection: ChannelSelection, to bearer: Bearer?) -> ChannelSelection {
        let allowed = self.options.channelPatterns.map { ChannelGlob($0) }
        let readable = self.tokens.map { [$0.anonymousChannels + (bearer?.channels ?? [])] } ?? []
        return ChannelSelection(selection.names, patterns: selection.patterns, within: [allowed] + readable)
    }

    /// Who looks at a page on which channels are listed. It is shown to all, each sees what it may read.
    func visitor(presenting token: PresentedToken) -> Bearer? {
        try? self.bearer(of: token)
    }

    /// Who asks which channels there are; who says nothing of himself is told those that are for everyone.
    /// - Throws: `Problem`, if the token does not count. One in a cookie is passed over then, as everywhere that needs none.
    func lister(presenting token: PresentedToken) throws -> Bearer? {
        do { return try self.bearer(of: token) } catch {
            if case .cookie = token { return nil }
            throw Problem.invalidToken(error)
        }
    }

    /// Patterns of the channels that somebody may read, for the viewer.
    func patterns(_ bearer: Bearer?) -> [String] {
        guard let tokens else { return self.options.channelPatterns }
        return (tokens.anonymousChannels + (bearer?.channels ?? [])).map(\.pattern)
    }

    private func bearer(of token: PresentedToken) throws(TokenRefusal) -> Bearer? {
        switch token {
        case .absent, .foreignCookie: nil
        case .explicit(let text), .cookie(let text): try self.tokens?.verifier.verify(text, at: self.now)
        }
    }

    private var now: Timestamp { self.tokens?.clock.now() ?? Timestamp(microseconds: 0) }

    /// How long the bearer's token still counts; nil for ever.
    func timeLeft(of bearer: Bearer?) -> Duration? {
        bearer?.expiry.map { .microseconds($0.microseconds - self.now.microseconds) }
    }

    /// What ends a connection together with its bearer's token.
    func expiry(of bearer: Bearer?) -> TokenExpiry? {
        guard let tokens, let expiry = bearer?.expiry else { return nil }
        return TokenExpiry(at: expiry, clock: tokens.clock)
    }
}

/// RFC 6750, section 3.
extension Problem {
    private static let challenge = #"Bearer realm="pg_eventrelay""#

    private init(_ status: HTTPResponseStatus, _ detail: String, error: String?, _ description: String) {
        let parameters = error.map { ", error=\"\($0)\", error_description=\"\(description)\"" } ?? ""
        self.init(status, detail, cause: .token, headers: ["WWW-Authenticate": Self.challenge + parameters])
    }

    /// - Parameter description: in characters that a header may hold within quotes.
    static func ambiguousToken(_ description: String) -> Problem {
        Problem(.badRequest, description, error: "invalid_request", description)
    }

    fileprivate static func tokenNeeded(for what: String, _ token: PresentedToken) -> Problem {
        let hint =
            token == .foreignCookie
            ? "a cookie is accepted only from pages of this host and of origins that CORSOrigins names"
            : "send one in the header Authorization, as 'Bearer <token>', or as the WebSocket subprotocol bearer.<token>"
        return Problem(.unauthorized, "\(what) needs a token: \(hint)", error: nil, "")
    }

    fileprivate static func invalidToken(_ refusal: any Error) -> Problem {
        Problem(.unauthorized, "\(refusal): get a new one", error: "invalid_token", "\(refusal)")
    }

    fileprivate static func tokenNotForChannel(_ channel: ChannelName) -> Problem {
        Problem(
            .forbidden,
            "the token does not name channel '\(channel)': get one whose claim 'channels' does",
            error: "insufficient_scope",
            "the token does not name this channel"
        )
    }
}
