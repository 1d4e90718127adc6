import Testing

@testable import EventRelay

struct TOMLDocumentTests {
    private static func value(_ written: String) throws -> WrittenValue? {
        try TOMLDocument(parsing: "key = \(written)").entries.first?.value
    }

    private static func error(_ text: String) -> TOMLSyntaxError? {
        do throws(TOMLSyntaxError) {
            _ = try TOMLDocument(parsing: text)
            return nil
        } catch {
            return error
        }
    }

    @Test(
        arguments: [
            ("1", .integer(1)), ("-17", .integer(-17)), ("+1_000", .integer(1_000)), ("0", .integer(0)),
            ("0xFF", .integer(255)), ("0o17", .integer(15)), ("0b101", .integer(5)),
            ("0xdead_beef", .integer(0xdead_beef)),
            ("9223372036854775807", .integer(.max)), ("-9223372036854775808", .integer(.min)),
            ("true", .boolean(true)), ("false # no", .boolean(false)),
            ("9223372036854775808", .word("9223372036854775808")), ("007", .word("007")), ("1__0", .word("1__0")),
            ("_1", .word("_1")), ("0x", .word("0x")), ("0x_1", .word("0x_1")), ("0x-1", .word("0x-1")),
            ("1.5", .word("1.5")), ("1979-05-27T07:32:00Z", .word("1979-05-27T07:32:00Z")), ("nan", .word("nan")),
            ("True", .word("True")), ("two words # comment", .word("two words")),
        ] as [(String, WrittenValue)]
    )
    func `values without quotes`(written: String, value: WrittenValue) throws {
        #expect(try Self.value(written) == value)
    }

    @Test(arguments: [
        (#""""#, ""), (#""a # b""#, "a # b"), (#""\t\n\r\b\f\"\\""#, "\t\n\r\u{08}\u{0C}\"\\"),
        (#""\u00e9\U0001F600""#, "é😀"), (#""\u0000""#, "\0"), (#"'C:\new'"#, #"C:\new"#), ("''", ""),
        ("\"tab\there\"", "tab\there"), ("'\u{85}'", "\u{85}"), ("\"\"\"\"\"\"", ""),
        ("\"\"\"\r\nfirst\r\nsecond\"\"\"", "first\r\nsecond"),
        ("\"\"\"a \\\n\n   b\"\"\"", "a b"), ("\"\"\"a\"\"b\"\"\"\"\"", "a\"\"b\"\""), ("'''\n'a' \\n'''", "'a' \\n"),
    ])
    func `texts`(written: String, text: String) throws {
        #expect(try Self.value(written) == .text(text))
    }

    @Test(
        arguments: [
            ("[]", .list([])), ("['a']", .list(["a"])), ("[ 'a' , \"b\" , ]", .list(["a", "b"])),
            ("[ # none\n\n 'a' # first\n , 'b'\r\n]", .list(["a", "b"])),
            ("[1]", .otherList), ("['a', 1]", .otherList), ("[['a'], []]", .otherList), ("[word, {a = 1}]", .otherList),
            ("{}", .table), ("{ a.b = 1, 'c' = [2, 3], d = {e = word} }", .table),
        ] as [(String, WrittenValue)]
    )
    func `lists and inline tables`(written: String, value: WrittenValue) throws {
        #expect(try Self.value(written) == value)
    }

    @Test func `keys with dots, with quotes and in tables`() throws {
        let text = """
            \u{FEFF}# A comment
            bare_Key-1 = 1
              "quoted key" = 2
            'a'."b" . c = 3 # here too
            [table]
            d = 4
            [[ list.of ]]
            e = 5
            """
        let entries = try TOMLDocument(parsing: text).entries
        #expect(entries.map(\.key) == ["bare_Key-1", "quoted key", "a.b.c", "table.d", "list.of.e"])
        #expect(entries.map(\.value) == (1...5).map { .integer($0) })
        #expect(entries.map(\.line) == [2, 3, 4, 6, 8])
    }

    @Test(arguments: ["", "\n\n", "# only a comment", "\r\n \t\r\n", "\u{FEFF}"])
    func `a text without settings`(text: String) throws {
        #expect(try TOMLDocument(parsing: text).entries.isEmpty)
    }

    @Test(arguments: [
        ("a", 1, "the '=' after a key is missing"), ("\n= 1", 2, "a key is missing"), ("a. = 1", 1, "a key is missing"),
        ("a =\nb = 1", 1, "a value is missing"), ("a = # none", 1, "a value is missing"),
        ("a = 'b' c", 1, "the end of the line is missing"), ("a = 1\rb = 2", 1, "the end of the line is missing"),
        ("a = 1\n\nb = \"c\nd = 1", 3, "the closing quote of a string is missing"),
        ("a = '''b\nc\n", 1, "the closing quote of a string is missing"),
        ("a = \"C:\\new\\path\"", 1, "a backslash must be doubled, or the string put in single quotes,"),
        ("a = \"\"\"b \\ c\"\"\"", 1, "a backslash must be doubled, or the string put in single quotes,"),
        ("a = \"\\ud800\"", 1, "an escape is not a Unicode character"),
        ("a = \"\\u12\"", 1, "an escape is not a Unicode character"),
        ("a = '\0'", 1, "a string contains a control character"),
        ("a = \"\"\"\"\"\"\"\"\"", 1, "there are too many quotes in a row"),
        ("a = [\n'b'", 2, "a ',' or the ']' of a list is missing"),
        ("a = ['b' 'c']", 1, "a ',' or the ']' of a list is missing"),
        ("a = [,]", 1, "a value is missing"), ("a = [}", 1, "a ',' or the ']' of a list is missing"),
        ("a = {b = 1", 1, "the '}' of an inline table is missing"), ("a = {b}", 1, "the '=' after a key is missing"),
        ("[a", 1, "the ']' after the name of a table is missing"),
        ("[[a]", 1, "the ']' after the name of a table is missing"),
        ("[[[", 1, "a key is missing"), ("[a] b", 1, "the end of the line is missing"),
    ])
    func `what is not TOML`(text: String, line: Int, problem: String) {
        #expect(Self.error(text) == TOMLSyntaxError(line: line, problem: problem))
    }

    @Test(arguments: ["[", "{a = "])
    func `brackets may lie in one another only so deep`(bracket: String) {
        let text = "a = " + String(repeating: bracket, count: 100_000)
        #expect(Self.error(text)?.problem == "brackets are nested too deeply")
    }
}
