import NIOHTTP1
import RelayCore

/// How many connections there are and may be that are no clients, or not yet: in all, and of one address.
///
/// Such a connection has said nothing yet of whom it brings, so it counts as its peer's. A trusted proxy's may be
/// anyone's, and counts among all alone.
final class ConnectionPlaces: Sendable {
    private let all: ClientCounter
    private let ofAddress: KeyedLimit<ClientAddress.Network>?
    private let trustedProxies: TrustedProxies

    /// - Parameter perAddress: nil for any number.
    init(_ limit: Int, perAddress: Int? = nil, trustedProxies: TrustedProxies = .none) {
        self.all = ClientCounter(limit: limit)
        self.ofAddress = perAddress.map { KeyedLimit($0) }
        self.trustedProxies = trustedProxies
    }

    /// What a connection counts as.
    struct Place: Sendable {
        /// Nil where it doesn't count as an address's.
        fileprivate let network: ClientAddress.Network?
    }

    /// Takes a place, which is to be left once.
    func take(for peer: ClientAddress) throws(Problem) -> Place {
        let isTrusted = peer.ipAddress.map { self.trustedProxies.trusts($0) } ?? false
        let place = Place(network: isTrusted ? nil : peer.network)
        if let limit = self.ofAddress, let network = place.network, !limit.enter(network) {
            throw Problem(.tooManyRequests, "too many HTTP connections from one address", cause: .limitAddress)
        }
        if !self.all.enter() {
            self.leaveAddress(place)
            throw Problem(.serviceUnavailable, "too many HTTP connections", cause: .limitConnections)
        }
        return place
    }

    func leave(_ place: Place) {
        self.all.leave()
        self.leaveAddress(place)
    }

    private func leaveAddress(_ place: Place) {
        if let network = place.network { self.ofAddress?.leave(network) }
    }
}
