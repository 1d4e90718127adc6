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
        /// The log can't be written: an entry is delivered without it.
        case setAside
        /// The same, and for want of room the oldest batch that is set aside is forgotten.
        case setAsideForgetting
        /// The log can be written again, and gets what was set aside.
        case writeAside
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
        let writtenThrough: Int64
        let keptAfter: Int64

        var standing: LogStanding {
            LogStanding(writtenThrough: EventID(self.writtenThrough), keptAfter: EventID(self.keptAfter))
        }
    }

    /// A batch without entries tells only how the log stands.
    private typealias News = Batch

    private struct Page: Hashable {
        /// The range that an `evicted` gap at its beginning covers.
        let evicted: ClosedRange<Int64>?
        let items: [Item]
        let next: Int64
    }

    private enum Item: Hashable {
        case entry(Int64)
        /// A stored gap: what it covers is lost.
        case lost(ClosedRange<Int64>)
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
    private var writtenThrough: Int64
    private var keptAfter: Int64
    /// The ends of the batches that are set aside and kept.
    private var aside: [Int64] = []
    /// What was forgotten, by the gaps that are stored or are going to be.
    private var lost: [ClosedRange<Int64>] = []
    private var appended: [News] = []
    private var fannedOut: [News] = []
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
        self.writtenThrough = head
        self.keptAfter = head
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
            let lost: [ClosedRange<Int64>]
            let page: PageState
            let phase: SubscriberStateMachine.Phase
            let flags: [Bool]
        }
        return Identity(
            logAndLoop: self.fannedOut + self.appended,
            floor: [self.evictedThrough, self.covered, self.hub.head.rawValue, self.writtenThrough] + self.aside,
            lost: self.lost,
            page: self.page,
            phase: self.machine.phase,
            flags: [self.isWritable, self.timesLive > 0]
        )
    }

    var isLive: Bool { self.machine.phase == .live }

    func isPossible(_ step: Step) -> Bool {
        switch step {
        case .append, .appendTwo, .appendEvictingOne, .appendEvictingAll:
            self.appended.count < 2 && self.aside.isEmpty
        case .setAside: self.appended.count < 2
        case .setAsideForgetting: self.appended.count < 2 && !self.aside.isEmpty
        case .writeAside: !self.aside.isEmpty
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
        case .setAside: self.setAside(forgetting: false)
        case .setAsideForgetting: self.setAside(forgetting: true)
        case .writeAside: self.writeAside()
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
        self.writtenThrough = self.newest
        self.keptAfter = self.newest
        self.evictedThrough = evicting == .max ? self.newest : min(self.newest, self.evictedThrough + evicting)
        self.tell(after: after)
    }

    private mutating func setAside(forgetting: Bool) {
        let after = self.newest
        self.newest += 1
        if forgetting {
            let through = self.aside.removeFirst()
            if self.keptAfter > self.writtenThrough {
                self.lost[self.lost.count - 1] = self.lost[self.lost.count - 1].lowerBound...through
            } else {
                self.lost.append((self.writtenThrough + 1)...through)
            }
            self.keptAfter = through
        }
        self.aside.append(self.newest)
        self.tell(after: after)
    }

    private mutating func writeAside() {
        self.aside = []
        self.writtenThrough = self.newest
        self.keptAfter = self.newest
        self.tell(after: self.newest)
    }

    private mutating func tell(after: Int64) {
        self.appended.append(
            News(
                after: after,
                last: self.newest,
                evictedThrough: self.evictedThrough,
                writtenThrough: self.writtenThrough,
                keptAfter: self.keptAfter
            )
        )
    }

    private mutating func fanOut() throws {
        let batch = self.appended.removeFirst()
        self.fannedOut.append(batch)
        if batch.after == batch.last { return self.hub.logStands(at: batch.standing) }
        self.hub.batchAppended(
            (batch.after + 1)...batch.last,
            of: ["people"],
            after: EventID(batch.after),
            last: EventID(batch.last),
            bytes: Int(batch.last - batch.after),
            evictedThrough: EventID(batch.evictedThrough),
            standing: batch.standing
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
        var items: [Item] = []
        var next = begin
        while next < through, items.count < self.pageLimit {
            next += 1
            guard let gap = self.lost.first(where: { $0.contains(next) }) else {
                items.append(.entry(next))
                continue
            }
            // The gap has the last of the ids that it covers. Beyond the range that was asked for it isn't there.
            next = min(through, gap.upperBound)
            if next == gap.upperBound { items.append(.lost(gap)) }
        }
        self.page = .read(Page(evicted: after < floor ? (after + 1)...floor : nil, items: items, next: next))
    }

    // MARK: - The subscriber

    private mutating func pageArrives() throws {
        guard case .read(let page) = self.page else { return }
        self.page = .none
        guard self.machine.pageRead() else { throw Broken(what: "a page that was asked for is not wanted") }
        if let gap = page.evicted { try self.tell(evicted: gap) }
        for item in page.items {
            switch item {
            case .entry(let entry): try self.send(entry...entry)
            case .lost(let gap): try self.tell(lost: gap)
            }
        }
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
                guard let (batch, last) = self.hub.tailBatch(after: after, of: ChannelSelection("people")) else {
                    throw Broken(what: "nothing of the tail was found")
                }
                try self.send(max(batch.lowerBound, after.rawValue + 1)...batch.upperBound)
                self.machine.sent(through: last)
            case .readPage(let after):
                let through = self.hub.readableThrough.rawValue
                guard after.rawValue < through else { throw Broken(what: "a page was asked for where nothing is") }
                self.page = .asked(after: after.rawValue, through: through)
                return
            case .tellLost(let after, let through):
                guard self.isWritable else { throw Broken(what: "a gap was sent though the socket is full") }
                try self.tell(lost: (after.rawValue + 1)...through.rawValue)
                self.machine.sent(through: through)
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

    /// A gap may reach back to what was seen, not forward to what was kept.
    private mutating func tell(lost gap: ClosedRange<Int64>) throws {
        guard gap.lowerBound <= self.covered + 1, self.covered < gap.upperBound,
            self.lost.contains(where: { $0.contains(self.covered + 1) && $0.contains(gap.upperBound) })
        else {
            throw Broken(what: "\(gap) was told as lost to one that had seen \(self.covered)")
        }
        self.covered = gap.upperBound
    }

    private mutating func tell(evicted gap: ClosedRange<Int64>) throws {
        guard gap.lowerBound == self.covered + 1, gap.upperBound <= self.evictedThrough else {
            throw Broken(what: "a gap \(gap) was told to one that had seen \(self.covered)")
        }
        self.covered = gap.upperBound
    }

    // MARK: - The end

    /// Lets everything that is under way finish. The subscriber has to be live then, and to have seen everything.
    mutating func settle() throws {
        for _ in 0..<100 {
            guard let step = [.unblock, .writeAside, .fanOut, .readPage, .pageArrives].first(where: self.isPossible)
            else { break }
            try self.take(step)
        }
        guard self.isLive else { throw Broken(what: "it is not live in the end") }
        guard self.covered == self.newest else { throw Broken(what: "it has not seen everything in the end") }
    }
}
