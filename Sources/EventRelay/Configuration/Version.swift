/// The version of this program.
enum Version {
    /// What `--version` prints and the log and `/health` may name; by https://semver.org.
    static let current = "0.1.0"
}
