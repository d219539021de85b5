//! Values as people read them: in a cell, in lines, in a table.

use command_page::terminal::{clipped, printable};
use serde_json::Value;

use super::columns::{self, Columns};

/// What a value looks like in a table.
pub(super) fn cell(value: Option<&Value>) -> String {
    match value {
        None | Some(Value::Null) => "-".to_owned(),
        Some(Value::String(text)) => printable(text),
        Some(Value::Array(words)) => words.iter().map(|word| cell(Some(word))).collect::<Vec<_>>().join(","),
        Some(other) => printable(&other.to_string()),
    }
}

/// The most characters of a cell that others stand behind: each row is as wide as the longest.
const WIDEST: usize = 120;

/// The most characters of a cell that ends its row, such as a reason.
const LONGEST: usize = 1000;

/// A name in a sentence, which a provider may have made as long as it likes; `--json` has all of it.
pub(super) fn name(value: Option<&Value>) -> String {
    clipped(&cell(value), WIDEST)
}

/// One line for each column that the row has: whole, for whoever copies it.
pub(super) fn lines(row: &Value, columns: Columns) -> String {
    let present: Vec<Vec<String>> = columns
        .iter()
        .filter(|(_, at)| row.pointer(at).is_some())
        .map(|(heading, at)| vec![(*heading).to_owned(), cell(row.pointer(at))])
        .collect();
    aligned(&present)
}

/// Rows in aligned columns, whose cells are clipped where one would make the table unreadable.
pub(super) fn table(rows: &[Vec<String>]) -> String {
    let clip = |row: &Vec<String>| -> Vec<String> {
        let most = |at| if at + 1 == row.len() { LONGEST } else { WIDEST };
        row.iter().enumerate().map(|(at, cell)| clipped(cell, most(at))).collect()
    };
    aligned(&rows.iter().map(clip).collect::<Vec<_>>())
}

/// Rows in aligned columns, two spaces apart.
fn aligned(rows: &[Vec<String>]) -> String {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let width = |column| rows.iter().filter_map(|row| row.get(column)).map(|cell: &String| cell.chars().count()).max();
    let widths: Vec<usize> = (0..columns).map(|column| width(column).unwrap_or(0)).collect();
    let mut text = String::new();
    for row in rows {
        let mut line = String::new();
        for (cell, width) in row.iter().zip(&widths) {
            line.push_str(cell);
            line.extend(std::iter::repeat_n(' ', width + 2 - cell.chars().count()));
        }
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

/// How far a webhook is with each tenant, if that is told.
pub(super) fn deliveries(row: &Value) -> String {
    let Some(deliveries) = row.get("deliveries").and_then(Value::as_array) else { return String::new() };
    let headings = columns::DELIVERIES.iter().map(|(heading, _)| (*heading).to_owned()).collect();
    let cells = |of: &Value| columns::DELIVERIES.iter().map(|(_, at)| cell(of.pointer(at))).collect();
    let rows: Vec<_> = std::iter::once(headings).chain(deliveries.iter().map(cells)).collect();
    format!("\n{}", table(&rows))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{super::Show, *};

    #[test]
    fn columns_are_as_wide_as_their_widest_cell() {
        let rows = [("ID", "NAME"), ("1", "Zoë"), ("22222", "")];
        let rows = rows.map(|(id, name)| vec![id.to_owned(), name.to_owned()]);
        assert_eq!(table(&rows), "ID     NAME\n1      Zoë\n22222\n");
    }

    #[test]
    fn a_long_name_is_clipped_and_a_single_row_is_whole() {
        let long = "L".repeat(10_000);
        let rows =
            [["1", long.as_str(), "true"], ["2", "anna", long.as_str()]].map(|row| row.map(str::to_owned).to_vec());
        let shown = table(&rows);
        let (first, second) = shown.split_once('\n').unwrap();
        assert_eq!(first, format!("1  {}…  true", "L".repeat(WIDEST - 1)));
        assert!(second.ends_with("L…\n") && second.chars().count() < LONGEST + WIDEST + 20, "{second}");
        assert_eq!(name(Some(&json!(long))).chars().count(), WIDEST);
        assert_eq!(name(Some(&json!("x".repeat(WIDEST)))), "x".repeat(WIDEST));
        let row = json!({"tenant": "acme", "token": long});
        assert!(lines(&row, Show::Issued.columns()).contains(&long));
    }

    #[test]
    fn lines_are_only_of_what_is_there() {
        let row = json!({"tenant": "acme", "tenant_id": "1", "scopes": ["read", "write"], "previous": null});
        assert_eq!(lines(&row, Show::Issued.columns()), "Tenant     acme\nTenant id  1\nScopes     read,write\n");
    }

    #[test]
    fn a_webhook_is_shown_with_a_table_of_its_deliveries() {
        let row = json!({"webhook_id": "7", "url": "https://x", "deliveries": [
            {"tenant": "acme", "position": 12, "lag": 0, "pending": 1, "dead_letters": 0, "last_error": "the status 500"},
        ]});
        let shown = lines(&row, Show::Webhook.columns()) + &deliveries(&row);
        assert_eq!(
            shown,
            "Webhook id  7\nURL         https://x\n\n\
             TENANT  POSITION  LAG  PENDING  DEAD LETTERS  FAILING SINCE  LAST ERROR\n\
             acme    12        0    1        0             -              the status 500\n"
        );
        assert_eq!(deliveries(&json!({"webhook_id": "7"})), "");
    }

    #[track_caller]
    fn check_cell(value: &Value, expect: &str) {
        assert_eq!(cell(Some(value)), expect);
    }

    #[test]
    fn control_characters_do_not_reach_the_terminal() {
        check_cell(&json!("a\u{1b}[31mb\n"), "a\\u{1b}[31mb\\u{a}");
        check_cell(&json!("user\u{202e}nimda"), "user\\u{202e}nimda");
        check_cell(&json!(null), "-");
        check_cell(&json!(true), "true");
    }
}
