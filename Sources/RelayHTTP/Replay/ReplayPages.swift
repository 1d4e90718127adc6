package import NIOCore
package import RelayCore
import Synchronization

/// Pages of the log as ready frames, read and encoded once for all who replay the same range.
package final class ReplayPages: Sendable {
    private typealias StateMachine = ReplayPagesStateMachine<EventLoopPromise<ReplayPage>>
    package typealias Stream = ReplayPagesStateMachine<EventLoopPromise<ReplayPage>>.Stream
    package typealias ReadableRange = ReplayPagesStateMachine<EventLoopPromise<ReplayPage>>.ReadableRange

    package let log: any EventLog
    private let observer: any Observer
    private let state = Mutex(StateMachine(capacity: capacity, lifetime: lifetime))

    /// Memory for pages, as much as for the tail.
    package static let capacity = 16 << 20
    /// Clients that lost the relay together come back within some seconds.
    package static let lifetime = TimeAmount.seconds(10)
    /// Entries of a page at the most; its bytes are bounded by the log.
    package static let pageLimit = 1024

    package init(log: any EventLog, observer: any Observer) {
        self.log = log
        self.observer = observer
    }

    /// The page for a cursor, if it is there.
    package func kept(_ stream: Stream, after cursor: EventID, _ range: ReadableRange) -> ReplayPage? {
        self.state.withLock { $0.page(of: stream, after: cursor, range) }
    }

    /// The page for a cursor, when it has been read.
    package func page(
        _ stream: Stream,
        after cursor: EventID,
        _ range: ReadableRange,
        on eventLoop: any EventLoop
    ) -> EventLoopFuture<ReplayPage> {
        let promise = eventLoop.makePromise(of: ReplayPage.self)
        self.start(self.state.withLock { $0.wait(for: stream, after: cursor, range, promise) })
        return promise.futureResult
    }

    /// Somebody who reads fast was given this page.
    package func taken(_ page: ReplayPage, of stream: Stream, _ range: ReadableRange) {
        self.start(self.state.withLock { $0.taken(page, of: stream, range) })
    }

    /// To be called each second while anybody is connected.
    package func expire(at now: NIODeadline) {
        self.state.withLock { $0.expire(at: now) }
    }

    private func start(_ read: StateMachine.Read?) {
        guard let read else { return }
        // Free of any scope, since it is for whoever waits. It ends with the page; a stream has one at a time.
        Task {
            do {
                let entries = try await self.log.read(
                    read.stream.selection,
                    after: read.after,
                    through: read.through,
                    limit: Self.pageLimit
                )
                self.start(
                    self.state.withLock {
                        $0.rowsRead(
                            after: read.after,
                            through: entries.next,
                            hasMore: !entries.atEnd,
                            of: read.stream
                        )
                    }
                )
                let channel = read.stream.selection.only
                let page = ReplayPage(entries, after: read.after, channel: channel, kind: read.stream.kind)
                if page.isDamaged {
                    self.observer.observe(.requestFailed(reason: "the log's file is damaged: events can't be read"))
                }
                let (served, next) = self.state.withLock { $0.pageRead(page, of: read.stream, at: .now()) }
                self.start(next)
                for waiter in served { waiter.succeed(page) }
            } catch {
                self.observer.observe(.requestFailed(reason: "\(error)"))
                let (failed, next) = self.state.withLock { $0.readFailed(of: read.stream) }
                self.start(next)
                for waiter in failed { waiter.fail(error) }
            }
        }
    }
}
