/// Pieces of SQL, whatever they are made of. All work by scalars: a quote and an accent behind it are one character to
/// Swift, and two to PostgreSQL.
enum SQLText {
    /// A string constant in one line.
    static func literal(_ text: String) -> String {
        // Only where it has to be, so that a backslash means the same with standard_conforming_strings on and off.
        let isPlain = !text.unicodeScalars.contains { $0 == "\\" || Self.isControl($0) }
        var literal = isPlain ? "'" : "E'"
        for scalar in text.unicodeScalars {
            if Self.isControl(scalar) {
                let digits = String(scalar.value, radix: 16)
                literal += "\\x" + (digits.utf8.count == 1 ? "0" : "") + digits
            } else {
                if scalar == "'" || scalar == "\\" { literal.unicodeScalars.append(scalar) }
                literal.unicodeScalars.append(scalar)
            }
        }
        return literal + "'"
    }

    /// A quoted name. A line break in it stays one: of the forms that have none, PL/pgSQL doesn't know fields of records.
    static func identifier(_ text: String) -> String {
        var name = "\""
        for scalar in text.unicodeScalars {
            if scalar == "\"" { name.unicodeScalars.append(scalar) }
            name.unicodeScalars.append(scalar)
        }
        return name + "\""
    }

    /// A comment of one line.
    static func comment(_ text: String) -> String {
        var line = String.UnicodeScalarView()
        for scalar in text.unicodeScalars { line.append(Self.isControl(scalar) ? " " : scalar) }
        return "-- " + String(line)
    }

    /// `body` between dollar quotes that it doesn't contain.
    static func dollarQuoted(_ body: String) -> String {
        var tag = "$eventrelay$"
        var number = 1
        while body.utf8.firstRange(of: tag.utf8) != nil {
            number += 1
            tag = "$eventrelay\(number)$"
        }
        return tag + body + tag
    }

    static func isBlank(_ scalar: Unicode.Scalar) -> Bool { scalar == " " || ("\t"..."\r").contains(scalar) }

    static func isNameStart(_ scalar: Unicode.Scalar) -> Bool {
        ("a"..."z").contains(scalar) || ("A"..."Z").contains(scalar) || scalar == "_" || !scalar.isASCII
    }

    static func isNamePart(_ scalar: Unicode.Scalar) -> Bool {
        Self.isNameStart(scalar) || ("0"..."9").contains(scalar) || scalar == "$"
    }

    private static func isControl(_ scalar: Unicode.Scalar) -> Bool { scalar.value < 0x20 || scalar.value == 0x7f }
}
