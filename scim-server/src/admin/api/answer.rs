//! From the lines of a command to a response: JSON.

use bytes::Bytes;
use hyper::StatusCode;
use tokio::sync::mpsc;

use super::table::Answer;
use crate::{
    admin::{
        Fault, Line,
        response::{AdminResponse, json, pieces, problem},
    },
    idempotency::Reply,
};

/// So many bytes of a list are held back, so that what fails has a status that says so. What is longer is sent as it
/// comes; when it fails, its JSON is cut off.
const HELD: usize = 256 << 10;

/// What has come of an answer.
struct Gathered {
    kind: Answer,
    /// The row, or the items of the list with commas between them.
    rows: String,
    count: usize,
    /// What is to be known beside the rows, as JSON strings.
    notes: Vec<String>,
    more: u64,
}

/// Whether a command goes on.
enum State {
    Going,
    Ended(Result<(), Fault>),
}

impl Gathered {
    fn new(kind: Answer) -> Self {
        Self { kind, rows: String::new(), count: 0, notes: Vec::new(), more: 0 }
    }

    /// Takes the next line.
    async fn take(&mut self, output: &mut mpsc::Receiver<Line>) -> State {
        match output.recv().await {
            Some(Line::Row(row)) => self.row(&row),
            Some(Line::More(more)) => self.more = more,
            Some(Line::Progress(_)) => {}
            Some(Line::Done) => return State::Ended(Ok(())),
            Some(Line::Error(fault)) => return State::Ended(Err(fault)),
            None => {
                let message = "The command was cut off: the log of the server says why.".to_owned();
                return State::Ended(Err(Fault::new(500, message)));
            }
        }
        State::Going
    }

    fn row(&mut self, row: &str) {
        if let Some(note) = row.strip_prefix("{\"note\":").and_then(|rest| rest.strip_suffix('}')) {
            self.notes.push(note.to_owned());
            return;
        }
        self.count += 1;
        match self.kind {
            Answer::List if self.count > 1 => self.rows.extend([",\n", row]),
            // One object is answered, however much else is told.
            Answer::One | Answer::Made if self.count > 1 => {}
            _ => self.rows.push_str(row),
        }
    }

    /// What has come and was not sent yet.
    fn piece(&mut self) -> Bytes {
        Bytes::from(std::mem::take(&mut self.rows))
    }

    /// The end of a list.
    fn tail(&self) -> String {
        let notes =
            if self.notes.is_empty() { String::new() } else { format!(",\"notes\":[{}]", self.notes.join(",")) };
        format!("],\"more\":{}{notes}}}", self.more)
    }

    /// The whole answer.
    fn reply(mut self) -> Reply {
        let status = match self.kind {
            Answer::Made => 201,
            Answer::One | Answer::List => 200,
        };
        let body = match self.kind {
            Answer::List => format!("{BEGIN}{}{}", self.rows, self.tail()),
            Answer::One | Answer::Made if self.count == 0 => return Reply { status: 204, body: Vec::new() },
            Answer::One | Answer::Made => {
                if let (false, Some(open)) = (self.notes.is_empty(), self.rows.strip_suffix('}')) {
                    self.rows = format!("{open},\"notes\":[{}]}}", self.notes.join(","));
                }
                self.rows
            }
        };
        Reply { status, body: body.into_bytes() }
    }
}

/// What a list begins with.
const BEGIN: &str = "{\"items\":[";

/// The answer of a command, when all of it is there.
pub(super) async fn whole(mut output: mpsc::Receiver<Line>, kind: Answer) -> Reply {
    let mut gathered = Gathered::new(kind);
    loop {
        match gathered.take(&mut output).await {
            State::Going => {}
            State::Ended(Ok(())) => return gathered.reply(),
            State::Ended(Err(fault)) => return Reply { status: fault.status, body: fault.message.into_bytes() },
        }
    }
}

/// A response as [`whole`] has made it.
pub(super) fn replied(reply: Reply) -> AdminResponse {
    if reply.status >= 400 {
        let message = String::from_utf8_lossy(&reply.body).into_owned();
        return problem(&Fault::new(reply.status, message));
    }
    json(StatusCode::from_u16(reply.status).unwrap_or_default(), reply.body)
}

/// The response of a command; of a long list it is begun before the list is at its end.
pub(super) async fn response(mut output: mpsc::Receiver<Line>, kind: Answer) -> Result<AdminResponse, Fault> {
    let mut gathered = Gathered::new(kind);
    while kind != Answer::List || gathered.rows.len() <= HELD {
        match gathered.take(&mut output).await {
            State::Going => {}
            State::Ended(Ok(())) => return Ok(replied(gathered.reply())),
            State::Ended(Err(fault)) => return Err(fault),
        }
    }
    gathered.rows.insert_str(0, BEGIN);
    Ok(pieces(futures_util::stream::unfold(Some((gathered, output)), |state| async move {
        let (mut gathered, mut output) = state?;
        if !gathered.rows.is_empty() {
            return Some((gathered.piece(), Some((gathered, output))));
        }
        loop {
            match gathered.take(&mut output).await {
                State::Going if gathered.rows.is_empty() => {}
                State::Going => return Some((gathered.piece(), Some((gathered, output)))),
                State::Ended(Ok(())) => return Some((Bytes::from(gathered.tail()), None)),
                State::Ended(Err(fault)) => {
                    tracing::error!(error = %fault, "an administrator's list was cut off");
                    return None;
                }
            }
        }
    })))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    async fn answered(lines: Vec<Line>, kind: Answer) -> (u16, Value) {
        let (sender, output) = mpsc::channel(lines.len());
        for line in lines {
            sender.send(line).await.unwrap();
        }
        drop(sender);
        let reply = whole(output, kind).await;
        (reply.status, serde_json::from_slice(&reply.body).unwrap_or_default())
    }

    fn row(row: &Value) -> Line {
        Line::Row(row.to_string())
    }

    #[tokio::test]
    async fn rows_are_an_object_or_a_list() {
        let rows = || {
            vec![row(&json!({"a": 1})), row(&json!({"note": "look"})), row(&json!({"b": 2})), Line::More(3), Line::Done]
        };
        let list = json!({"items": [{"a": 1}, {"b": 2}], "more": 3, "notes": ["look"]});
        assert_eq!(answered(rows(), Answer::List).await, (200, list));
        assert_eq!(answered(rows(), Answer::Made).await, (201, json!({"a": 1, "notes": ["look"]})));
        assert_eq!(answered(vec![Line::Done], Answer::List).await, (200, json!({"items": [], "more": 0})));
        assert_eq!(answered(vec![Line::Done], Answer::One).await.0, 204);
    }

    #[tokio::test]
    async fn what_fails_has_its_status() {
        let fault = Fault::new(409, "no");
        assert_eq!(answered(vec![row(&json!({})), Line::Error(fault)], Answer::List).await.0, 409);
        assert_eq!(answered(vec![row(&json!({}))], Answer::One).await.0, 500);
    }
}
