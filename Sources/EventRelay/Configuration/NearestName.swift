/// The candidate that `name` is most likely a misspelling of, or `nil` if it is like none of them.
///
/// At most a third of the letters, but always two, may be wrong, missing or too many; case doesn't count.
func nearestName(to name: String, among candidates: [String]) -> String? {
    candidates
        .map { (candidate: $0, distance: editDistance(name.lowercased(), $0.lowercased())) }
        .filter { $0.distance <= max(2, $0.candidate.utf8.count / 3) }
        .min { $0.distance < $1.distance }?
        .candidate
}

/// How many bytes have to be inserted, removed or replaced to make one text of the other (Levenshtein).
private func editDistance(_ from: String, _ to: String) -> Int {
    let to = Array(to.utf8)
    var distances = Array(0...to.count)
    for (row, byte) in from.utf8.enumerated() {
        var diagonal = distances[0]
        distances[0] = row + 1
        for column in to.indices {
            let replaced = diagonal + (byte == to[column] ? 0 : 1)
            diagonal = distances[column + 1]
            distances[column + 1] = min(replaced, distances[column] + 1, diagonal + 1)
        }
    }
    return distances[to.count]
}
