import NIOHTTP1
import RelayCore

/// How many clients there are and may be: in all, of one address, of one token's subject.
package final class ClientSeats: Sendable {
    private let all: ClientCounter
    private let ofAddress: KeyedLimit<ClientAddress.Network>?
    private let ofSubject: KeyedLimit<String>?

    /// When to come back where no seat is free: somebody leaves now and then.
    private static let retryAfterSeconds = 10

    package init(_ limits: ClientLimits) {
        self.all = ClientCounter(limit: limits.clients)
        self.ofAddress = limits.clientsPerAddress.map { KeyedLimit($0) }
        self.ofSubject = limits.clientsPerSubject.map { KeyedLimit($0) }
    }

    package var count: Int { self.all.count }

    /// Takes a seat, which is to be left once.
    /// - Parameter subject: of the client's token; nil where there is none.
    package func take(for address: ClientAddress, subject: String?) throws(Problem) -> ClientSeat {
        if let limit = self.ofAddress, !limit.enter(address.network) {
            throw Self.problem(
                .tooManyRequests,
                "\(limit.limit) clients from this address are connected, which is the limit (MaxClientsPerAddress)",
                .limitAddress
            )
        }
        if let limit = self.ofSubject, let subject, !limit.enter(subject) {
            self.ofAddress?.leave(address.network)
            throw Self.problem(
                .tooManyRequests,
                "\(limit.limit) clients of this token's subject are connected, which is the limit (MaxClientsPerSubject)",
                .limitSubject
            )
        }
        let seat = ClientSeat(address: address, subject: subject)
        if !self.all.enter() {
            self.leaveLimits(of: seat)
            throw Self.problem(
                .serviceUnavailable,
                "\(self.all.limit) clients are connected, which is the limit (MaxClients)",
                .limitClients
            )
        }
        return seat
    }

    package func leave(_ seat: ClientSeat) {
        self.all.leave()
        self.leaveLimits(of: seat)
    }

    private func leaveLimits(of seat: ClientSeat) {
        self.ofAddress?.leave(seat.address.network)
        if let subject = seat.subject { self.ofSubject?.leave(subject) }
    }

    private static func problem(_ status: HTTPResponseStatus, _ reached: String, _ cause: RefusalCause) -> Problem {
        Problem(
            status,
            "\(reached): try again later",
            cause: cause,
            headers: ["Retry-After": "\(self.retryAfterSeconds)"]
        )
    }
}

/// What a client counts as.
package struct ClientSeat: Sendable {
    package let address: ClientAddress
    package let subject: String?

    package init(address: ClientAddress = ClientAddress(nil), subject: String? = nil) {
        self.address = address
        self.subject = subject
    }
}
