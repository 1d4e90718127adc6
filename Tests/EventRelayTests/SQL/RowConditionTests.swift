import RelayTestSupport
import Testing

@testable import EventRelay

struct RowConditionTests {
    @Test(arguments: [
        ("NEW.total > 100", false, true),
        ("old.a IS DISTINCT FROM New . b", true, true),
        ("pg_trigger_depth() = 0", false, false),
        ("'NEW.a' <> current_user", false, false),
        ("'it''s OLD' = $$new.a$$ || $q$ 'old $$ $q$", false, false),
        (#"E'\' NEW' = NEW.a"#, false, true),
        (#""new".a = 1 AND "OLD".b = 1"#, false, true),
        ("/* OLD /* NEW */ OLD */ 1 = 1 -- NEW", false, false),
        ("renewed.old = $1 AND gold", false, false),
        ("(NEW).a = ANY (ARRAY[1e5, 2])", false, true),
        ("OLD IS NULL", true, false),
    ])
    func `it is seen which rows are named`(text: String, old: Bool, new: Bool) throws {
        let condition = try RowCondition(text)
        #expect(condition.namesOld == old && condition.namesNew == new)
        #expect(condition.text == text)
    }

    @Test(arguments: [
        ("", InvalidRowCondition.empty), ("  -- NEW.a", .empty), ("(NEW.a", .parentheses),
        ("NEW.a) OR (true", .parentheses),
        ("NEW.a[1", .parentheses), ("true; DROP TABLE x", .moreThanOne), ("'a", .unclosed), ("\"a", .unclosed),
        ("/* a", .unclosed), ("$a$ x $b$", .unclosed), (#"E'a\'"#, .unclosed),
    ])
    func `what would not end where it should is refused`(text: String, error: InvalidRowCondition) {
        #expect(throws: error) { try RowCondition(text) }
    }

    @Test func `an operation is filtered by what it has`() throws {
        func filtered(_ text: String) throws -> Set<RowTrigger.Operation> {
            let trigger = RowTrigger(table: try TableName("t"), channel: "t", condition: try RowCondition(text))
            return Set(RowTrigger.Operation.allCases.filter { trigger.condition(of: $0) != nil })
        }
        #expect(try filtered("NEW.a") == [.insert, .update])
        #expect(try filtered("OLD.a") == [.update, .delete])
        #expect(try filtered("OLD.a AND NEW.a") == [.update])
        #expect(try filtered("current_user = 'me'") == [.insert, .update, .delete])
    }
}
