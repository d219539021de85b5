//! Requests that are too deep, too long or no text, and several at once: they are answered as what they are, show
//! nothing of how the server is made, and break nothing.

use futures_util::future::join_all;
use serde_json::{Value, json};

use super::rfc7643_4_2_groups::shows_members;
use crate::{
    case::{
        Area, Case,
        Need::{self, Attribute, Filter, Patch, Type},
        run,
    },
    context::Context,
    ensure,
    exchange::{Answer, SCIM_JSON},
    verdict::{Outcome, Stop, holds, shorten},
};

pub const AREA: Area = Area { tag: "robust", title: "Robustness (RFC 7644 §3.12)", cases: CASES };

const STATUS: &str = "RFC 7644 §3.12";
const USERS: &[Need] = &[Type("User")];
const FILTERS: &[Need] = &[Type("User"), Filter];
const NICK: &[Need] = &[Attribute("User", "nickName")];

const CASES: &[Case] = &[
    Case::should(
        "robust-deep-filter",
        STATUS,
        "A filter of two hundred brackets in each other is answered or refused, and breaks nothing.",
        run!(filter, DEEP),
    )
    .needs(FILTERS),
    Case::should(
        "robust-long-filter",
        STATUS,
        "A filter of a hundred conditions is answered or refused, and breaks nothing.",
        run!(filter, LONG),
    )
    .needs(FILTERS),
    Case::should(
        "robust-filter-nul",
        STATUS,
        "A filter with a NUL character is answered or refused, and breaks nothing.",
        run!(filter, NUL),
    )
    .needs(FILTERS),
    Case::should(
        "robust-filter-injection",
        STATUS,
        "A filter whose value has quotes, comments and wildcards of databases finds nobody, and breaks nothing.",
        run!(injected_filter),
    )
    .needs(FILTERS),
    Case::should(
        "robust-query-not-utf8",
        STATUS,
        "A query with bytes that are not UTF-8 is answered or refused, and breaks nothing.",
        run!(not_utf8),
    )
    .needs(USERS),
    Case::should(
        "robust-deep-body",
        STATUS,
        "A body of a thousand lists in each other is refused, and breaks nothing.",
        run!(body, DEEP),
    )
    .needs(USERS),
    Case::should(
        "robust-body-not-utf8",
        STATUS,
        "A body with bytes that are not UTF-8 is answered or refused, and breaks nothing.",
        run!(body, BYTES),
    )
    .needs(USERS),
    Case::should(
        "robust-large-body",
        STATUS,
        "A body of two megabytes is answered or refused, and breaks nothing.",
        run!(large),
    )
    .needs(NICK),
    Case::should(
        "robust-duplicate-keys",
        STATUS,
        "A body with the same member twice is answered or refused, and breaks nothing.",
        run!(body, TWICE),
    )
    .needs(USERS),
    Case::should(
        "robust-nul",
        STATUS,
        "A text with a NUL character is kept or refused, and breaks nothing.",
        run!(text, "a\u{0}b"),
    )
    .needs(NICK),
    Case::must(
        "robust-injection",
        "RFC 7643 §2.3.1",
        "A text with quotes, comments and templates of databases and shells is kept as it is, or refused.",
        run!(text, INJECTION),
    )
    .needs(NICK),
    Case::should(
        "robust-odd-id",
        STATUS,
        "A GET of an id with NUL and quotes is answered in HTTP, and breaks nothing.",
        run!(odd_id),
    )
    .needs(USERS),
    Case::should(
        "robust-error-internals",
        STATUS,
        "No error shows the insides of the server: traces, statements, names of source files.",
        run!(internals),
    )
    .needs(USERS),
    Case::must(
        "robust-members-at-once",
        "RFC 7644 §3.5.2",
        "When several clients add members at once, all are kept whose request succeeded.",
        run!(at_once),
    )
    .needs(&[Patch, Attribute("Group", "members.value"), Type("User")]),
];

const DEEP: &str = "deep";
const LONG: &str = "long";
const NUL: &str = "nul";
const TWICE: &str = "twice";
const BYTES: &str = "bytes";
/// What is special to databases, shells and templates.
pub(super) const INJECTION: &str = "a'; DROP TABLE users; -- \" \\ ${7*7} {{7*7}} $(id) %00 *)(uid=*";

/// Demands that an answer is none of a broken server.
fn holds_up(answer: &Answer) -> Outcome {
    // 501 is an answer, and 503 never comes here.
    let broken = answer.status >= 500 && answer.status != 501;
    ensure!(!broken, "Expected {} to be answered or refused; got {}.", shorten(&answer.asked(), 120), answer.status);
    Ok(())
}

/// Demands that the server answers as before.
async fn is_well(scim: &Context) -> Outcome {
    let mut answer = scim.get(scim.users()).query("count", 1).query("attributes", "userName").await?;
    if answer.status >= 500 {
        // Perhaps it is the parameters that it always fails at.
        answer = scim.get(scim.users()).await?;
    }
    ensure!(answer.status < 500, "Expected the server to answer as before; it answers {}.", answer.status);
    Ok(())
}

async fn filter(scim: &Context, kind: &str) -> Outcome {
    let one = format!("userName eq \"{}\"", scim.own_word());
    let filter = match kind {
        DEEP => format!("{}{one}{}", "(".repeat(200), ")".repeat(200)),
        NUL => "userName eq \"a\u{0}b\"".to_owned(),
        _ => vec![one; 100].join(" or "),
    };
    holds_up(&scim.get(scim.users()).filter(filter).query("attributes", "userName").await?)?;
    is_well(scim).await
}

async fn injected_filter(scim: &Context) -> Outcome {
    // There is somebody to be found.
    scim.people().await?;
    let answer = scim.get(scim.users()).filter("userName eq \"' or '1'='1' -- *\"").query("attributes", "id").await?;
    holds_up(&answer)?;
    let found = answer.json()["Resources"].as_array().map_or(0, Vec::len);
    ensure!(found == 0, "Expected the filter to find nobody; it finds {found}.");
    is_well(scim).await
}

async fn not_utf8(scim: &Context) -> Outcome {
    holds_up(&scim.get(format!("{}?attributes=userName&sortBy=%ff%fe", scim.users())).await?)?;
    is_well(scim).await
}

/// A body that is nobody's idea of a user.
async fn body(scim: &Context, kind: &str) -> Outcome {
    let draft = scim.user();
    let name = json!(draft.name());
    let written = match kind {
        DEEP => format!("{{\"userName\":{}{}}}", "[".repeat(1000), "]".repeat(1000)).into_bytes(),
        TWICE => draft.body().to_string().replacen('{', &format!("{{\"userName\":{name},"), 1).into_bytes(),
        _ => {
            // Two bytes that no text in UTF-8 has, at the end of the name.
            let text = draft.body().to_string();
            let (before, after) = text.split_once(draft.name()).unwrap_or((&text, ""));
            [before.as_bytes(), draft.name().as_bytes(), b"\xff\xfe", after.as_bytes()].concat()
        }
    };
    holds_up(&draft.post().bytes(SCIM_JSON, written).await?)?;
    is_well(scim).await
}

async fn large(scim: &Context) -> Outcome {
    let draft = scim.user().with(json!({"nickName": "x".repeat(2 << 20)}));
    match draft.post().await {
        Ok(answer) => holds_up(&answer)?,
        // A server may close the connection before it has read everything.
        Err(Stop::Error(_)) => {}
        Err(other) => return Err(other),
    }
    is_well(scim).await
}

async fn text(scim: &Context, text: &str) -> Outcome {
    let draft = scim.user().with(json!({"nickName": text}));
    let answer = draft.post().await?;
    scim.post_refused_or_taken(&answer).await?;
    if answer.status < 300 {
        let user = draft.made(&answer).await?;
        holds(&scim.read(&user).await?, &scim.fill(json!({"nickName": text})))?;
    }
    is_well(scim).await
}

async fn odd_id(scim: &Context) -> Outcome {
    match scim.get(format!("{}/%00%27%22", scim.users())).await {
        Ok(answer) => holds_up(&answer)?,
        // What cannot be read is no answer, while other requests are answered.
        Err(Stop::Error(why)) => {
            is_well(scim).await?;
            return Err(Stop::Unmet(format!("Expected an answer. {why}")));
        }
        Err(other) => return Err(other),
    }
    is_well(scim).await
}

/// Words that only the insides of a server have.
const INSIDES: [&str; 14] = [
    "Traceback (most recent call last)",
    "\tat java.",
    "\tat org.",
    "at Object.<anonymous>",
    "node_modules",
    "stack trace",
    "System.NullReferenceException",
    "goroutine ",
    "panicked at",
    "SQLSTATE",
    "ORA-0",
    "SELECT * FROM",
    "site-packages",
    "java.lang.",
];

async fn internals(scim: &Context) -> Outcome {
    let users = scim.users();
    let answers = [
        scim.user().post().text("application/scim+json", "{\"userName\": ").await?,
        scim.post(&users, &json!([1, 2])).await?,
        scim.post(&users, &json!({"schemas": "x", "userName": {"a": []}})).await?,
        scim.get(&users).filter("userName eq eq (").await?,
        scim.get(&users).query("startIndex", "x").query("count", "99999999999999999999").await?,
    ];
    for answer in &answers {
        for words in INSIDES.iter().filter(|_| answer.status >= 400) {
            let shows = answer.body.contains(words);
            ensure!(!shows, "Expected no insides in the error of {}; it has \"{words}\".", answer.asked());
        }
    }
    Ok(())
}

/// How many clients add a member at once.
const CLIENTS: usize = 8;

async fn at_once(scim: &Context) -> Outcome {
    let first = scim.user().create().await?;
    let group = scim.group().with(json!({"members": [{"value": first.id}]})).create().await?;
    shows_members(&scim.read(&group).await?, &first.id)?;
    let mut users = Vec::new();
    for _ in 0..CLIENTS {
        users.push(scim.user().create().await?.id);
    }
    let additions = users.iter().map(|id| {
        let add = json!([{"op": "add", "path": "members", "value": [{"value": id}]}]);
        let call = scim.patch(&group.path, &add);
        async move { call.await }
    });
    let mut expect = Vec::new();
    for (id, answer) in users.iter().zip(join_all(additions).await) {
        // A server may refuse some, as with 409 or 412; what it says is done has to be done.
        if answer?.success().is_ok() {
            expect.push(json!({"value": id}));
        }
    }
    let read = scim.read(&group).await?;
    let kept =
        |member: &Value| read["members"].as_array().into_iter().flatten().any(|one| one["value"] == member["value"]);
    let lost = expect.iter().filter(|member| !kept(member)).count();
    ensure!(lost == 0, "Expected all {} members that were added at once; {lost} are lost.", expect.len());
    Ok(())
}
