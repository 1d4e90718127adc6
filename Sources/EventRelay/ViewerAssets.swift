import Glibc
import RelayHTTP

/// The viewer's files: those in the binary, or a folder's, read once at start. The JavaScript client is beside either,
/// unless the folder has files of these names.
enum ViewerAssets {
    /// Of one file; a page's pictures fit.
    private static let maximumFileBytes = 4 << 20
    private static let maximumFiles = 100

    /// - Parameter folder: nil for the embedded files.
    /// - Throws: `InvalidAssets`.
    static func load(folder: String?) throws -> [String: [UInt8]] {
        var files = HTTPOptions.embeddedClient
        guard let folder else { return files.merging(HTTPOptions.embeddedViewer) { client, _ in client } }
        for name in try self.names(in: folder) {
            files[name] = try self.read(folder + "/" + name, in: folder)
        }
        guard files["index.html"] != nil else { throw InvalidAssets(path: folder, reason: "it has no index.html") }
        return files
    }

    /// Plain files only; what begins with a dot is not served.
    private static func names(in folder: String) throws -> [String] {
        guard let directory = opendir(folder) else {
            throw InvalidAssets(path: folder, reason: String(cString: strerror(errno)))
        }
        defer { closedir(directory) }
        var names: [String] = []
        while let entry = readdir(directory) {
            let name = withUnsafePointer(to: &entry.pointee.d_name) {
                $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
            }
            var status = stat()
            guard !name.hasPrefix("."), stat(folder + "/" + name, &status) == 0, status.st_mode & S_IFMT == S_IFREG
            else { continue }
            names.append(name)
            if names.count > Self.maximumFiles {
                throw InvalidAssets(path: folder, reason: "it has more than \(Self.maximumFiles) files")
            }
        }
        return names
    }

    private static func read(_ path: String, in folder: String) throws -> [UInt8] {
        guard let file = fopen(path, "rb") else {
            throw InvalidAssets(path: folder, reason: "\(path): \(String(cString: strerror(errno)))")
        }
        defer { fclose(file) }
        var bytes = [UInt8](repeating: 0, count: Self.maximumFileBytes + 1)
        let count = fread(&bytes, 1, bytes.count, file)
        guard count <= Self.maximumFileBytes else {
            throw InvalidAssets(path: folder, reason: "\(path) is larger than \(Self.maximumFileBytes) bytes")
        }
        return Array(bytes.prefix(count))
    }
}
