//! How a change of the source of truth is shown: what there is, what is kept, and what is lost.

use serde_json::Value;

use super::{cell, table};

pub(super) fn source(row: &Value) -> String {
    let of = |name: &str| match row.get(name) {
        Some(source @ Value::Object(_)) => match source.get("writer") {
            Some(writer) => format!("{} ({})", cell(source.get("kind")), cell(Some(writer))),
            None => cell(source.get("kind")),
        },
        _ => "any".to_owned(),
    };
    let mut text =
        format!("The source of truth of tenant {}: {}, then {}.\n\n", cell(row.get("tenant")), of("from"), of("to"));
    let list = |name: &str| row.get(name).and_then(Value::as_array).into_iter().flatten();
    let mut rows = vec![["TYPE", "FROM", "NUMBER"].map(str::to_owned).to_vec()];
    rows.extend(list("resources").map(|one| ["type", "source", "count"].map(|name| cell(one.get(name))).to_vec()));
    text.push_str(&table(&rows));
    for (title, name) in [("Kept", "kept"), ("Lost", "lost")] {
        for sentence in list(name) {
            text.extend(["\n", title, ": ", &cell(Some(sentence)), "\n"]);
        }
    }
    text.push_str(if row.get("changed") == Some(&Value::Bool(true)) {
        "\nIt is changed.\n"
    } else {
        "\nNothing is changed yet. To change it, add --confirm with the tenant's name.\n"
    });
    text
}
