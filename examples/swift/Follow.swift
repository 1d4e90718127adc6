// Prints what comes on some channels, over every loss of the connection:
//
//   swift run FollowExample http://localhost:7700 latest people orders
//
// The second argument is where to begin: latest, 0 for all that is retained, or the position that an earlier run ended at.
import RelayClient

@main
struct Follow {
    static func main() async throws {
        let arguments = CommandLine.arguments.dropFirst()
        guard arguments.count > 2, let position = Position(arguments[2]) else {
            return print("arguments: URL, latest or an id, channels")
        }
        let connection = try RelayConnection(arguments[1], channels: Array(arguments.dropFirst(2)), from: position)
        do {
            for try await message in connection.messages {
                switch message {
                case .event(let event): print(event.time, event.channel, event.payload)
                case .gap(let gap): print("events may be missing (\(gap.reason)): load the state again")
                case .live(let live): print("everything up to \(live.id) has arrived")
                }
            }
        } catch {
            print("refused with status \(error.status) at \(connection.position): \(error.detail)")
        }
    }
}
