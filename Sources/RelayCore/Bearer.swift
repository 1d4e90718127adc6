/// For whom a token speaks, once it was verified.
package struct Bearer: Sendable, Equatable {
    /// `sub`, for logs and limits; nil where the token names nobody.
    package let subject: String?
    /// The channels that may be read.
    package let channels: [ChannelGlob]
    /// From then on the token does not count any more, leeway included; nil for never.
    package let expiry: Timestamp?

    package init(subject: String?, channels: [ChannelGlob], expiry: Timestamp?) {
        self.subject = subject
        self.channels = channels
        self.expiry = expiry
    }

    package func mayRead(_ channel: ChannelName) -> Bool {
        self.channels.contains { $0.matches(channel) }
    }
}

/// Tells who is behind a token.
package protocol TokenVerifier: Sendable {
    /// It computes for up to a millisecond: not for an event loop.
    /// - Parameter now: the time of day.
    func verify(_ token: String, at now: Timestamp) throws(TokenRefusal) -> Bearer
}

/// Why a token does not count.
package enum TokenRefusal: String, Error, Sendable, CaseIterable {
    case tooLong
    case malformed
    /// Its header demands an extension.
    case critical
    /// It is a token, but none for reading.
    case type
    case unknownKey
    case algorithm
    case signature
    case claims
    case expired
    case notYetValid
    case issuer
    case audience
    case noChannels
}

extension TokenRefusal: CustomStringConvertible {
    /// In characters that an HTTP header may hold within quotes (RFC 6750, section 3).
    package var description: String {
        switch self {
        case .tooLong: "the token is longer than 8 KiB"
        case .malformed: "the token is not a JSON Web Token"
        case .critical: "the token's header has crit, but no extension is supported"
        case .type: "the token has a type that is not accepted: typ must be JWT or at+jwt, or absent"
        case .unknownKey: "the token's kid names an unknown key"
        case .algorithm: "the token is signed with a different algorithm than its key is for"
        case .signature: "the signature of the token is wrong"
        case .claims: "a claim of the token has the wrong type or size"
        case .expired: "the token has expired"
        case .notYetValid: "the token is not valid yet, or its issuer's clock is off"
        case .issuer: "the token is from another issuer"
        case .audience: "the token is for another audience"
        case .noChannels: "the token lacks the claim channels, a list of up to 256 channel names or globs"
        }
    }
}
