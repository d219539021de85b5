//! A client that does nothing wrong.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::server::{Client, PATIENCE, Response, USER, patch_body};

/// New connections after so many rounds: whoever comes anew is served, too.
const ROUNDS_OF_A_CLIENT: u64 = 5;

/// The client, and what it was told.
pub struct Good {
    base: String,
    token: String,
    admin: String,
    client: Client,
    rounds: u64,
    /// How long each answer took, and to which kind of request.
    waited: Vec<(Duration, &'static str)>,
    /// Each answer that was wrong or did not come.
    pub failures: Vec<String>,
}

impl Good {
    /// A client of the tenant with that base URL and token. `admin` is the URL of the listener for
    /// administrators.
    pub fn new(base: String, token: String, admin: String) -> Self {
        let client = Client::new(&base, &token);
        Self { base, token, admin, client, rounds: 0, waited: Vec::new(), failures: Vec::new() }
    }

    /// How many requests were sent.
    pub fn requests(&self) -> usize {
        self.waited.len()
    }

    /// The time within which so many of a hundred answers came, and to what kind of request the last of them was.
    pub fn percentile(&self, percent: usize) -> (Duration, &'static str) {
        let mut waited = self.waited.clone();
        waited.sort_unstable();
        waited.get((waited.len() * percent / 100).min(waited.len().saturating_sub(1))).copied().unwrap_or_default()
    }

    /// A user's life: made, read, found, changed, listed, removed, gone. It ends where an answer is none.
    pub async fn work(&mut self) {
        let _ = self.round().await;
    }

    async fn round(&mut self) -> Option<()> {
        if self.rounds.is_multiple_of(ROUNDS_OF_A_CLIENT) {
            self.client = Client::new(&self.base, &self.token);
        }
        self.rounds += 1;
        let name = format!("good-{}", self.rounds);
        let user = json!({"schemas": [USER], "userName": name, "emails": [{"value": format!("{name}@example.com")}]});
        let made = self.ask("POST", "/Users", Some(user), |made| is(made, 201, "userName", &name)).await?;
        let path = format!("/Users/{}", made.json["id"].as_str().unwrap_or_default());
        self.ask("GET", &path, None, |read| read.status == 200 && read.json == made.json).await?;
        let query = format!("/Users?filter=emails.value%20eq%20%22{name}@example.com%22");
        self.ask("GET", &query, None, |found| {
            found.status == 200
                && found.json["totalResults"] == 1
                && found.json["Resources"][0]["id"] == made.json["id"]
        })
        .await?;
        let change = patch_body(&json!([{"op": "replace", "path": "title", "value": name}]));
        self.ask("PATCH", &path, Some(change), |changed| is(changed, 200, "title", &name)).await?;
        self.ask("GET", "/Users?count=10", None, |list| {
            list.status == 200 && list.json["Resources"].as_array().is_some_and(|users| !users.is_empty())
        })
        .await?;
        for (page, text) in [("healthz", "ok"), ("readyz", "ready")] {
            let url = format!("{}/{page}", self.admin);
            self.ask("GET", &url, None, |answer| answer.status == 200 && answer.text.trim() == text).await?;
        }
        self.ask("DELETE", &path, None, |gone| gone.status == 204).await?;
        self.ask("GET", &path, None, |gone| gone.status == 404).await?;
        Some(())
    }

    /// One request, and whether what comes is right. Gives the answer if it is.
    async fn ask(
        &mut self,
        method: &'static str,
        path: &str,
        body: Option<Value>,
        right: impl Fn(&Response) -> bool,
    ) -> Option<Response> {
        let bearer = self.client.authorization();
        let headers = [("authorization", bearer.as_str()), ("content-type", "application/scim+json")];
        let headers = if path.starts_with("http") { &[][..] } else { &headers[..] };
        let asked = Instant::now();
        let answer = self.client.try_send(method, path, headers, body.map(|body| body.to_string()));
        let answer = tokio::time::timeout(PATIENCE, answer).await;
        self.waited.push((asked.elapsed(), if path.starts_with("http") { "health" } else { method }));
        let wrong = match answer {
            Ok(Ok(answer)) if right(&answer) => return Some(answer),
            Ok(Ok(answer)) => format!("{} {}", answer.status, answer.text),
            Ok(Err(error)) => error,
            Err(_) => "no answer in time".to_owned(),
        };
        self.failures.push(format!("{method} {path}: {wrong}"));
        None
    }
}

fn is(answer: &Response, status: u16, attribute: &str, value: &str) -> bool {
    answer.status == status && answer.json[attribute] == value
}
