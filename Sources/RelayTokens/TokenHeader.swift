import FoundationEssentials
import RelayCore

/// What of a token's header counts (RFC 7515, section 4). It comes from anyone: nothing of it is trusted.
struct TokenHeader {
    let algorithm: String?
    let keyID: String?
    /// Demands extensions, of which none is understood.
    let hasCritical: Bool
    private let type: String?

    init(encoded: some Collection<UInt8>) throws(TokenRefusal) {
        guard let bytes = base64URLDecoded(encoded),
            let header = try? JSONDecoder().decode(TokenHeader.self, from: Data(bytes))
        else { throw .malformed }
        self = header
    }

    /// Whether it is a token for reading: others of the same issuer, such as those of a logout, say by their type what
    /// they are for (RFC 8725, section 3.11).
    var isForReading: Bool {
        guard var type = self.type?.lowercased() else { return true }
        if type.hasPrefix("application/") { type.removeFirst("application/".count) }
        return type == "jwt" || type == "at+jwt"
    }
}

extension TokenHeader: Decodable {
    private enum Field: String, CodingKey {
        case alg, kid, typ, crit
    }

    init(from decoder: any Decoder) throws {
        let fields = try decoder.container(keyedBy: Field.self)
        self.algorithm = try fields.decodeIfPresent(String.self, forKey: .alg)
        self.keyID = try fields.decodeIfPresent(String.self, forKey: .kid)
        self.type = try fields.decodeIfPresent(String.self, forKey: .typ)
        self.hasCritical = fields.contains(.crit)
    }
}
