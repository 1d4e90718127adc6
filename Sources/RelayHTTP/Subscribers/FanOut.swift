package import NIOCore
import NIOPosix
package import RelayCore
import Synchronization

/// Hands each batch to every event loop, and keeps the number of batches under way bounded.
package final class FanOut: EventHub {
    /// The event loops; connections are accepted on the same.
    package let group: any EventLoopGroup
    private let hubs: [NIOLoopBoundBox<LoopHub>]
    private let backlog: Mutex<Backlog>
    /// Requests that are answered when a channel has something new.
    package let waiters = ChannelWaiters()

    /// Batches before an event loop at the most: enough that it never waits for the log, few enough that memory and
    /// delay stay small.
    private static let maximumBacklog = 8

    private struct Backlog {
        var published = 0
        var done: [Int]
        var waiter: CheckedContinuation<Void, Never>?

        var depth: Int { self.published - (self.done.min() ?? self.published) }
    }

    /// On the process-wide event loops, one for each core.
    /// - Parameter head: the newest id of the log before the first batch.
    package convenience init(head: EventID, observer: any Observer) {
        self.init(group: MultiThreadedEventLoopGroup.singleton, head: head, observer: observer)
    }

    package init(group: any EventLoopGroup, head: EventID, observer: any Observer) {
        self.group = group
        self.hubs = group.makeIterator().map { loop in
            let hub = LoopHub(eventLoop: loop, head: head, observer: observer)
            return NIOLoopBoundBox.makeBoxSendingValue(hub, eventLoop: loop)
        }
        self.backlog = Mutex(Backlog(done: Array(repeating: 0, count: self.hubs.count)))
    }

    package var loopCount: Int { self.hubs.count }

    /// The hub of an event loop. To be called on that loop.
    package func hub(of eventLoop: any EventLoop) -> LoopHub {
        guard let hub = self.hubs.first(where: { $0.eventLoop === eventLoop }) else {
            preconditionFailure("an event loop of another group")
        }
        return hub.value
    }

    package func publish(_ batch: AppendedBatch) {
        let frames = FrameBatch(batch)
        self.backlog.withLock { $0.published += 1 }
        for (index, hub) in self.hubs.enumerated() {
            hub.eventLoop.execute {
                hub.value.fanOut(frames)
                self.done(index)
            }
        }
        self.waiters.signal(frames.channels)
    }

    package func logStands(at standing: LogStanding) {
        for hub in self.hubs { hub.eventLoop.execute { hub.value.logStands(at: standing) } }
        self.waiters.signal(nil)
    }

    private func done(_ index: Int) {
        let waiter = self.backlog.withLock { backlog in
            backlog.done[index] += 1
            return backlog.depth <= Self.maximumBacklog ? backlog.waiter.take() : nil
        }
        waiter?.resume()
    }

    package func hasCaughtUp() async {
        await withCheckedContinuation { continuation in
            let resumeNow = self.backlog.withLock { backlog in
                if backlog.depth <= Self.maximumBacklog { return true }
                backlog.waiter = continuation
                return false
            }
            if resumeNow { continuation.resume() }
        }
    }
}
