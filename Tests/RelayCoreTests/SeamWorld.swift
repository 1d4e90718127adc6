import RelayCore
import RelayTestSupport

/// A log, an event loop's hub and one subscriber, small enough to try everything that can happen to them.
///
/// Entries have the ids 1, 2, 3 …, so an entry that is left out or comes twice shows at once. As in the relay, a batch
/// is in the log before the loop fans it out, and a page is read some time after it was asked for and arrives some
/// time after it was read.
struct SeamWorld {
    /// What can happen next.
    enum Step: CaseIterable {
        case append
        case appendTwo
        /// An append that evicts the oldest entry.
        case appendEvictingOne
        /// An append that evicts everything, itself included.
        case appendEvictingAll
        case fanOut
        case readPage
        case pageArrives
        case block
        case unblock
    }

    /// What the log promises and was not kept.
    struct Broken: Error {
        let what: String
    }

    private struct Batch: Hashable {
        let after: Int64
        let last: Int64
        let evictedThrough: Int64
    }

    private struct Page: Hashable {
        /// The range that an `evicted` gap at its beginning covers.
        let gap: ClosedRange<Int64>?
        let entries: [Int64]
        let next: Int64
    }

    private enum PageState: Hashable {
        case none
        case asked(after: Int64, through: Int64)
        case read(Page)
    }

    /// Small, so that pages end within batches.
    private let pageLimit = 2
    private var machine: SubscriberStateMachine
    private var hub: HubStateMachine<ClosedRange<Int64>>
    private var newest: Int64
    private var evictedThrough: Int64
    private var appended: [Batch] = []
    private var fannedOut: [Batch] = []
    private var page = PageState.none
    private var isWritable = true
    private var timesLive = 0
    /// The subscriber was sent everything up to here, or told that it is gone.
    private var covered: Int64

    /// - Parameters:
    ///   - head: the log's newest id when the loop started.
    ///   - cursor: of the subscriber that comes then.
    init(head: Int64, evictedThrough: Int64, cursor: Int64) throws {
        self.newest = head
        self.evictedThrough = evictedThrough
        self.covered = cursor
        // Batches count a byte for each entry: three fit.
        self.hub = HubStateMachine(head: EventID(head), tailCapacity: 3)
        self.machine = SubscriberStateMachine(cursor: EventID(cursor))
        try self.proceed()
    }

    /// Two worlds with the same identity have the same future.
    ///
    /// The batches fanned out make the hub's state. The subscriber's is its phase and `covered`, which is its cursor;
    /// between two steps it waits for the page that is under way, or else for its socket.
    var identity: some Hashable & Sendable {
        struct Identity: Hashable {
            let logAndLoop: [Batch]
            let floor: [Int64]
            let page: PageState
            let phase: SubscriberStateMachine.Phase
            let flags: [Bool]
        }
        return Identity(
            logAndLoop: self.fannedOut + self.appended,
            floor: [self.evictedThrough, self.covered, self.hub.head.rawValue],
            page: self.page,
            phase: self.machine.phase,
            flags: [self.isWritable, self.timesLive > 0]
        )
    }

    var isLive: Bool { self.machine.phase == .live }

    func isPossible(_ step: Step) -> Bool {
        switch step {
        case .append, .appendTwo, .appendEvictingOne, .appendEvictingAll: self.appended.count < 2
        case .fanOut: !self.appended.isEmpty
        case .readPage: if case .asked = self.page { true } else { false }
        case .pageArrives: if case .read = self.page { true } else { false }
        case .block: self.isWritable
        case .unblock: !self.isWritable
        }
    }

    mutating func take(_ step: Step) throws {
        switch step {
        case .append: self.append(1, evicting: 0)
        case .appendTwo: self.append(2, evicting: 0)
        case .appendEvictingOne: self.append(1, evicting: 1)
        case .appendEvictingAll: self.append(1, evicting: .max)
        case .fanOut: try self.fanOut()
        case .readPage: self.readPage()
        case .pageArrives: try self.pageArrives()
        case .block: self.isWritable = false
        case .unblock:
            self.isWritable = true
            if self.machine.becameWritable() { try self.proceed() }
        }
        if self.isLive && self.isWritable && self.covered != self.hub.head.rawValue {
            throw Broken(what: "it is live at \(self.hub.head) and has seen only \(self.covered)")
        }
    }

    // MARK: - The log and the loop

    private mutating func append(_ count: Int64, evicting: Int64) {
        let after = self.newest
        self.newest += count
        self.evictedThrough = evicting == .max ? self.newest : min(self.newest, self.evictedThrough + evicting)
        self.appended.append(Batch(after: after, last: self.newest, evictedThrough: self.evictedThrough))
    }

    private mutating func fanOut() throws {
        let batch = self.appended.removeFirst()
        self.fannedOut.append(batch)
        self.hub.batchAppended(
            (batch.after + 1)...batch.last,
            after: EventID(batch.after),
            last: EventID(batch.last),
            bytes: Int(batch.last - batch.after),
            evictedThrough: EventID(batch.evictedThrough)
        )
        guard self.isLive else { return }
        switch self.machine.batchFannedOut(after: EventID(batch.after), isWritable: self.isWritable) {
        case .send where !self.isWritable: throw Broken(what: "a batch was sent though the socket is full")
        case .send: try self.send((batch.after + 1)...batch.last)
        case .stop: break
        }
    }

    private mutating func readPage() {
        guard case .asked(let after, let through) = self.page else { return }
        let floor = min(self.evictedThrough, through)
        let begin = max(after, floor)
        let next = min(through, begin + Int64(self.pageLimit))
        self.page = .read(
            Page(
                gap: after < floor ? (after + 1)...floor : nil,
                entries: begin < next ? Array((begin + 1)...next) : [],
                next: next
            )
        )
    }

    // MARK: - The subscriber

    private mutating func pageArrives() throws {
        guard case .read(let page) = self.page else { return }
        self.page = .none
        guard self.machine.pageRead() else { throw Broken(what: "a page that was asked for is not wanted") }
        if let gap = page.gap { try self.tell(goneThrough: gap) }
        if let first = page.entries.first { try self.send(first...page.next) }
        self.machine.sent(through: EventID(page.next))
        try self.proceed()
    }

    private mutating func proceed() throws {
        while true {
            switch self.machine.proceed(isWritable: self.isWritable, position: self.hub.position) {
            case .none:
                return
            case .sendTail where !self.isWritable:
                throw Broken(what: "the tail was sent though the socket is full")
            case .sendTail(let after):
                let (batch, last) = self.hub.tailBatch(after: after)
                try self.send(max(batch.lowerBound, after.rawValue + 1)...batch.upperBound)
                self.machine.sent(through: last)
            case .readPage(let after):
                self.page = .asked(after: after.rawValue, through: self.hub.head.rawValue)
                return
            case .goLive(let isFirstTime):
                guard isFirstTime == (self.timesLive == 0) else { throw Broken(what: "the wrong first time") }
                self.timesLive += 1
                return
            }
        }
    }

    private mutating func send(_ entries: ClosedRange<Int64>) throws {
        guard entries.lowerBound == self.covered + 1 else {
            throw Broken(what: "\(entries) was sent to one that had seen \(self.covered)")
        }
        self.covered = entries.upperBound
    }

    private mutating func tell(goneThrough gap: ClosedRange<Int64>) throws {
        guard gap.lowerBound == self.covered + 1, gap.upperBound <= self.evictedThrough else {
            throw Broken(what: "a gap \(gap) was told to one that had seen \(self.covered)")
        }
        self.covered = gap.upperBound
    }

    // MARK: - The end

    /// Lets everything that is under way finish. The subscriber has to be live then, and to have seen everything.
    mutating func settle() throws {
        for _ in 0..<100 {
            guard let step = [.unblock, .fanOut, .readPage, .pageArrives].first(where: self.isPossible) else { break }
            try self.take(step)
        }
        guard self.isLive else { throw Broken(what: "it is not live in the end") }
        guard self.covered == self.newest else { throw Broken(what: "it has not seen everything in the end") }
    }
}
