/// How long a connection that is no client's, or not yet, may keep its place.
package struct HTTPTimeouts: Sendable {
    /// From the connect, or the first bytes of a later request, to the request's end. A request is a packet or two; this
    /// is time enough to send each of them again several times.
    package var request: Duration = .seconds(10)
    /// Without anything that moves. Longer than clients and proxies commonly keep a connection that they mean to use
    /// again.
    package var keepAlive: Duration = .seconds(75)

    package init() {}
}
