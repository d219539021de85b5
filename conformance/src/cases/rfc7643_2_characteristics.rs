//! What the characteristics of an attribute promise: mutability, returned, uniqueness, caseExact.

use serde_json::{Value, json};

use super::attributes::{Place, find, is_plain};
use crate::{
    case::{
        Area, Case,
        Need::{self, Attribute, Filter, Patch, Type},
        run,
    },
    context::{Context, Resource, as_error},
    discovery::named,
    draft, ensure,
    verdict::{Outcome, Stop, brief, unassigned},
};

pub const AREA: Area = Area { tag: "attribute", title: "Characteristics of attributes (RFC 7643 §2)", cases: CASES };

const MUTABILITY: &str = "RFC 7643 §7";
const USERS: &[Need] = &[Type("User")];
const PATCHED: &[Need] = &[Type("User"), Patch];
const EMAILS: &[Need] = &[Attribute("User", "emails.type"), Attribute("User", "emails.primary")];

const CASES: &[Case] = &[
    Case::must(
        "attribute-read-only-post",
        "RFC 7644 §3.3",
        "A POST with a value for a read-only attribute succeeds, and the value is ignored.",
        run!(read_only_post),
    )
    .needs(USERS),
    Case::must(
        "attribute-read-only-put",
        "RFC 7644 §3.5.1",
        "A PUT with a value for a read-only attribute succeeds, and the value is ignored.",
        run!(read_only_put),
    )
    .needs(USERS),
    Case::must(
        "attribute-read-only-patch",
        "RFC 7644 §3.5.2",
        "A PATCH of a read-only attribute is refused.",
        run!(read_only_patch),
    )
    .needs(PATCHED),
    Case::must(
        "attribute-immutable-post",
        MUTABILITY,
        "An immutable attribute can be set when the resource is made.",
        run!(immutable_post),
    )
    .needs(USERS),
    Case::must(
        "attribute-immutable-put-same",
        "RFC 7644 §3.5.1",
        "A PUT with the value that an immutable attribute has succeeds.",
        run!(immutable_put_same),
    )
    .needs(USERS),
    Case::must(
        "attribute-immutable-put-other",
        "RFC 7644 §3.5.1",
        "A PUT does not change an immutable attribute that has a value.",
        run!(immutable_put_other, false),
    )
    .needs(USERS),
    Case::should(
        "attribute-immutable-put-error",
        "RFC 7644 §3.5.1",
        "A PUT with another value for an immutable attribute is refused with 400 mutability.",
        run!(immutable_put_other, true),
    )
    .needs(USERS),
    Case::must(
        "attribute-immutable-put-first",
        "RFC 7644 §3.5.1",
        "A PUT gives a value to an immutable attribute that has none.",
        run!(immutable_put_first),
    )
    .needs(USERS),
    Case::must(
        "attribute-immutable-patch",
        "RFC 7644 §3.5.2",
        "A PATCH of an immutable attribute that has a value is refused.",
        run!(immutable_patch),
    )
    .needs(PATCHED),
    Case::must(
        "attribute-immutable-patch-first",
        "RFC 7644 §3.5.2",
        "A PATCH may add a value to an immutable attribute that has none.",
        run!(immutable_patch_first),
    )
    .needs(PATCHED),
    Case::must(
        "attribute-write-only",
        MUTABILITY,
        "A write-only attribute is not returned, also when it is asked for.",
        run!(hidden, "mutability", "writeOnly"),
    )
    .needs(USERS),
    Case::must(
        "attribute-never",
        MUTABILITY,
        "An attribute with returned never is not returned, also when it is asked for.",
        run!(hidden, "returned", "never"),
    )
    .needs(USERS),
    Case::must(
        "attribute-request-asked",
        MUTABILITY,
        "An attribute with returned request is returned to a GET that asks for it.",
        run!(request_asked),
    )
    .needs(USERS),
    Case::must(
        "attribute-request-default",
        MUTABILITY,
        "An attribute with returned request is not returned to a GET that does not ask for it.",
        run!(request_default),
    )
    .needs(USERS),
    Case::must(
        "attribute-request-post",
        MUTABILITY,
        "An attribute with returned request is in the answer to the POST that sets it.",
        run!(request_post),
    )
    .needs(USERS),
    Case::must(
        "attribute-always",
        MUTABILITY,
        "An attribute with returned always is returned also when others are asked for.",
        run!(always),
    )
    .needs(USERS),
    Case::should(
        "attribute-unique",
        MUTABILITY,
        "No two resources have the same value of an attribute whose uniqueness is server.",
        run!(unique),
    )
    .needs(USERS),
    Case::must(
        "attribute-case-exact-kept",
        MUTABILITY,
        "The case of a value is preserved when the attribute is caseExact.",
        run!(case_kept),
    )
    .needs(USERS),
    Case::must(
        "attribute-case-exact-filter",
        "RFC 7644 §3.4.2.2",
        "A filter on an attribute that is caseExact does not find a value in another case.",
        run!(case_filter),
    )
    .needs(&[Type("User"), Filter]),
    Case::must(
        "attribute-null-put",
        "RFC 7643 §2.5",
        "A PUT with null leaves an attribute unassigned.",
        run!(cleared, "nickName", json!("Ann"), Value::Null),
    )
    .needs(&[Attribute("User", "nickName")]),
    Case::must(
        "attribute-empty-list-put",
        "RFC 7643 §2.5",
        "A PUT with an empty list leaves a multi-valued attribute unassigned.",
        run!(cleared, "emails", json!([{"value": "{n}a@example.com", "type": "work"}]), json!([])),
    )
    .needs(EMAILS),
    Case::must(
        "attribute-primary-once",
        "RFC 7643 §2.4",
        "No more than one value of an attribute is primary, also when a client sends two.",
        run!(primary_once),
    )
    .needs(EMAILS),
    Case::should(
        "attribute-same-values",
        "RFC 7643 §2.4",
        "The same type and value are not returned more than once.",
        run!(same_values),
    )
    .needs(EMAILS),
];

fn is(name: &'static str, keyword: &'static str) -> impl Fn(&Value) -> bool {
    move |attribute| attribute[name] == keyword
}

fn immutable(scim: &Context) -> Result<Place<'_>, Stop> {
    let fits = |attribute: &Value| attribute["mutability"] == "immutable" && attribute["returned"] != "never";
    find(scim, "that is immutable", fits)
}

/// One that a user may lack at first.
fn immutable_and_free(scim: &Context) -> Result<Place<'_>, Stop> {
    let fits = |attribute: &Value| {
        attribute["mutability"] == "immutable" && attribute["returned"] != "never" && attribute["required"] != true
    };
    find(scim, "that is immutable and not required", fits)
}

/// One of which a value can be made: not of parts that are all read-only as well.
fn read_only(scim: &Context) -> Result<Place<'_>, Stop> {
    find(scim, "that is readOnly", |one| one["mutability"] == "readOnly" && claimed(one, "x") != json!({}))
}

/// A value of a read-only attribute. Its parts are mostly read-only as well: the one called `value` stands for them.
fn claimed(attribute: &Value, mark: &str) -> Value {
    match named(&attribute["subAttributes"], "value") {
        Some(part) => json!({"value": draft::sample(part, mark, 0)}),
        None => draft::sample(attribute, mark, 0),
    }
}

/// The same as a client sends it.
fn claim(scim: &Context, place: &Place<'_>) -> Value {
    let value = claimed(place.attribute, &scim.fresh_name());
    if place.attribute["multiValued"] == true { json!([value]) } else { value }
}

/// A user in whom the attribute has the value, and the body that made it.
async fn made_with(scim: &Context, place: &Place<'_>, value: &Value) -> Result<(Resource, Value), Stop> {
    let draft = scim.user().with(place.holding(value));
    Ok((draft.create().await?, draft.body().clone()))
}

/// Demands the value in the user as it is read now.
async fn has(scim: &Context, user: &Resource, place: &Place<'_>, expect: &Value) -> Outcome {
    let read = scim.read(user).await?;
    let got = place.value(&read);
    ensure!(got == expect, "Expected {} to be {}; it is {}.", place.path(), brief(expect), brief(got));
    Ok(())
}

async fn read_only_post(scim: &Context) -> Outcome {
    let place = read_only(scim)?;
    let value = claim(scim, &place);
    let answer = scim.user().with(place.holding(&value)).post().await?;
    scim.post_taken(&answer).await?;
    let got = place.value(answer.json());
    ensure!(
        *got != value,
        "Expected the client's value of the read-only {} to be ignored; it was taken.",
        place.path()
    );
    Ok(())
}

async fn read_only_put(scim: &Context) -> Outcome {
    let place = read_only(scim)?;
    let value = claim(scim, &place);
    let draft = scim.user();
    let user = draft.create().await?;
    scim.put_taken(&scim.put(&user.path, draft.with(place.holding(&value)).body()).await?).await?;
    let read = scim.read(&user).await?;
    let ignored = *place.value(&read) != value;
    ensure!(ignored, "Expected the client's value of the read-only {} to be ignored; it was taken.", place.path());
    Ok(())
}

async fn read_only_patch(scim: &Context) -> Outcome {
    let place = read_only(scim)?;
    let value = claim(scim, &place);
    let user = scim.user().create().await?;
    scim.patch(&user.path, &json!([{"op": "replace", "path": place.path(), "value": value}])).await?.refused()?;
    Ok(())
}

async fn immutable_post(scim: &Context) -> Outcome {
    let place = immutable(scim)?;
    let value = place.sample(&scim.fresh_name());
    let (user, _) = made_with(scim, &place, &value).await?;
    has(scim, &user, &place, &value).await
}

async fn immutable_put_same(scim: &Context) -> Outcome {
    let place = immutable(scim)?;
    let value = place.sample(&scim.fresh_name());
    let (user, body) = made_with(scim, &place, &value).await?;
    scim.put_taken(&scim.put(&user.path, &body).await?).await?;
    has(scim, &user, &place, &value).await
}

async fn immutable_put_other(scim: &Context, told: bool) -> Outcome {
    let place = immutable(scim)?;
    let value = place.sample(&scim.fresh_name());
    let (user, mut body) = made_with(scim, &place, &value).await?;
    draft::lay_over(&mut body, place.holding(&place.sample(&scim.fresh_name())));
    let answer = scim.put(&user.path, &body).await?;
    if told {
        answer.error(400, Some("mutability"))?;
    }
    has(scim, &user, &place, &value).await
}

async fn immutable_put_first(scim: &Context) -> Outcome {
    let place = immutable_and_free(scim)?;
    let value = place.sample(&scim.fresh_name());
    let draft = scim.user();
    let user = draft.create().await?;
    scim.put_taken(&scim.put(&user.path, draft.with(place.holding(&value)).body()).await?).await?;
    has(scim, &user, &place, &value).await
}

async fn immutable_patch(scim: &Context) -> Outcome {
    let place = immutable(scim)?;
    let value = place.sample(&scim.fresh_name());
    let (user, _) = made_with(scim, &place, &value).await?;
    let other = place.sample(&scim.fresh_name());
    scim.patch(&user.path, &json!([{"op": "replace", "path": place.path(), "value": other}])).await?.refused()?;
    has(scim, &user, &place, &value).await
}

async fn immutable_patch_first(scim: &Context) -> Outcome {
    let place = immutable_and_free(scim)?;
    let value = place.sample(&scim.fresh_name());
    let user = scim.user().create().await?;
    scim.patch(&user.path, &json!([{"op": "add", "path": place.path(), "value": value}])).await?.success()?;
    has(scim, &user, &place, &value).await
}

/// Demands that an attribute with this characteristic is in no answer.
async fn hidden(scim: &Context, characteristic: &'static str, keyword: &'static str) -> Outcome {
    let fits = |attribute: &Value| attribute[characteristic] == keyword && attribute["name"] != "password";
    let place = find(scim, &format!("beside password with {characteristic} {keyword}"), fits)?;
    let value = place.sample(&scim.fresh_name());
    let (user, _) = made_with(scim, &place, &value).await?;
    let asked = scim.get(&user.path).query("attributes", place.path()).await?;
    for answer in [&user.body, &scim.read(&user).await?, asked.json()] {
        let got = place.value(answer);
        ensure!(got.is_null(), "Expected {} not to be returned; it is {}.", place.path(), brief(got));
    }
    Ok(())
}

/// An attribute that is returned on request, and a user in whom it has the value.
async fn on_request(scim: &Context) -> Result<(Place<'_>, Value, Resource), Stop> {
    let place = find(scim, "with returned request", is("returned", "request"))?;
    let value = place.sample(&scim.fresh_name());
    let (user, _) = made_with(scim, &place, &value).await?;
    Ok((place, value, user))
}

async fn request_asked(scim: &Context) -> Outcome {
    let (place, value, user) = on_request(scim).await?;
    let answer = scim.get(&user.path).query("attributes", place.path()).await?;
    scim.get_taken(&answer).await?;
    let got = place.value(answer.object()?);
    ensure!(*got == value, "Expected {} in the answer that asks for it; it is {}.", place.path(), brief(got));
    Ok(())
}

async fn request_default(scim: &Context) -> Outcome {
    let (place, _, user) = on_request(scim).await?;
    let read = scim.read(&user).await?;
    let got = place.value(&read);
    ensure!(got.is_null(), "Expected {} only when it is asked for; it is {}.", place.path(), brief(got));
    Ok(())
}

async fn request_post(scim: &Context) -> Outcome {
    let place = find(scim, "with returned request", is("returned", "request"))?;
    let value = place.sample(&scim.fresh_name());
    let answer = scim.user().with(place.holding(&value)).post().await?;
    answer.success().map_err(as_error)?;
    if answer.body.trim().is_empty() {
        return Err(Stop::Skip("The answer has no body, which create-body is about.".to_owned()));
    }
    let got = place.value(answer.json());
    ensure!(*got == value, "Expected {} in the answer to the POST that sets it; it is {}.", place.path(), brief(got));
    Ok(())
}

async fn always(scim: &Context) -> Outcome {
    let fits = |attribute: &Value| attribute["returned"] == "always" && attribute["mutability"] != "readOnly";
    let place = find(scim, "to write with returned always", fits)?;
    let value = place.sample(&scim.fresh_name());
    let (user, _) = made_with(scim, &place, &value).await?;
    let answer = scim.get(&user.path).query("attributes", "userName").await?;
    scim.get_taken(&answer).await?;
    let got = place.value(answer.object()?);
    ensure!(*got == value, "Expected {} although others are asked for; it is {}.", place.path(), brief(got));
    Ok(())
}

async fn unique(scim: &Context) -> Outcome {
    let fits = |one: &Value| one["uniqueness"] == "server" && is_plain(one) && one["name"] != "userName";
    let place = find(scim, "beside userName with uniqueness server", fits)?;
    let value = place.sample(&scim.fresh_name());
    made_with(scim, &place, &value).await?;
    scim.user().with(place.holding(&value)).post().await?.refused()?;
    Ok(())
}

/// An attribute that is `caseExact`, and a value with letters in both cases.
fn exact(scim: &Context) -> Result<(Place<'_>, Value), Stop> {
    let fits = |one: &Value| one["caseExact"] == true && is_plain(one) && one["type"] == "string";
    let place = find(scim, "that is a caseExact string", fits)?;
    Ok((place, json!(format!("Exact-{}", scim.fresh_name()))))
}

async fn case_kept(scim: &Context) -> Outcome {
    let (place, value) = exact(scim)?;
    let (user, _) = made_with(scim, &place, &value).await?;
    has(scim, &user, &place, &value).await
}

async fn case_filter(scim: &Context) -> Outcome {
    let (place, value) = exact(scim)?;
    made_with(scim, &place, &value).await?;
    let text = value.as_str().unwrap_or_default();
    let (exact, upper) =
        [text.to_owned(), text.to_uppercase()].map(|text| format!("{} eq \"{text}\"", place.path())).into();
    let found = scim.filtered(&scim.users(), &exact).await.map_err(as_error)?;
    ensure!(found.len() == 1, "Expected {} eq \"{text}\" to find one user; it finds {}.", place.path(), found.len());
    let upper = scim.filtered(&scim.users(), &upper).await?;
    ensure!(upper.is_empty(), "Expected {} in another case to find nobody; it finds {}.", place.path(), upper.len());
    Ok(())
}

/// Demands that a PUT with `empty` takes the value away.
async fn cleared(scim: &Context, name: &str, value: Value, empty: Value) -> Outcome {
    scim.may_lack("User", &json!({name: null}))?;
    let draft = scim.user();
    let user = draft.clone().with(json!({name: value})).create().await?;
    let name = scim.text_name(name);
    let mut body = draft.body().clone();
    body[name] = empty;
    scim.put_taken(&scim.put(&user.path, &body).await?).await?;
    let read = scim.read(&user).await?;
    let is_usual = scim.is_usual(name, &read).await?;
    if is_usual {
        return Ok(());
    }
    unassigned(&read, &format!("/{name}"))
}

async fn primary_once(scim: &Context) -> Outcome {
    let email =
        |name: &str, kind: &str| json!({"value": format!("{{n}}{name}@example.com"), "type": kind, "primary": true});
    let answer = scim.user().with(json!({"emails": [email("a", "work"), email("b", "home")]})).post().await?;
    scim.post_refused_or_taken(&answer).await?;
    let emails = answer.json()["emails"].as_array().cloned().unwrap_or_default();
    let primary = emails.iter().filter(|email| email["primary"] == true).count();
    ensure!(primary <= 1, "Expected at most one primary address; there are {primary}.");
    Ok(())
}

async fn same_values(scim: &Context) -> Outcome {
    let email = json!({"value": "{n}a@example.com", "type": "work"});
    let answer = scim.user().with(json!({"emails": [email, email]})).post().await?;
    scim.post_refused_or_taken(&answer).await?;
    let same = answer.json()["emails"].as_array().map_or(0, Vec::len);
    ensure!(same <= 1, "Expected one address of the same type and value; the answer has it {same} times.");
    Ok(())
}
