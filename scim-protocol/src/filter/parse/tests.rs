//! The grammar in tables, and what must hold for any filter.

use proptest::prelude::*;

use super::*;
use crate::{patch::Path, schema::SchemaRegistry};

/// The filter in its canonical form, with every nesting written out.
#[track_caller]
fn check(text: &str, expect: &str) {
    let filter = parse(text).unwrap_or_else(|error| panic!("{text}: {error}"));
    assert_eq!(explicit(&filter), expect, "{text}");
    assert_eq!(parse(&filter.to_string()).unwrap(), filter, "{text} printed as {filter}");
}

fn explicit(filter: &Filter) -> String {
    let join = |all: &[Filter], word| format!("({})", all.iter().map(explicit).collect::<Vec<_>>().join(word));
    match filter {
        Filter::And(all) => join(all, " and "),
        Filter::Or(all) => join(all, " or "),
        Filter::Not(inner) => format!("not {}", explicit(inner)),
        Filter::ValuePath { path, filter } => format!("{path}[{}]", explicit(filter)),
        leaf => leaf.to_string(),
    }
}

#[test]
fn values() {
    check(r#"userName eq "bjensen""#, r#"userName eq "bjensen""#);
    check(r#"userName eq"bjensen""#, r#"userName eq "bjensen""#);
    check("  userName\teq   \"bjensen\" ", r#"userName eq "bjensen""#);
    check(r#"a eq "\"\\\/\b\u00e9\ud83d\ude00 )]""#, "a eq \"\\\"\\\\/\\bé😀 )]\"");
    check(r#"a eq """#, r#"a eq """#);
    check("a eq 1", "a eq 1");
    check("a eq -1.5e3", "a eq -1500.0");
    check("a eq TRUE", "a eq true");
    check("a eq False", "a eq false");
    check("a eq NULL", "a eq null");
    check("meta.resourceType eq User", r#"meta.resourceType eq "User""#);
    check("externalId eq 007", r#"externalId eq "007""#);
    check("userName eq bjensen@example.com and a pr", r#"(userName eq "bjensen@example.com" and a pr)"#);
    check("meta.lastModified gt 2011-05-13T04:42:34Z", r#"meta.lastModified gt "2011-05-13T04:42:34Z""#);
}

#[test]
fn operators_in_any_case() {
    for operator in ["eq", "ne", "co", "sw", "ew", "gt", "ge", "lt", "le"] {
        check(&format!("a {} \"x\"", operator.to_uppercase()), &format!("a {operator} \"x\""));
    }
    check("a PR", "a pr");
    check("$ref Pr", "$ref pr");
    check(
        "urn:ietf:params:scim:schemas:core:2.0:User:name.familyName pr",
        "urn:ietf:params:scim:schemas:core:2.0:User:name.familyName pr",
    );
}

#[test]
fn precedence() {
    check("a pr or b pr and c pr", "(a pr or (b pr and c pr))");
    check("a pr and b pr or c pr", "((a pr and b pr) or c pr)");
    check("(a pr or b pr) and c pr", "((a pr or b pr) and c pr)");
    check("a pr AND b pr And c pr", "(a pr and b pr and c pr)");
    check("a pr and (b pr and c pr)", "(a pr and (b pr and c pr))");
    check("not (a pr) and b pr", "(not a pr and b pr)");
    check("NOT(a pr and b pr)", "not (a pr and b pr)");
    check("not (a pr) or not(b pr)", "(not a pr or not b pr)");
    check("((((a pr))))", "a pr");
    check("not (not (a pr))", "not not a pr");
    check("not pr or and pr", "(not pr or and pr)");
}

#[test]
fn value_paths() {
    check(r#"emails[type eq "work" and value co "@x"]"#, r#"emails[(type eq "work" and value co "@x")]"#);
    check("emails[ not (type pr) or value pr ] and a pr", "(emails[(not type pr or value pr)] and a pr)");
    check(r#"emails[type eq "work"].value eq "a@b""#, r#"emails[(type eq "work" and value eq "a@b")]"#);
    check(r#"emails[type eq "work"].primary pr and a pr"#, r#"(emails[(type eq "work" and primary pr)] and a pr)"#);
}

#[track_caller]
fn check_error(text: &str, detail: &str) {
    let error = parse(text).unwrap_err();
    assert_eq!((error.kind(), error.detail()), (ErrorKind::InvalidFilter, detail), "{text}");
}

#[test]
fn errors_have_a_position() {
    let operator = "expected an operator (eq, ne, co, sw, ew, gt, ge, lt, le or pr)";
    let value = "expected a value (a quoted string, a number, true, false or null)";
    let wrong = |at: usize, rest: &str| format!("The filter is wrong at character {at}: {rest}");
    check_error("", &wrong(1, "expected an attribute name, found the end."));
    check_error("userName regex \"x\"", &wrong(10, &format!("{operator}, found \"regex\".")));
    check_error("userName", &wrong(9, &format!("{operator}, found the end.")));
    check_error("userName eq", &wrong(12, &format!("{value}, found the end.")));
    check_error("userName eq and", &wrong(13, &format!("{value}, found \"and\".")));
    check_error("userName eq (1)", &wrong(13, &format!("{value}, found \"(\".")));
    check_error("userName eq \"é\" x", &wrong(17, "expected \"and\", \"or\" or the end, found \"x\"."));
    check_error("userName eq \"x", &wrong(15, "expected a closing quote, found the end."));
    check_error("userName eq \"x\\\"", &wrong(17, "expected a closing quote, found the end."));
    check_error(
        "userName eq \"\\ud800\"",
        &wrong(13, "expected a JSON string, found one with a wrong escape or a control character."),
    );
    check_error("(a pr", &wrong(6, "expected \"and\", \"or\" or \")\", found the end."));
    check_error("a pr)", &wrong(5, "expected \"and\", \"or\" or the end, found \")\"."));
    check_error("a pr and", &wrong(9, "expected an attribute name, found the end."));
    check_error("a pr or or", &wrong(11, &format!("{operator}, found the end.")));
    check_error("()", &wrong(2, "expected an attribute name, found \")\"."));
    check_error("emails[type pr", &wrong(15, "expected \"and\", \"or\" or \"]\", found the end."));
    check_error("emails[]", &wrong(8, "expected an attribute name, found \"]\"."));
    check_error("emails[type pr].", &wrong(17, "expected a sub-attribute name, found the end."));
    check_error("emails[type pr].1 eq 2", &wrong(17, "expected a sub-attribute name, found \"1\"."));
    // Erratum 4690.
    check_error("emails[type[a pr]]", &wrong(12, &format!("{operator}, found \"[\" inside brackets.")));
    check_error("naïve pr", &wrong(3, &format!("{operator}, found \"ïve\".")));
    check_error("1st pr", &wrong(1, "expected an attribute name, found \"1st\"."));
}

#[test]
fn limits_hold() {
    check_error(
        &format!("a eq \"{}\"", "x".repeat(MAX_LENGTH)),
        "The filter is longer than 8192 bytes; ask a shorter question.",
    );
    for open in ["(", "not(", "not ( "] {
        let deep = open.repeat(MAX_DEPTH) + "a pr" + &")".repeat(MAX_DEPTH);
        assert!(parse(&deep).is_ok(), "{deep}");
        let error = parse(&open.repeat(1000)).unwrap_err();
        assert!(error.detail().ends_with("expected nesting of at most 32 levels, found more."), "{error}");
    }
    let wide = vec!["a pr"; 900].join(" or ");
    assert!(parse(&wide).is_ok());
}

fn attribute() -> impl Strategy<Value = AttributePath> {
    "(urn:[a-z]{1,5}:2\\.0:[A-Z][a-z]{0,5}:)?[$a-zA-Z][a-zA-Z0-9_-]{0,8}(\\.[a-z]{1,5})?"
        .prop_map(|name| AttributePath::parse(&name).unwrap())
}

fn operand() -> impl Strategy<Value = Value> {
    prop_oneof![
        any::<String>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<i16>().prop_map(|number| Value::from(f64::from(number) / 8.0)),
        any::<bool>().prop_map(Value::from),
        Just(Value::Null),
    ]
}

fn leaf() -> impl Strategy<Value = Filter> {
    let operators = proptest::sample::select(CompareOperator::ALL.to_vec());
    prop_oneof![
        attribute().prop_map(Filter::Present),
        (attribute(), operators, operand()).prop_map(|(path, operator, value)| Filter::Compare {
            path,
            operator,
            value
        }),
    ]
}

fn nested(leaf: impl Strategy<Value = Filter> + 'static) -> impl Strategy<Value = Filter> {
    leaf.prop_recursive(4, 24, 3, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 2..4).prop_map(Filter::And),
            proptest::collection::vec(inner.clone(), 2..4).prop_map(Filter::Or),
            inner.prop_map(|inner| Filter::Not(Box::new(inner))),
        ]
    })
}

fn filter() -> impl Strategy<Value = Filter> {
    let value_path =
        (attribute(), nested(leaf())).prop_map(|(path, filter)| Filter::ValuePath { path, filter: Box::new(filter) });
    nested(prop_oneof![2 => leaf(), 1 => value_path])
}

/// Text that looks like a filter more often than chance would have it.
fn almost_a_filter() -> impl Strategy<Value = String> {
    let pieces = vec![
        "userName",
        "emails",
        "manager",
        "type",
        "value",
        "meta.created",
        "active",
        "not",
        "and",
        "or",
        "pr",
        "eq",
        "ne",
        "co",
        "gt",
        "(",
        ")",
        "[",
        "]",
        ".",
        "\"",
        "\\",
        "x",
        "1",
        "-",
        "true",
        "null",
        " ",
        " ",
        " ",
        "é",
        "\u{0}",
    ];
    proptest::collection::vec(proptest::sample::select(pieces), 0..24).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn parsing_what_was_printed_gives_the_same(filter in filter()) {
        let printed = filter.to_string();
        prop_assert_eq!(parse(&printed).unwrap_or_else(|error| panic!("{printed}: {error}")), filter);
    }

    #[test]
    fn a_path_too(attribute in attribute(), filter in nested(leaf()), sub in proptest::option::of("[a-z]{1,6}")) {
        let path = Path { attribute, filter: Some(filter), sub_attribute: sub };
        prop_assert_eq!(Path::parse(&path.to_string()).unwrap(), path);
    }

    #[test]
    fn no_text_is_a_panic(text in prop_oneof![any::<String>(), almost_a_filter()]) {
        let registry = SchemaRegistry::core();
        let document = serde_json::Map::new();
        for rt in registry.resource_types() {
            if let Ok(path) = Path::parse(&text) {
                let bound = path.bind(rt);
                prop_assert_eq!(Path::parse(&path.to_string()).unwrap(), path);
                drop(bound);
            }
            if let Ok(filter) = Filter::parse(&text) {
                prop_assert_eq!(&parse(&filter.to_string()).unwrap(), &filter);
                let strict = filter.bind(rt).map(|bound| bound.matches(&document)).ok();
                let lenient = filter.bind_lenient(rt).map(|bound| bound.matches(&document)).ok();
                prop_assert!(strict.is_none() || strict == lenient);
            }
        }
    }
}

/// Somebody meant a string; a value with the marks in it would find nothing, or be written into an element.
#[test]
fn a_bare_word_with_a_quotation_mark_is_no_value() {
    let marks = [
        ("'", "'"),
        ("`", "`"),
        ("\u{201c}", "\u{201d}"),
        ("\u{201e}", "\u{201c}"),
        ("\u{2018}", "\u{2019}"),
        ("\u{201a}", "\u{2018}"),
        ("\u{ab}", "\u{bb}"),
        ("\u{2039}", "\u{203a}"),
        ("\u{b4}", "\u{b4}"),
        ("\u{2033}", "\u{2033}"),
        ("\u{ff02}", "\u{ff02}"),
        ("\u{ff07}", "\u{ff07}"),
        ("\u{300c}", "\u{300d}"),
        ("''", "''"),
        ("", "'"),
        ("'", ""),
    ];
    for (open, close) in marks {
        let word = format!("{open}x{close}");
        let split = format!("{open}Tour Guides{close}");
        let texts = [
            (format!("userName eq {word}"), 13),
            (format!("emails[type eq {word}]"), 16),
            (format!("title pr and not (userName sw {word})"), 31),
            (format!("emails[type eq \"work\"].value co {word}"), 33),
        ];
        let texts = if open.is_empty() {
            texts.to_vec()
        } else {
            [&texts[..], &[(format!("displayName eq {split}"), 16)]].concat()
        };
        for (text, character) in texts {
            let error = Filter::parse(&text).unwrap_err();
            let place = format!("The filter is wrong at character {character}: expected a value in double quotes");
            assert!(error.kind() == ErrorKind::InvalidFilter && error.detail().starts_with(&place), "{text}: {error}");
        }
        let error = Path::parse(&format!("emails[type eq {word}].value")).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidFilter);
        if !open.is_empty() {
            assert_eq!(Path::parse(&word).unwrap_err().kind(), ErrorKind::InvalidPath, "{word}");
        }
    }
    for text in
        ["userName eq \"'x'\"", "userName eq \"\u{201c}x\u{201d}\"", "userName eq \"O'Malley\"", "userName eq x@y.z"]
    {
        assert!(Filter::parse(text).is_ok(), "{text}");
    }
}

#[test]
fn not_wants_its_parentheses() {
    for text in ["not userName eq \"x\"", "title pr and NOT userName pr"] {
        let error = Filter::parse(text).unwrap_err();
        assert!(error.detail().contains("expected \"(\" behind not"), "{error}");
    }
}
