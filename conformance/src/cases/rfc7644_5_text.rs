//! Text of the whole world: kept, compared and found (RFC 7644 §5 and §3.8).

use serde_json::{Value, json};

use crate::{
    case::{
        Area, Case,
        Need::{self, Attribute, Filter, Patch, Type},
        run,
    },
    context::{Context, Resource},
    ensure,
    verdict::{Outcome, Stop, brief, equals, holds},
};

pub const AREA: Area = Area { tag: "text", title: "Internationalised text (RFC 7644 §5)", cases: CASES };

const SECTION: &str = "RFC 7644 §5";
const NICK: &[Need] = &[Attribute("User", "nickName")];
const NICK_FILTER: &[Need] = &[Attribute("User", "nickName"), Filter];
const NAME: &[Need] = &[Attribute("User", "userName")];
const STRING: &str = "RFC 7643 §2.3.1";

const CASES: &[Case] = &[
    Case::must(
        "text-right-to-left",
        STRING,
        "Text that is written from right to left is kept.",
        run!(keeps, "مريم ‏שלום"),
    )
    .needs(NICK),
    Case::must("text-supplementary", STRING, "Characters above U+FFFF are kept.", run!(keeps, "𝒜da 🧑🏽‍🚀 𠮷")).needs(NICK),
    Case::must(
        "text-escaped",
        "RFC 7644 §3.1",
        "Characters may be written in a body as JSON's escapes, also in pairs.",
        run!(escaped),
    )
    .needs(NICK),
    Case::must(
        "text-quotes",
        STRING,
        "Quotes, backslashes and angle brackets are kept.",
        run!(keeps, "a \"b\" \\ <c> & 'd'"),
    )
    .needs(NICK),
    Case::must("text-patch", "RFC 7644 §3.5.2", "A PATCH sets a value of any script.", run!(patched))
        .needs(&[Attribute("User", "nickName"), Patch]),
    Case::must("text-group", STRING, "The name of a group may be of any script.", run!(group)).needs(&[Type("Group")]),
    Case::must(
        "text-filter",
        "RFC 7644 §3.4.2.2",
        "A filter finds a value of any script.",
        run!(finds, "曹操", r#"nickName eq "曹操{n}""#),
    )
    .needs(NICK_FILTER),
    Case::must(
        "text-filter-contains",
        "RFC 7644 §3.4.2.2",
        "co finds a part of a value of any script.",
        run!(finds, "Müller-Lüdenscheidt", r#"nickName co "er-Lüden" and nickName ew "{n}""#),
    )
    .needs(NICK_FILTER),
    Case::must(
        "text-filter-supplementary",
        "RFC 7644 §3.4.2.2",
        "sw finds a value by characters above U+FFFF.",
        run!(finds, "🧑‍🚀 Ada", r#"nickName sw "🧑‍🚀" and nickName ew "{n}""#),
    )
    .needs(NICK_FILTER),
    Case::must(
        "text-filter-escape",
        "RFC 7644 §3.4.2.2",
        "A value in a filter may have JSON's escapes in pairs.",
        run!(finds, "🙂", r#"nickName eq "\ud83d\ude42{n}""#),
    )
    .needs(NICK_FILTER),
    Case::must(
        "text-filter-case",
        "RFC 7644 §3.4.2.2",
        "Letters beyond ASCII are compared without case where the attribute is not caseExact.",
        run!(finds, "Žofie Ångström", r#"nickName eq "žOFIE åNGSTRÖM{n}""#),
    )
    .needs(NICK_FILTER),
    Case::must(
        "text-filter-plus",
        "RFC 7644 §1.2",
        "A plus sign and a percent sign in a filter that is percent-encoded are themselves.",
        run!(finds, "a+b 100%25", r#"nickName eq "a+b 100%25{n}""#),
    )
    .needs(NICK_FILTER),
    Case::must(
        "text-user-name-case",
        SECTION,
        "Two userNames that differ in the case of letters beyond ASCII are the same.",
        run!(same_name, "ÉLODIE", "élodie"),
    )
    .needs(NAME),
    Case::must(
        "text-user-name-composed",
        SECTION,
        "A userName with a composed letter and one with a letter and an accent are the same.",
        run!(same_name, "am\u{e9}lie", "ame\u{301}lie"),
    )
    .needs(NAME),
    Case::must(
        "text-user-name-width",
        SECTION,
        "A userName in fullwidth letters and one in ordinary letters are the same.",
        run!(same_name, "\u{ff21}da", "Ada"),
    )
    .needs(NAME),
    Case::must(
        "text-user-name-filter",
        SECTION,
        "A filter finds a userName with a composed letter by the letter and its accent.",
        run!(found_composed),
    )
    .needs(&[Attribute("User", "userName"), Filter]),
];

async fn keeps(scim: &Context, text: &str) -> Outcome {
    let user = scim.user().with(json!({"nickName": text})).create().await?;
    equals(&scim.read(&user).await?, &scim.at("nickName"), text)
}

async fn escaped(scim: &Context) -> Outcome {
    let draft = scim.user().with(json!({"nickName": "ESCAPED"}));
    let body = draft.body().to_string().replace("ESCAPED", "\\u00e9 \\ud83d\\ude42");
    let answer = draft.post().text("application/scim+json", &body).await?;
    scim.post_taken(&answer).await?;
    let user = draft.made(&answer).await?;
    equals(&scim.read(&user).await?, &scim.at("nickName"), "é 🙂")
}

async fn patched(scim: &Context) -> Outcome {
    let user = scim.user().create().await?;
    let read = scim.modified(&user, json!([{"op": "replace", "path": "nickName", "value": "Žofie 曹操"}])).await?;
    equals(&read, &scim.at("nickName"), "Žofie 曹操")
}

async fn group(scim: &Context) -> Outcome {
    let name = format!("{} Führungskräfte 管理者", scim.fresh_name());
    let group = scim.group().with(json!({"displayName": name})).create().await?;
    equals(&scim.read(&group).await?, "/displayName", name)
}

/// Demands that a filter finds the user whose nickName is the text and `{n}`, which is a number of
/// this run.
async fn finds(scim: &Context, text: &str, filter: &str) -> Outcome {
    let n = format!(" {}", scim.fresh_name());
    let user = scim.user().with(json!({"nickName": format!("{text}{n}")})).create().await?;
    let filter = filter.replace("{n}", &n);
    let found = scim.filtered_near(&user, &filter).await?;
    let ids: Vec<_> = found.iter().map(|one| &one["id"]).collect();
    ensure!(ids == [&json!(user.id)], "Expected the filter {filter} to find the user; it finds {}.", ids.len());
    Ok(())
}

/// A userName that a server may refuse for its characters: then nothing is known of the comparison.
async fn make(scim: &Context, name: &str) -> Result<Resource, Stop> {
    let draft = scim.user().with(json!({"userName": name}));
    let answer = draft.post().await?;
    if answer.status == 400 || answer.status == 403 {
        return Err(Stop::Skip(format!("The server does not take the userName {name}: it answers {}.", answer.status)));
    }
    draft.made(&answer).await
}

async fn same_name(scim: &Context, one: &str, other: &str) -> Outcome {
    let end = format!("-{}@example.com", scim.fresh_name());
    let (one, other) = (format!("{one}{end}"), format!("{other}{end}"));
    make(scim, &one).await?;
    let answer = scim.user().with(json!({"userName": other})).post().await?;
    // How it is refused is for create-duplicate.
    let fits = answer.status >= 400;
    ensure!(fits, "Expected the userName {other} to be refused, since {one} is the same; got {}.", answer.status);
    Ok(())
}

async fn found_composed(scim: &Context) -> Outcome {
    let end = format!("-{}@example.com", scim.fresh_name());
    let user = make(scim, &format!("am\u{e9}lie{end}")).await?;
    let filter = format!("userName eq \"ame\u{301}lie{end}\"");
    let found = scim.filtered(&scim.users(), &filter).await?;
    ensure!(found.len() == 1, "Expected {filter} to find the user; it finds {}.", found.len());
    let expect = json!({"id": user.id});
    holds(found.first().unwrap_or(&Value::Null), &expect)
        .map_err(|_| Stop::Unmet(format!("Expected {filter} to find the user; it finds {}.", brief(&json!(found)))))
}
