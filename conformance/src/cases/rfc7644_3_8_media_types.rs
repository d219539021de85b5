//! Media types and character sets.

use serde_json::json;

use crate::{
    case::{
        Area, Case,
        Need::{self, Attribute, Type},
        run,
    },
    context::{Context, about},
    ensure,
    exchange::SCIM_JSON,
    verdict::{Outcome, equals},
};

pub const AREA: Area = Area { tag: "media", title: "Media types (RFC 7644 §3.8)", cases: CASES };

const SECTION: &str = "RFC 7644 §3.8";
const USERS: &[Need] = &[Type("User")];
const NAMES: &[Need] = &[Attribute("User", "displayName")];

const CASES: &[Case] = &[
    Case::must(
        "media-accept-scim",
        SECTION,
        "Accept: application/scim+json is answered with that type.",
        run!(accept, "application/scim+json", true),
    )
    .needs(USERS),
    Case::should(
        "media-accept-json",
        SECTION,
        "Accept: application/json is answered with JSON.",
        run!(accept, "application/json", false),
    )
    .needs(USERS),
    Case::should(
        "media-default",
        SECTION,
        "A request without Accept is answered with application/scim+json.",
        run!(accept, "", true),
    )
    .needs(USERS),
    Case::must(
        "media-send-scim",
        "RFC 7644 §8.1",
        "A body of the type application/scim+json is taken.",
        run!(send, "application/scim+json"),
    )
    .needs(USERS),
    Case::should(
        "media-send-charset",
        SECTION,
        "A body whose type names the character set UTF-8 is taken.",
        run!(send, "application/scim+json; charset=utf-8"),
    )
    .needs(USERS),
    Case::should(
        "media-send-json",
        SECTION,
        "A body of the type application/json is taken.",
        run!(send, "application/json"),
    )
    .needs(USERS),
    Case::must("media-utf8", SECTION, "Bodies are UTF-8 in both directions.", run!(utf8)).needs(NAMES),
    Case::must("media-json", SECTION, "Every answer with a body is a JSON document.", run!(json_document)).needs(USERS),
];

async fn accept(scim: &Context, accept: &str, exact: bool) -> Outcome {
    let user = scim.user().create().await?;
    let answer = scim.get(&user.path).header("accept", accept).await?;
    scim.get_taken(&answer).await?;
    let kind = answer.header("content-type").unwrap_or_default().to_ascii_lowercase();
    let essence = kind.split(';').next().unwrap_or_default().trim();
    let fits = essence == "application/scim+json" || (!exact && essence == "application/json");
    ensure!(fits, "Expected Content-Type application/scim+json; it is \"{kind}\".");
    Ok(())
}

async fn send(scim: &Context, media_type: &str) -> Outcome {
    let draft = scim.user();
    let answer = draft.post().text(media_type, &draft.body().to_string()).await?;
    if answer.success().is_err() && answer.status != 415 {
        // Is it the type?
        let other = if media_type == SCIM_JSON { "application/json" } else { SCIM_JSON };
        let draft = scim.user();
        let other = draft.post().text(other, &draft.body().to_string()).await?;
        other.success().map_err(|stop| about(stop, "create-status"))?;
    }
    answer.success()?;
    Ok(())
}

async fn utf8(scim: &Context) -> Outcome {
    let name = "Zoë Müller-Lüdenscheidt 東京";
    let user = scim.user().with(json!({"displayName": name})).create().await?;
    equals(&scim.read(&user).await?, "/displayName", name)
}

async fn json_document(scim: &Context) -> Outcome {
    let user = scim.user().create().await?;
    for path in [user.path, format!("{}?count=1", scim.users()), format!("{}/no-such-id", scim.users())] {
        let answer = scim.get(path).await?;
        // RFC 8259 §8.1, as RFC 7159 before it.
        let has_mark = answer.body.starts_with('\u{feff}');
        ensure!(!has_mark, "Expected no byte order mark before the JSON of {}; there is one.", answer.asked());
        if !answer.body.is_empty() {
            answer.object()?;
        }
    }
    Ok(())
}
