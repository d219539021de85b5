//! Data types: a value comes back as it was sent, and nothing of another type is taken for one.

use serde_json::{Value, json};

use super::{
    attributes::{Place, find, is_plain},
    time::is_time,
};
use crate::{
    case::{
        Area, Case,
        Need::{self, Attribute, Type},
        run,
    },
    context::Context,
    ensure,
    exchange::Answer,
    verdict::{Outcome, Stop, brief},
};

pub const AREA: Area = Area { tag: "type", title: "Data types (RFC 7643 §2.3)", cases: CASES };

const USERS: &[Need] = &[Type("User")];

const CASES: &[Case] = &[
    Case::must(
        "type-string",
        "RFC 7643 §2.3.1",
        "A string comes back as a string.",
        run!(keeps, "string", json!("A b")),
    )
    .needs(USERS),
    Case::must(
        "type-boolean",
        "RFC 7643 §2.3.2",
        "A boolean comes back as true or false.",
        run!(keeps, "boolean", json!(false)),
    )
    .needs(USERS),
    Case::must(
        "type-decimal",
        "RFC 7643 §2.3.3",
        "A decimal comes back as a number.",
        run!(keeps, "decimal", json!(2.5)),
    )
    .needs(USERS),
    Case::must(
        "type-integer",
        "RFC 7643 §2.3.4",
        "An integer comes back as a number.",
        run!(keeps, "integer", json!(-7)),
    )
    .needs(USERS),
    Case::must("type-date-time", "RFC 7643 §2.3.5", "A dateTime comes back as the same instant.", run!(keeps_time))
        .needs(USERS),
    Case::must(
        "type-binary",
        "RFC 7643 §2.3.6",
        "A binary comes back as a string in base64.",
        run!(keeps, "binary", json!("c2NpbQ==")),
    )
    .needs(USERS),
    Case::must(
        "type-reference",
        "RFC 7643 §2.3.7",
        "A reference comes back as the URI that was sent, with its case.",
        run!(keeps, "reference", json!("https://example.com/Photos/Ada.png")),
    )
    .needs(USERS),
    Case::must(
        "type-wrong-boolean",
        "RFC 7643 §2.3.2",
        "No boolean holds anything but true and false.",
        run!(refuses, "boolean", json!("perhaps")),
    )
    .needs(USERS),
    Case::must(
        "type-wrong-decimal",
        "RFC 7643 §2.3.3",
        "No decimal holds anything but a number.",
        run!(refuses, "decimal", json!("heavy")),
    )
    .needs(USERS),
    Case::must(
        "type-wrong-integer",
        "RFC 7643 §2.3.4",
        "No integer holds anything but a number.",
        run!(refuses, "integer", json!("many")),
    )
    .needs(USERS),
    Case::must(
        "type-integer-fraction",
        "RFC 7643 §2.3.4",
        "No integer has a fraction.",
        run!(refuses, "integer", json!(1.5)),
    )
    .needs(USERS),
    Case::must(
        "type-wrong-date-time",
        "RFC 7643 §2.3.5",
        "No dateTime holds anything but a date and a time.",
        run!(refuses, "dateTime", json!("yesterday")),
    )
    .needs(USERS),
    Case::must(
        "type-date-without-time",
        "RFC 7643 §2.3.5",
        "No dateTime is a date alone.",
        run!(refuses, "dateTime", json!("2026-01-01")),
    )
    .needs(USERS),
    Case::must(
        "type-wrong-string",
        "RFC 7643 §2.3.1",
        "No string holds an object.",
        run!(refuses, "string", json!({"a": "b"})),
    )
    .needs(USERS),
    Case::must(
        "type-wrong-complex",
        "RFC 7643 §2.3.8",
        "No complex attribute holds a text.",
        run!(not_taken, "name", json!("Ada Quill")),
    )
    .needs(&[Attribute("User", "name.familyName")]),
    Case::must(
        "type-list-for-one",
        "RFC 7643 §2.1",
        "No attribute that has one value holds a list.",
        run!(not_taken, "nickName", json!(["Ann", "Babs"])),
    )
    .needs(&[Attribute("User", "nickName")]),
    Case::must(
        "type-list",
        "RFC 7643 §2.4",
        "A multi-valued attribute with one value is a list too.",
        run!(list_of_one),
    )
    .needs(&[Attribute("User", "emails.type")])
    .about_keeping(),
];

/// An attribute of this type that has one value and can be written and read. A boolean `active` is
/// left alone when there is another, since it may do more than hold a value.
fn of<'a>(scim: &'a Context, kind: &str) -> Result<Place<'a>, Stop> {
    let plain = |one: &Value| one["type"] == kind && is_plain(one) && one["uniqueness"] != "server";
    let what = format!("of the type {kind} with one value to write");
    let free = |one: &Value| one["canonicalValues"].as_array().is_none_or(Vec::is_empty);
    let preferred = |one: &Value| plain(one) && free(one) && !["active", "userName", "locale"].contains(&name(one));
    find(scim, &what, preferred).or_else(|_| find(scim, &what, plain))
}

fn name(attribute: &Value) -> &str {
    attribute["name"].as_str().unwrap_or_default()
}

async fn keeps(scim: &Context, kind: &str, value: Value) -> Outcome {
    let place = of(scim, kind)?;
    let user = scim.read(&scim.user().with(place.holding(&value)).create().await?).await?;
    let got = place.value(&user);
    let same = *got == value || got.as_f64().is_some_and(|got| value.as_f64() == Some(got));
    ensure!(same, "Expected {} to be {value}; it is {}.", place.path(), brief(got));
    Ok(())
}

async fn keeps_time(scim: &Context) -> Outcome {
    let place = of(scim, "dateTime")?;
    let sent = "2026-02-03T04:05:06+02:00";
    let user = scim.read(&scim.user().with(place.holding(&json!(sent))).create().await?).await?;
    let got = place.value(&user).as_str().unwrap_or_default();
    let expect = is_time(sent, "the value that was sent")?;
    let instant = is_time(got, &place.path())?;
    ensure!(instant == expect, "Expected {} to be {sent}; it is {got}.", place.path());
    Ok(())
}

/// Demands that a value of another type is refused, or at least not taken for one of this type.
async fn refuses(scim: &Context, kind: &str, value: Value) -> Outcome {
    let place = of(scim, kind)?;
    let answer = scim.user().with(place.holding(&value)).post().await?;
    scim.post_refused_or_taken(&answer).await?;
    not_in(&answer, &place.path(), |user| place.value(user).clone(), &value)
}

async fn not_taken(scim: &Context, name: &str, value: Value) -> Outcome {
    let name = scim.text_name(name);
    let mut body = scim.user().body().clone();
    body[name] = value.clone();
    let answer = scim.post(scim.users(), &body).await?;
    scim.post_refused_or_taken(&answer).await?;
    not_in(&answer, name, |user| user[name].clone(), &value)
}

fn not_in(answer: &Answer, name: &str, read: impl Fn(&Value) -> Value, value: &Value) -> Outcome {
    let got = if answer.status < 300 { read(answer.json()) } else { Value::Null };
    ensure!(got != *value, "Expected {name} not to be {value}, which is of another type; it is.");
    Ok(())
}

async fn list_of_one(scim: &Context) -> Outcome {
    let emails = json!([{"value": "{n}a@example.com", "type": "work"}]);
    let user = scim.read(&scim.user().with(json!({"emails": emails})).create().await?).await?;
    let got = &user["emails"];
    ensure!(got.is_array(), "Expected emails to be a list; it is {}.", brief(got));
    Ok(())
}
