import RelayHTTP
import RelaySQLite
import RelayTokens

/// `DbConnection` is nothing that libpq understands. Its text is not repeated: it may hold a password.
struct InvalidDbConnection: ExitCodeProviding, CustomStringConvertible {
    let exitCode = SystemExitCode.configuration

    var description: String {
        """
        libpq does not understand the connection string in DbConnection (or DATABASE_URL). Write a URL such as \
        postgresql://user@host/database, or keywords such as 'host=localhost dbname=shop'. In a URL, percent-encode \
        special characters of the password
        """
    }
}

/// `AssetsPath` can't be served.
struct InvalidAssets: ExitCodeProviding, CustomStringConvertible {
    let exitCode = SystemExitCode.configuration
    let path: String
    let reason: String

    var description: String {
        "AssetsPath '\(self.path)' can't be served: \(self.reason). Set it to a folder with an index.html, or leave it out"
    }
}

/// Codes of sysexits.h.
enum SystemExitCode {
    static let unavailable: Int32 = 69
    static let temporaryFailure: Int32 = 75
    static let configuration: Int32 = 78
}

extension RingLogOpenError: ExitCodeProviding {
    /// Another program that holds the log may go away; everything else has to be set right.
    var exitCode: Int32 {
        switch self {
        case .heldByAnother, .busy: SystemExitCode.temporaryFailure
        case .noFolder, .notWritable, .notADatabase, .foreignDatabase, .newerSchema, .damaged:
            SystemExitCode.configuration
        }
    }
}

extension TokenKeysUnusable: ExitCodeProviding {
    var exitCode: Int32 { SystemExitCode.configuration }
}

extension CertificateUnusable: ExitCodeProviding {
    var exitCode: Int32 { SystemExitCode.configuration }
}

extension CannotListen: ExitCodeProviding {
    var exitCode: Int32 { SystemExitCode.unavailable }
}
