import RelayCore
import RelayTestSupport
import Testing

/// A log named "here" that begins after 1000 and has given ids up to 2000.
struct ResumePointTests {
    private func point(_ presented: EventID, _ logID: String?, last: EventID = 2000) -> ResumePoint {
        ResumePoint(
            channel: "people",
            presented: presented,
            logID: logID,
            identity: LogIdentity(
                logID: "here",
                beginsAfter: 1000,
                last: 1000,
                lastFound: 1000,
                isNew: false,
                wasClean: true
            ),
            last: last
        )
    }

    @Test(arguments: [0, 1000, 1001, 1999, 2000] as [EventID], [nil, "here"])
    func `a cursor of this log goes on where it is`(presented: EventID, logID: String?) {
        #expect(point(presented, logID) == point(presented, nil))
        #expect(point(presented, logID).cursor == presented)
        #expect(point(presented, logID).gap == nil)
    }

    @Test(
        arguments: [
            // A cursor that no log like this can have given.
            (1, nil, 1000, 1, 1001, .replaced),
            (999, nil, 1000, 999, 1001, .replaced),
            (999, "here", 1000, 999, 1001, .replaced),
            // A cursor from the future: the log was restored from a backup.
            (2001, nil, 2000, 2000, 2002, .ahead),
            (2001, "here", 2000, 2000, 2002, .ahead),
            (9_007_199_254_740_991, nil, 2000, 2000, 9_007_199_254_740_992, .ahead),
            // The client says that it comes from another log.
            (0, "there", 1000, 0, 1001, .replaced),
            (999, "there", 1000, 999, 1001, .replaced),
            (1000, "there", 1000, 1000, 1001, .replaced),
            (1500, "there", 1500, 1000, 1501, .replaced),
            (2000, "there", 2000, 1000, 2001, .replaced),
            (2001, "there", 2000, 1000, 2001, .replaced),
            (1500, "", 1500, 1000, 1501, .replaced),
        ] as [(EventID, String?, EventID, EventID, EventID, Gap.Reason)]
    )
    func `a cursor that this log can't vouch for is told so`(
        presented: EventID,
        logID: String?,
        cursor: EventID,
        after: EventID,
        before: EventID,
        reason: Gap.Reason
    ) {
        let point = self.point(presented, logID)
        #expect(point.cursor == cursor)
        #expect(point.gap == Gap(id: cursor, channel: "people", after: after, before: before, reason: reason))
    }

    @Test(arguments: [nil, "here", "there"])
    func `whatever is presented, the cursor lies in the log and the gap is no newer than it`(logID: String?) {
        for presented in (0...3000).map({ EventID(Int64($0)) }) {
            let point = self.point(presented, logID)
            #expect(point.cursor <= 2000)
            #expect(point.cursor >= 1000 || presented == .zero)
            if let gap = point.gap {
                // The client will come back with the gap's id.
                #expect(gap.id == point.cursor)
                #expect(gap.after < gap.before)
            }
        }
    }

    @Test func `a new log that gave nothing yet answers its own beginning`() {
        #expect(point(1000, "here", last: 1000) == ResumePoint.plain(1000, like: point(1000, nil, last: 1000)))
        #expect(point(1001, nil, last: 1000).gap?.reason == .ahead)
        #expect(point(999, nil, last: 1000).gap?.reason == .replaced)
    }
}

extension ResumePoint {
    fileprivate static func plain(_ cursor: EventID, like point: ResumePoint) -> ResumePoint? {
        point.cursor == cursor && point.gap == nil ? point : nil
    }
}
