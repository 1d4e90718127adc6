/// What a client has sent, as it may stand in a line of the log: nothing in it can look like the line's end or like
/// another field.
func logText(_ text: String) -> String {
    let isPlain = text.unicodeScalars.allSatisfy { scalar in
        !" \"\\=".unicodeScalars.contains(scalar) && !isInvisible(scalar)
    }
    if isPlain && !text.isEmpty { return text }
    var result = "\""
    for scalar in text.unicodeScalars {
        switch scalar {
        case "\"", "\\": result += "\\\(scalar)"
        case _ where isInvisible(scalar): result += "\\u{\(String(scalar.value, radix: 16))}"
        default: result.unicodeScalars.append(scalar)
        }
    }
    return result + "\""
}

/// Control characters, line separators, and those that change the direction of what follows.
private func isInvisible(_ scalar: Unicode.Scalar) -> Bool {
    switch scalar.properties.generalCategory {
    case .control, .format, .lineSeparator, .paragraphSeparator, .surrogate, .privateUse, .unassigned: true
    default: false
    }
}
