import ArgumentParser
import RelayTestSupport
import Testing

@testable import EventRelay

struct SQLCommandTests {
    @Test func `a trigger has what the command line says`() throws {
        let arguments = ["sql", "trigger", "Shop.Orders", "--channel", "It's", "--columns", "id,Total", "--key", "id"]
        let more = ["--when", "NEW.total > 1", "--on", "insert, DELETE", "--key-only"]
        let command = try #require(try EventRelayCommand.parseAsRoot(arguments + more) as? SQLTrigger)
        let trigger = try command.trigger
        #expect(trigger.table.quoted == #""shop"."orders""#)
        #expect(trigger.channel == "It's")
        #expect(trigger.columns.map(\.text) == ["id", "total"] && trigger.key.map(\.text) == ["id"])
        #expect(trigger.condition?.namesNew == true)
        #expect(trigger.isKeyOnly && trigger.operations == [.insert, .delete])
    }

    @Test func `without options the channel is the table's name, and all is told`() throws {
        let arguments = ["sql", "trigger", #"s."Orders""#]
        let command = try #require(try EventRelayCommand.parseAsRoot(arguments) as? SQLTrigger)
        let trigger = try command.trigger
        #expect(trigger.channel == "Orders" && trigger.operations.count == 4)
        #expect(trigger.columns.isEmpty && trigger.key.isEmpty && trigger.condition == nil && !trigger.isKeyOnly)
    }

    @Test(arguments: [
        ["trigger"], ["trigger", "a b"], ["trigger", "t", "--channel", ""],
        ["trigger", "t", "--channel", String(repeating: "x", count: 64)], ["trigger", "t", "--columns", "a,a"],
        ["trigger", "t", "--on", "select"], ["trigger", "t", "--when", "("], ["drop"], ["drop", "a.b.c"],
    ])
    func `what makes no sense exits with 64`(arguments: [String]) {
        let error = #expect(throws: (any Error).self) { try EventRelayCommand.parseAsRoot(["sql"] + arguments) }
        #expect(error.map { EventRelayCommand.exitCode(for: $0).rawValue } == 64)
    }
}
