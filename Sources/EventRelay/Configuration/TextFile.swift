import Glibc

/// Why a file can't be read as text.
struct TextFileError: Error, CustomStringConvertible {
    let description: String
}

/// The text of a file, or `nil` if there is none of this name.
func readTextFile(_ path: String) throws(TextFileError) -> String? {
    guard let file = fopen(path, "re") else {
        guard errno == ENOENT || errno == ENOTDIR else { throw .lastSystemError }
        return nil
    }
    defer { fclose(file) }

    var bytes: [UInt8] = []
    var chunk = [UInt8](repeating: 0, count: 4_096)
    while true {
        let count = fread(&chunk, 1, chunk.count, file)
        guard count > 0 else { break }
        bytes += chunk[..<count]
        guard bytes.count <= textFileLimit else {
            throw TextFileError(description: "it is larger than \(textFileLimit) bytes")
        }
    }
    guard ferror(file) == 0 else { throw .lastSystemError }
    guard let text = String(validating: bytes, as: UTF8.self) else {
        throw TextFileError(description: "it is not UTF-8 text")
    }
    return text
}

/// Some hundred times what all settings take, and small enough to be read whole if `--config` names the wrong file.
private let textFileLimit = 1 << 20

extension TextFileError {
    fileprivate static var lastSystemError: TextFileError {
        TextFileError(description: String(cString: strerror(errno)))
    }
}
