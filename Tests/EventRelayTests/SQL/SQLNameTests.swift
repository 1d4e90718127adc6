import Testing

@testable import EventRelay

struct SQLNameTests {
    @Test(arguments: [
        ("orders", "public", "orders"),
        ("Orders", "public", "orders"),
        ("shop.Orders", "shop", "orders"),
        (#""Shop"."Or.ders""#, "Shop", "Or.ders"),
        (#" "a""b" . c "#, #"a"b"#, "c"),
        ("überÄ", "public", "überÄ"),
        ("\"x; DROP TABLE y\"", "public", "x; DROP TABLE y"),
        ("_a$1", "public", "_a$1"),
    ])
    func `a table is named as in SQL`(text: String, schema: String, table: String) throws {
        let name = try TableName(text)
        #expect(name.schema.text == schema && name.table.text == table)
    }

    @Test(arguments: [
        ("", InvalidSQLName.empty), (".", .empty), ("a.", .empty), ("a.b.c", .wrongCount), (#""a"#, .unclosedQuote),
        (#""""#, .empty), ("a b", .notPlain("a b")), ("1a", .notPlain("1a")), ("a-b", .notPlain("a-b")),
        (#""a"b"#, .notPlain(#""a"b"#)), ("a;b", .notPlain("a;b")), ("a\u{0}", .notPlain("a\u{0}")),
        ("\"a\u{0}\"", .containsNUL),
        (String(repeating: "é", count: 32), .tooLong(String(repeating: "é", count: 32))),
    ])
    func `what is no table's name is refused`(text: String, error: InvalidSQLName) {
        #expect(throws: error) { try TableName(text) }
    }

    @Test func `columns are a list, each once`() throws {
        let names = try SQLName.columns(#"id, "a,b" ,Total"#)
        #expect(names.map(\.text) == ["id", "a,b", "total"])
        #expect(throws: InvalidSQLName.twice("id")) { try SQLName.columns("id,ID") }
        #expect(throws: InvalidSQLName.empty) { try SQLName.columns("id,") }
        // To PostgreSQL these are two names.
        #expect(try SQLName.columns("\u{e9},e\u{301}").count == 2)
    }

    @Test(arguments: [
        ("a", #""a""#), (#"a"b"#, #""a""b""#), ("a\\b", #""a\b""#), ("a\u{301}\"\u{301}", "\"a\u{301}\"\"\u{301}\""),
        ("a\n\"\\", "\"a\n\"\"\\\""),
    ])
    func `a name is quoted`(text: String, quoted: String) throws {
        #expect(try SQLName(text).quoted == quoted)
    }

    @Test(arguments: [
        ("a", "'a'"), ("it's", "'it''s'"), ("a\\'", #"E'a\\'''"#), ("a\r\n", #"E'a\x0d\x0a'"#),
        ("'\u{301}", "'''\u{301}'"),
    ])
    func `a text is a literal`(text: String, literal: String) {
        #expect(SQLText.literal(text) == literal)
    }

    @Test func `a comment stays in its line, and a body within its quotes`() {
        #expect(SQLText.comment("a\nDROP TABLE b;\r\u{b}c") == "-- a DROP TABLE b;  c")
        #expect(SQLText.dollarQuoted("x") == "$eventrelay$x$eventrelay$")
        #expect(SQLText.dollarQuoted("$eventrelay$ $eventrelay2$").hasPrefix("$eventrelay3$"))
    }

    @Test func `the function's name fits, and tells tables apart`() throws {
        func name(_ table: String) throws -> String { RowTrigger.functionName(of: try SQLName(table)).text }
        #expect(try name("orders") == "eventrelay_orders")
        #expect(try name(String(repeating: "a", count: 52)).utf8.count == 63)
        let long = [
            String(repeating: "a", count: 53), String(repeating: "a", count: 63), String(repeating: "é", count: 31),
            String(repeating: "a", count: 62) + "b", "a" + String(repeating: "😀", count: 15),
        ]
        let names = try long.map(name)
        #expect(Set(names).count == long.count)
        #expect(names.allSatisfy { $0.utf8.count <= 63 && $0.utf8.count >= 60 }, "\(names)")
        #expect(try long.map(name) == names)
    }
}
