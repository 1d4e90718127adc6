import FoundationEssentials
import RelayCore

/// The claims of a token whose signature is right (RFC 7519, section 4).
struct TokenClaims {
    /// More names than fit into a token of common length; it bounds what one of them costs to be looked up in.
    static let maximumChannels = 256
    /// Of `sub`, which is kept for each client and stands in log lines.
    static let maximumSubjectBytes = 255

    private let subject: String?
    private let channels: [String]?
    private let expiry: Timestamp?
    private let notBefore: Timestamp?
    private let issuedAt: Timestamp?
    private let issuer: String?
    private let audiences: [String]

    init(parsing json: [UInt8]) throws(TokenRefusal) {
        guard let claims = try? JSONDecoder().decode(TokenClaims.self, from: Data(json)) else { throw .claims }
        self = claims
    }

    /// - Throws: what is wrong with them at this time.
    func bearer(_ rules: JWTVerifier.Rules, at now: Timestamp) throws(TokenRefusal) -> Bearer {
        let expiry = self.expiry?.advanced(by: rules.leeway)
        if let expiry, now >= expiry { throw .expired }
        let latest = now.advanced(by: rules.leeway)
        if let notBefore, notBefore > latest { throw .notYetValid }
        if let issuedAt, issuedAt > latest { throw .notYetValid }
        if let issuer = rules.issuer, self.issuer != issuer { throw .issuer }
        if let audience = rules.audience, !self.audiences.contains(audience) { throw .audience }
        if let subject, !Self.canBeLogged(subject) { throw .claims }
        return Bearer(subject: self.subject, channels: try self.globs(), expiry: expiry)
    }

    private func globs() throws(TokenRefusal) -> [ChannelGlob] {
        guard let channels, channels.count <= Self.maximumChannels,
            channels.allSatisfy({ (1...ChannelName.maximumBytes).contains($0.utf8.count) && !$0.utf8.contains(0) })
        else { throw .noChannels }
        return channels.map { ChannelGlob($0) }
    }

    /// It says something, and is one line of bounded length.
    private static func canBeLogged(_ subject: String) -> Bool {
        guard (1...self.maximumSubjectBytes).contains(subject.utf8.count) else { return false }
        return subject.unicodeScalars.allSatisfy { scalar in
            switch scalar.properties.generalCategory {
            case .control, .lineSeparator, .paragraphSeparator: false
            default: true
            }
        }
    }
}

extension TokenClaims: Decodable {
    private enum Claim: String, CodingKey {
        case sub, channels, exp, nbf, iat, iss, aud
    }

    /// A claim that is there has to make sense, also where it is null.
    init(from decoder: any Decoder) throws {
        let claims = try decoder.container(keyedBy: Claim.self)
        func value<Value: Decodable>(_ claim: Claim, as type: Value.Type = Value.self) throws -> Value? {
            claims.contains(claim) ? try claims.decode(Value.self, forKey: claim) : nil
        }
        self.subject = try value(.sub)
        self.channels = try value(.channels)
        self.expiry = try value(.exp, as: NumericDate.self)?.timestamp
        self.notBefore = try value(.nbf, as: NumericDate.self)?.timestamp
        self.issuedAt = try value(.iat, as: NumericDate.self)?.timestamp
        self.issuer = try value(.iss)
        self.audiences = try value(.aud, as: OneOrMore.self)?.texts ?? []
    }
}

/// Seconds since 1970, also with a fraction (RFC 7519, section 2).
private struct NumericDate: Decodable {
    /// Tens of thousands of years away, and still with room to add to.
    private static let furthest = Double(1 << 60)

    let timestamp: Timestamp

    init(from decoder: any Decoder) throws {
        let microseconds = try decoder.singleValueContainer().decode(Double.self) * 1_000_000
        self.timestamp = Timestamp(microseconds: Int64(max(-Self.furthest, min(Self.furthest, microseconds))))
    }
}

/// A text, or a list of them.
private struct OneOrMore: Decodable {
    let texts: [String]

    init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        if let text = try? container.decode(String.self) {
            self.texts = [text]
        } else {
            self.texts = try container.decode([String].self)
        }
    }
}
