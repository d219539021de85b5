//! Faults: what is done to requests before a sound server sees them, and to its answers afterwards.
//!
//! A fault is written as what a bad server does: `on("PATCH /Users/*").pretends()` says done and does
//! nothing; `on("GET /Users").asks("filter", " eq ", " co ")` understands eq as co. Most faults of real
//! servers are of a few kinds, and each kind is a method here.

use serde_json::Value;

use super::{Answer, Asked, Service};

type Before = Box<dyn Fn(&Service, &mut Asked) -> Option<Answer> + Send + Sync>;
type After = Box<dyn Fn(&Asked, &mut Answer) + Send + Sync>;

/// One way to be wrong.
pub struct Fault {
    on: On,
    before: Option<Before>,
    after: Option<After>,
}

/// Which requests it strikes: a method and a path, `*` for any method or any segment, and `**` for
/// any path; and words in the query or the body.
#[derive(Debug, Clone)]
pub struct On {
    method: &'static str,
    path: &'static str,
    having: Vec<&'static str>,
    lacking: Vec<&'static str>,
}

/// `on("GET /Users/*")`
#[track_caller]
pub fn on(pattern: &'static str) -> On {
    let (method, path) = pattern.split_once(' ').expect("a method and a path");
    On { method, path, having: Vec::new(), lacking: Vec::new() }
}

impl On {
    /// Only requests with this text in the decoded query (`name=value&…`) or the body.
    pub fn having(mut self, text: &'static str) -> Self {
        self.having.push(text);
        self
    }

    /// Only requests without it.
    pub fn lacking(mut self, text: &'static str) -> Self {
        self.lacking.push(text);
        self
    }

    fn strikes(&self, asked: &Asked) -> bool {
        let method = self.method == "*" || self.method == asked.method;
        let path = self.path == "**" || {
            let (mut wanted, mut given) = (self.path.split('/'), asked.path.split('/'));
            loop {
                match (wanted.next(), given.next()) {
                    (None, None) => break true,
                    (Some(wanted), Some(given)) if wanted == "*" || wanted == given => {}
                    _ => break false,
                }
            }
        };
        if !method || !path {
            return false;
        }
        let query: Vec<_> = asked.query.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let headers: Vec<_> = asked.headers.iter().map(|(name, value)| format!("{name}: {value}")).collect();
        let text = format!("{}\n{}\n{}", query.join("&"), headers.join("\n"), asked.body);
        self.having.iter().all(|one| text.contains(one)) && !self.lacking.iter().any(|one| text.contains(one))
    }

    /// Changes the request.
    pub fn takes(self, change: impl Fn(&mut Asked) + Send + Sync + 'static) -> Fault {
        let before: Before = Box::new(move |_, asked| {
            change(asked);
            None
        });
        Fault { on: self, before: Some(before), after: None }
    }

    /// Changes the answer.
    pub fn gives(self, change: impl Fn(&Asked, &mut Answer) + Send + Sync + 'static) -> Fault {
        Fault { on: self, before: None, after: Some(Box::new(change)) }
    }

    /// Does nothing and answers with this status and no body.
    pub fn refuses(self, status: u16) -> Fault {
        Fault { on: self, before: Some(Box::new(move |_, _| Some(Answer::empty(status)))), after: None }
    }

    /// Does nothing and says that all is well: 204 to DELETE, else 200 with the resource as it is.
    pub fn pretends(self) -> Fault {
        let before: Before = Box::new(|service, asked| {
            if asked.method == "DELETE" {
                return Some(Answer::empty(204));
            }
            let look = Asked { method: "GET".to_owned(), body: String::new(), query: Vec::new(), ..asked.clone() };
            Some(service.answer(&look))
        });
        Fault { on: self, before: Some(before), after: None }
    }

    /// Takes for a creation what a sound server refuses, and answers with what was sent.
    pub fn swallows(self) -> Fault {
        self.gives(|asked, answer| {
            if answer.status >= 400 {
                let mut body = asked.json();
                body["id"] = Value::from("made-up");
                *answer = Answer::new(201, body);
            }
        })
    }

    /// Answers with another status.
    pub fn status(self, status: u16) -> Fault {
        self.gives(move |_, answer| answer.status = status)
    }

    /// Reads a query parameter as if this part of it were another.
    pub fn asks(self, name: &'static str, part: &'static str, other: &'static str) -> Fault {
        self.takes(move |asked| {
            for (known, value) in &mut asked.query {
                if known.eq_ignore_ascii_case(name) {
                    *value = value.replace(part, other);
                }
            }
        })
    }

    /// Does not know a query parameter.
    pub fn ignores(self, name: &'static str) -> Fault {
        self.takes(move |asked| asked.query.retain(|(known, _)| !known.eq_ignore_ascii_case(name)))
    }

    /// Does not see a request header.
    pub fn overlooks(self, name: &'static str) -> Fault {
        self.takes(move |asked| asked.headers.retain(|(known, _)| known != name))
    }

    /// Reads the body as if this part of it were another.
    pub fn reads(self, part: &'static str, other: &'static str) -> Fault {
        self.takes(move |asked| asked.body = asked.body.replace(part, other))
    }

    /// Says this at a JSON pointer; `*` stands for each element of an array.
    pub fn says(self, pointer: &'static str, value: Value) -> Fault {
        self.gives(move |_, answer| {
            if let Some(body) = &mut answer.body {
                at(body, pointer, &mut |parent, name| match parent {
                    Value::Object(members) => {
                        members.insert(name.to_owned(), value.clone());
                    }
                    Value::Array(elements) => {
                        if let Some(place) = name.parse::<usize>().ok().and_then(|i| elements.get_mut(i)) {
                            *place = value.clone();
                        }
                    }
                    _ => {}
                });
            }
        })
    }

    /// Leaves out what is at a JSON pointer; `*` stands for each element of an array.
    pub fn omits(self, pointer: &'static str) -> Fault {
        self.gives(move |_, answer| {
            if let Some(body) = &mut answer.body {
                at(body, pointer, &mut |parent, name| match parent {
                    Value::Object(members) => {
                        members.shift_remove(name);
                    }
                    Value::Array(elements) => {
                        if let Some(i) = name.parse().ok().filter(|i| *i < elements.len()) {
                            elements.remove(i);
                        }
                    }
                    _ => {}
                });
            }
        })
    }

    /// Sends this header; an empty value leaves it out.
    pub fn header(self, name: &'static str, value: &'static str) -> Fault {
        self.gives(move |_, answer| {
            answer.headers.retain(|(known, _)| known != name);
            if !value.is_empty() {
                answer.headers.push((name.to_owned(), value.to_owned()));
            }
        })
    }

    /// Sends no body.
    pub fn empty(self) -> Fault {
        self.gives(|_, answer| answer.body = None)
    }

    /// Sends this in place of the body.
    pub fn text(self, text: &'static str) -> Fault {
        self.gives(move |_, answer| answer.text = Some(text.to_owned()))
    }
}

impl Fault {
    /// And answers with another status.
    pub fn but_says(self, status: u16) -> Self {
        Self { after: Some(Box::new(move |_, answer| answer.status = status)), ..self }
    }

    /// The answer of the service, with this fault.
    pub fn answer(&self, service: &Service, asked: &mut Asked) -> Answer {
        if !self.on.strikes(asked) {
            return service.answer(asked);
        }
        let original = asked.clone();
        let before = self.before.as_ref().and_then(|before| before(service, asked));
        let mut answer = before.unwrap_or_else(|| service.answer(asked));
        if let Some(after) = &self.after {
            after(&original, &mut answer);
        }
        answer
    }
}

/// Calls `act` with the parent and the last step of each place that the pointer names.
fn at(value: &mut Value, pointer: &str, act: &mut impl FnMut(&mut Value, &str)) {
    let steps: Vec<_> = pointer.split('/').skip(1).map(|step| step.replace("~1", "/")).collect();
    walk(value, &steps, act);
}

fn walk(value: &mut Value, steps: &[String], act: &mut impl FnMut(&mut Value, &str)) {
    match steps {
        [] => {}
        [last] if last != "*" => act(value, last),
        [first, rest @ ..] => match value {
            Value::Array(elements) if first == "*" => elements.iter_mut().for_each(|one| walk(one, rest, act)),
            Value::Array(elements) => {
                if let Some(one) = first.parse::<usize>().ok().and_then(|i| elements.get_mut(i)) {
                    walk(one, rest, act);
                }
            }
            Value::Object(members) => {
                if let Some(one) = members.get_mut(first) {
                    walk(one, rest, act);
                }
            }
            _ => {}
        },
    }
}
