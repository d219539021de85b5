//! What an agent holds back, and what it could not bring to its target, below the lines of how it stands.

use std::fmt::Write as _;

use serde_json::Value;

use super::cell;

/// The last cycles, the changes that wait, the troubles.
pub(super) fn details(row: &Value) -> String {
    let mut text = String::new();
    let list = |at: &str| row.pointer(at).and_then(Value::as_array).into_iter().flatten();
    for (number, cycle) in list("/report/cycles").enumerate() {
        let at = |name: &str| cell(cycle.get(name));
        let heading = if number == 0 { "\nLast cycles:\n" } else { "" };
        let kind = if cycle.get("full") == Some(&Value::Bool(true)) { "full" } else { "changes" };
        let _ = write!(
            text,
            "{heading}  {}  {kind:<7}  {} writes, {} problems",
            at("started"),
            at("writes"),
            at("problems")
        );
        let failure = cycle.get("failure").map(|why| format!("; ended early: {}", cell(Some(why))));
        let _ = writeln!(text, "{}", failure.unwrap_or_default());
    }
    for limit in list("/report/held/limits") {
        let _ = writeln!(text, "\nHeld back: {}", cell(limit.get("because")));
        let actions = limit.get("actions").and_then(Value::as_array);
        for action in actions.into_iter().flatten() {
            let _ = writeln!(text, "  {}", cell(Some(action)));
        }
        if let Some(more @ 1..) = limit.get("more").and_then(Value::as_u64) {
            let _ = writeln!(text, "  and {more} more; `sync-agent held`, where the agent runs, shows all");
        }
    }
    if let (Some(plan), Some(name)) = (row.pointer("/report/held/plan"), row.get("agent")) {
        let (plan, name) = (cell(Some(plan)), cell(Some(name)));
        let _ = match row.pointer("/report/held/decision").and_then(Value::as_str) {
            Some(decided @ ("approved" | "rejected")) => writeln!(
                text,
                "\nIt has {decided} that. To decide otherwise, run `sync-agent approve` or `sync-agent reject` where it runs."
            ),
            _ => writeln!(
                text,
                "\nDecide with `agent approve {name} --plan {plan}`, or `agent reject {name} --plan {plan}`."
            ),
        };
    }
    for (number, trouble) in list("/report/troubles").enumerate() {
        let heading = if number == 0 { "\nQuarantine, and problems that last:\n" } else { "" };
        let at = |name: &str| cell(trouble.get(name));
        let _ = writeln!(
            text,
            "{heading}  {}: {} (since {}, next at {})",
            at("code"),
            at("message"),
            at("since"),
            at("next")
        );
    }
    text
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_waits_is_shown_with_the_command_that_decides() {
        let row = json!({"agent": "ad", "report": {
            "cycles": [{"started": "T", "full": true, "writes": 3, "problems": 0, "failure": "no bind"}],
            "held": {"plan": "7f", "limits": [{"because": "too many", "actions": ["- deactivate user \"anna\""], "more": 2}]},
            "troubles": [{"code": "ConflictError", "message": "taken", "since": "S", "next": "N"}],
        }});
        let mut decided = row.clone();
        decided["report"]["held"]["decision"] = json!("rejected");
        assert!(details(&decided).contains("It has rejected that.") && !details(&decided).contains("agent approve ad"));
        assert_eq!(
            details(&row),
            "\nLast cycles:\n  T  full     3 writes, 0 problems; ended early: no bind\n\
             \nHeld back: too many\n  - deactivate user \"anna\"\n  and 2 more; `sync-agent held`, where the agent runs, shows all\n\
             \nDecide with `agent approve ad --plan 7f`, or `agent reject ad --plan 7f`.\n\
             \nQuarantine, and problems that last:\n  ConflictError: taken (since S, next at N)\n"
        );
        assert_eq!(details(&json!({"agent": "ad"})), "");
    }
}
