import Glibc
import Testing

@testable import EventRelay

struct TextFileTests {
    @Test(arguments: ["/nonexistent/file", "/dev/null/file"])
    func `a file that doesn't exist is no error`(path: String) throws {
        #expect(try readTextFile(path) == nil)
    }

    @Test(arguments: [("/", "Is a directory"), ("/dev/zero", "it is larger than 1048576 bytes")])
    func `a file that can't be read is an error`(path: String, reason: String) {
        let error = #expect(throws: TextFileError.self) { try readTextFile(path) }
        #expect(error?.description == reason)
    }

    @Test func `a file that is not UTF-8 is an error`() throws {
        var template = Array("/tmp/TextFileTests-XXXXXX".utf8CString)
        let descriptor = mkstemp(&template)
        try #require(descriptor >= 0)
        let path = String(decoding: template.dropLast().map(UInt8.init(bitPattern:)), as: UTF8.self)
        defer { unlink(path) }
        #expect(write(descriptor, [0x61, 0xFF] as [UInt8], 2) == 2)
        close(descriptor)

        let error = #expect(throws: TextFileError.self) { try readTextFile(path) }
        #expect(error?.description == "it is not UTF-8 text")
    }

    @Test func `a file is read whole`() throws {
        let text = try #require(try readTextFile(#filePath))
        #expect(text.hasPrefix("import Glibc"))
        #expect(text.hasSuffix("}\n"))
    }
}
