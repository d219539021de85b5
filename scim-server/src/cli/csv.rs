//! Comma-separated values (RFC 4180), as spreadsheets write them: a table of users.

use serde_json::{Map, Value};

/// A row: the number of its line, and its values by the names in the first line.
type Row = (usize, Map<String, Value>);

/// The rows of a file as objects by the names in its first line, each with the number of its line. Empty values are left
/// out, and so is the space at the ends of each. The error names the line.
pub(super) fn rows(text: &str) -> Result<Vec<Row>, String> {
    let mut records = records(text.trim_start_matches('\u{feff}'))?.into_iter();
    let names = records.next().map(|(_, names)| names).unwrap_or_default();
    let mut names: Vec<_> = names.iter().map(|name| name.trim().to_owned()).collect();
    // Spreadsheets write empty columns behind the last.
    names.truncate(names.iter().rposition(|name| !name.is_empty()).map_or(0, |last| last + 1));
    check(&names)?;
    let row = |(line, mut values): (usize, Vec<String>)| {
        while values.len() > names.len() && values.last().is_some_and(|value| value.trim().is_empty()) {
            values.pop();
        }
        if values.len() != names.len() {
            return Err(format!("line {line} has {} values, and the first line names {}", values.len(), names.len()));
        }
        let values = values.iter().map(|value| value.trim());
        let pairs = names.iter().cloned().zip(values).filter(|(_, value)| !value.is_empty());
        Ok((line, pairs.map(|(name, value)| (name, Value::from(value))).collect()))
    };
    let rows: Vec<_> = records
        .filter(|(_, values)| values.iter().any(|value| !value.is_empty()))
        .map(row)
        .collect::<Result<_, _>>()?;
    if rows.is_empty() {
        return Err("the file has no line behind the first, which names the attributes".to_owned());
    }
    // Told here, where a column without a value still is one.
    if !names.iter().any(|name| name.eq_ignore_ascii_case("userName")) {
        return Err("the table has no column userName: its first line names attributes, separated by commas".to_owned());
    }
    Ok(rows)
}

/// What to do about a table with other separators.
const COMMAS: &str = "values are separated by commas. In the spreadsheet, choose a CSV with commas";

/// Refuses a first line that does not name attributes.
fn check(names: &[String]) -> Result<(), String> {
    if names.is_empty() {
        return Err("the first line is empty: it names the attributes, such as userName,externalId,active".to_owned());
    }
    if let ([only], Some(other)) = (names, names[0].chars().find(|c| matches!(c, ';' | '\t'))) {
        return Err(format!("the first line, {only:?}, has no comma and {other:?}: {COMMAS}"));
    }
    if let Some(at) = names.iter().position(String::is_empty) {
        return Err(format!("the first line has no name for column {}", at + 1));
    }
    match names.iter().enumerate().find(|(at, name)| names[..*at].contains(name)) {
        Some((_, name)) => Err(format!("the first line names {name:?} twice")),
        None => Ok(()),
    }
}

/// Lines of values, each with its number.
fn records(text: &str) -> Result<Vec<(usize, Vec<String>)>, String> {
    let (mut records, mut values, mut value) = (Vec::new(), Vec::new(), String::new());
    let (mut line, mut begin, mut quoted, mut was_quoted) = (1, 1, false, false);
    let mut characters = text.chars().peekable();
    while let Some(c) = characters.next() {
        match c {
            '"' if quoted && characters.peek() == Some(&'"') => value.extend(characters.next()),
            '"' if quoted => quoted = false,
            '"' if value.is_empty() && !was_quoted => (quoted, was_quoted) = (true, true),
            ',' if !quoted => {
                values.push(std::mem::take(&mut value));
                was_quoted = false;
            }
            // Old spreadsheets end a line by a carriage return alone.
            '\n' | '\r' if !quoted && (c == '\n' || characters.peek() != Some(&'\n')) => {
                values.push(std::mem::take(&mut value));
                records.push((begin, std::mem::take(&mut values)));
                line += 1;
                (begin, was_quoted) = (line, false);
            }
            '\r' if !quoted => {}
            ';' | '\t' if !quoted && was_quoted => {
                return Err(format!("line {line} has {c:?} behind a closing quote: {COMMAS}"));
            }
            c if !quoted && was_quoted => {
                return Err(format!(
                    "line {line} has {c:?} behind a closing quote: a quote within a value is written twice"
                ));
            }
            c => {
                line += usize::from(c == '\n');
                value.push(c);
            }
        }
    }
    if quoted {
        return Err(format!("the quote that line {begin} opens is not closed"));
    }
    if !value.is_empty() || !values.is_empty() || was_quoted {
        values.push(value);
        records.push((begin, values));
    }
    Ok(records)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[track_caller]
    fn check(text: &str, expect: &Value) {
        let rows: Vec<_> = rows(text).unwrap().into_iter().map(|(line, row)| json!([line, row])).collect();
        assert_eq!(Value::from(rows), *expect);
    }

    #[test]
    fn rows_are_objects_by_the_first_line() {
        check(
            "\u{feff}userName,title\r\nanna,\"Lead, \"\"A\"\"\"\r\n",
            &json!([[2, {"userName": "anna", "title": "Lead, \"A\""}]]),
        );
        check(
            "userName,title\nanna,\n\n,\nbert,\"two\nlines\"\ncarl,x",
            &json!([
                [2, {"userName": "anna"}], [5, {"userName": "bert", "title": "two\nlines"}], [7, {"userName": "carl", "title": "x"}]
            ]),
        );
        check(
            "userName,title\ranna, x \r\rbert,\r",
            &json!([[2, {"userName": "anna", "title": "x"}], [4, {"userName": "bert"}]]),
        );
        // Empty columns at the end.
        check(
            "userName,title,,\nanna,x,,\nbert,y\ncarl,, , ,\n",
            &json!([
                [2, {"userName": "anna", "title": "x"}], [3, {"userName": "bert", "title": "y"}], [4, {"userName": "carl"}]
            ]),
        );
    }

    #[test]
    fn what_is_no_table_is_told_with_its_line() {
        for (text, expect) in [
            ("", "empty"),
            (" \n\n", "empty"),
            ("userName\n\n", "no line behind the first"),
            ("a,b,a\n", "\"a\" twice"),
            ("a,b\n1\n", "line 2 has 1"),
            ("a,b,\n1,2,3\n", "line 2 has 3"),
            ("a,,b\n1,2,3\n", "column 2"),
            ("userName;title\nanna;x\n", "';'"),
            ("userName\ttitle\nanna\tx\n", "commas"),
            ("a\n\"x", "line 2"),
            ("a\n\"x\"y\n", "line 2 has 'y'"),
            ("\"userName\";\"title\"\n", "choose a CSV with commas"),
            ("title,nickName\nx,y\n", "no column userName"),
        ] {
            let error = rows(text).unwrap_err();
            assert!(error.contains(expect), "{text:?}: {error}");
        }
    }
}
