//! Groups: what RFC 7643 §4.2 says of them, and that PUT, PATCH, queries and projections work with them as with users.

use serde_json::{Value, json};

use super::{rfc7644_3_5_2_modify::failed, rfc7644_3_14_versions::moves_on, time::later_than};
use crate::{
    case::{
        Area, Case,
        Need::{self, Attribute, Etag, Filter, Patch, Type},
        run,
    },
    context::{Context, Resource, as_error},
    ensure,
    uri::{Target, is_same, locate, segment},
    verdict::{Outcome, Stop, brief, equals, holds},
};

pub const AREA: Area = Area { tag: "group", title: "Groups (RFC 7643 §4.2)", cases: CASES };

const SECTION: &str = "RFC 7643 §4.2";
const PATCH: &str = "RFC 7644 §3.5.2";
const MEMBERS: &[Need] = &[Attribute("Group", "members.value"), Type("User")];
const PATCHED: &[Need] = &[Patch, Attribute("Group", "members.value"), Type("User")];
const NAME: &[Need] = &[Attribute("Group", "displayName")];

const CASES: &[Case] = &[
    Case::must(
        "group-external-id",
        "RFC 7643 §3.1",
        "A group keeps the externalId that the client gave it.",
        run!(external_id),
    )
    .needs(&[Type("Group")]),
    Case::must("group-put-name", "RFC 7644 §3.5.1", "A PUT of a group replaces its displayName.", run!(put_name))
        .needs(NAME),
    Case::must(
        "group-put-keeps-members",
        "RFC 7644 §3.5.1",
        "A group that was read can be sent back whole by PUT, and keeps its members.",
        run!(put_whole),
    )
    .needs(MEMBERS),
    Case::must(
        "group-rename",
        PATCH,
        "A PATCH with replace and a path changes a group's displayName.",
        run!(rename, true),
    )
    .needs(&[Patch, Attribute("Group", "displayName")]),
    Case::must(
        "group-rename-without-path",
        PATCH,
        "A PATCH with replace and no path changes a group's displayName.",
        run!(rename, false),
    )
    .needs(&[Patch, Attribute("Group", "displayName")]),
    Case::must(
        "group-add-first",
        "RFC 7644 §3.5.2.1",
        "An add gives a group without members a member.",
        run!(add_first),
    )
    .needs(PATCHED),
    Case::must(
        "group-add-keeps",
        "RFC 7644 §3.5.2.1",
        "An add to members keeps the members that are there.",
        run!(members_become, "add", "members", &["two"], "one two"),
    )
    .needs(PATCHED),
    Case::must(
        "group-add-without-path",
        "RFC 7644 §3.5.2.1",
        "An add without a path keeps the members that are there.",
        run!(members_become, "add", "", &["two"], "one two"),
    )
    .needs(PATCHED),
    Case::must(
        "group-add-several",
        "RFC 7644 §3.5.2.1",
        "An add takes several members at a time.",
        run!(members_become, "add", "members", &["two", "three"], "one two three"),
    )
    .needs(PATCHED),
    Case::should(
        "group-add-again",
        "RFC 7644 §3.5.2.1",
        "An add of somebody who is a member already succeeds, and the group has that member once.",
        run!(members_become, "add", "members", &["one"], "one"),
    )
    .needs(PATCHED),
    Case::must(
        "group-replace-members",
        "RFC 7644 §3.5.2.3",
        "A replace of members replaces all of them.",
        run!(members_become, "replace", "members", &["two"], "two"),
    )
    .needs(PATCHED),
    Case::must(
        "group-replace-members-without-path",
        "RFC 7644 §3.5.2.3",
        "A replace without a path replaces all members.",
        run!(members_become, "replace", "", &["two", "three"], "two three"),
    )
    .needs(PATCHED),
    Case::must(
        "group-remove-member",
        "RFC 7644 §3.5.2.2",
        "A remove with a filter over value takes that member, and no other.",
        run!(remove, "members[value eq {one}]", "two"),
    )
    .needs(PATCHED),
    Case::must(
        "group-remove-several",
        "RFC 7644 §3.5.2.2",
        "A remove whose filter fits several members takes all of them.",
        run!(remove, "members[value eq {one} or value eq {two}]", ""),
    )
    .needs(PATCHED),
    Case::must(
        "group-remove-all",
        "RFC 7644 §3.5.2.2",
        "A remove of members takes all of them.",
        run!(remove, "members", ""),
    )
    .needs(PATCHED),
    Case::must(
        "group-patch-in-order",
        PATCH,
        "The operations of a PATCH of a group are applied in their order.",
        run!(in_order),
    )
    .needs(PATCHED),
    Case::must("group-patch-atomic", PATCH, "When one operation on a group fails, none has an effect.", run!(atomic))
        .needs(PATCHED),
    Case::must("group-patch-time", "RFC 7643 §3.1", "A new member moves the group's meta.lastModified on.", run!(time))
        .needs(PATCHED),
    Case::must("group-patch-version", "RFC 7644 §3.14", "A new member gives the group another version.", run!(version))
        .needs(&[Etag, Patch, Attribute("Group", "members.value"), Type("User")]),
    Case::must("group-member-once", "RFC 7643 §2.4", "A group that is made with one member has it once.", run!(once))
        .needs(MEMBERS),
    Case::must(
        "group-member-ref",
        "RFC 7643 §2.3.7",
        "The $ref of a member, where there is one, is the URI of the member.",
        run!(reference),
    )
    .needs(MEMBERS),
    Case::must(
        "group-member-type",
        SECTION,
        "The type of a member, where there is one, is the member's resource type.",
        run!(kind),
    )
    .needs(MEMBERS),
    Case::must(
        "group-member-immutable",
        SECTION,
        "The value of a member stays what it is: a PATCH of one member does not turn it into two.",
        run!(stays),
    )
    .needs(PATCHED),
    Case::must(
        "group-query",
        "RFC 7644 §3.4.2",
        "A group in a list has its members as a GET shows them.",
        run!(listed),
    )
    .needs(&[Filter, Attribute("Group", "members.value"), Type("User")]),
    Case::must(
        "group-attributes",
        "RFC 7644 §3.9",
        "attributes=displayName returns a group without its members.",
        run!(projected),
    )
    .needs(MEMBERS),
    Case::must(
        "group-delete-keeps-members",
        "RFC 7644 §3.6",
        "The deletion of a group deletes none of its members.",
        run!(deleted),
    )
    .needs(MEMBERS),
    Case::must("group-at-users", "RFC 7644 §3.2", "The endpoint of users does not give a group.", run!(at_users))
        .needs(&[Type("Group"), Type("User")]),
    Case::must(
        "group-changed-at-users",
        "RFC 7644 §3.2",
        "A DELETE at the endpoint of users deletes no group.",
        run!(deleted_at_users),
    )
    .needs(&[Type("Group"), Type("User")]),
];

async fn external_id(scim: &Context) -> Outcome {
    let external = format!("Ext-{}", scim.own_word());
    let group = scim.group().with(json!({"externalId": external})).create().await?;
    equals(&scim.read(&group).await?, "/externalId", external)
}

async fn put_name(scim: &Context) -> Outcome {
    let draft = scim.group();
    let group = draft.create().await?;
    let name = scim.fresh_name();
    let body = draft.with(json!({"displayName": name}));
    scim.put(&group.path, body.body()).await?.offered()?.success()?;
    equals(&scim.read(&group).await?, "/displayName", name)
}

async fn put_whole(scim: &Context) -> Outcome {
    let (group, [one, two, _]) = with_members(scim).await?;
    let mut document = scim.read(&group).await?;
    document["displayName"] = json!(scim.fresh_name());
    scim.put(&group.path, &document).await?.success()?;
    are_members(&scim.read(&group).await?, &[&one, &two])
}

async fn rename(scim: &Context, with_path: bool) -> Outcome {
    let group = scim.group().create().await?;
    let name = scim.fresh_name();
    let operation = if with_path {
        json!({"op": "replace", "path": "displayName", "value": name})
    } else {
        json!({"op": "replace", "value": {"displayName": name}})
    };
    equals(&scim.modified(&group, json!([operation])).await?, "/displayName", name)
}

async fn add_first(scim: &Context) -> Outcome {
    // Whether members are shown at all is known of another group.
    with_members(scim).await?;
    let user = scim.user().create().await?;
    let group = scim.group().create().await?;
    let add = json!([{"op": "add", "path": "members", "value": [{"value": user.id}]}]);
    are_members(&scim.modified(&group, add).await?, &[&user.id])
}

/// Ends the case where groups are read without their members, or with other values than their ids: nothing is then known
/// of what becomes of them. `id` is that of a member.
pub(super) fn shows_members(group: &Value, id: &str) -> Outcome {
    let members = group["members"].as_array().map(Vec::as_slice).unwrap_or_default();
    let how = match members {
        [] => "without members",
        some if some.iter().any(|one| one["value"] == *id) => return Ok(()),
        _ => "with other members",
    };
    Err(Stop::Skip(format!("The group is read {how}, which create-group-members is about.")))
}

/// A group with the members one and two, and a user three who is none.
async fn with_members(scim: &Context) -> Result<(Resource, [String; 3]), Stop> {
    let (one, two, three) = (scim.user().create().await?, scim.user().create().await?, scim.user().create().await?);
    let members = json!({"members": [{"value": one.id}, {"value": two.id}]});
    let group = scim.group().with(members).create().await?;
    shows_members(&scim.read(&group).await?, &one.id)?;
    Ok((group, [one.id, two.id, three.id]))
}

/// Demands exactly these members.
fn are_members(group: &Value, expect: &[&String]) -> Outcome {
    let members: Vec<Value> = expect.iter().map(|id| json!({"value": id})).collect();
    holds(group, &json!({"members": members}))
}

/// Demands that an operation with these users turns the members of a group with the member one into those named.
async fn members_become(scim: &Context, op: &str, path: &str, named: &[&str], expect: &str) -> Outcome {
    let mut ids = Vec::new();
    for _ in 0..3 {
        ids.push(scim.user().create().await?.id);
    }
    let id = |name: &&str| ["one", "two", "three"].iter().position(|known| known == name).and_then(|i| ids.get(i));
    let group = scim.group().with(json!({"members": [{"value": id(&"one")}]})).create().await?;
    shows_members(&scim.read(&group).await?, id(&"one").map_or("", String::as_str))?;
    let members: Vec<Value> = named.iter().map(|name| json!({"value": id(name)})).collect();
    let operation = if path.is_empty() {
        json!({"op": op, "value": {"members": members}})
    } else {
        json!({"op": op, "path": path, "value": members})
    };
    let expect: Vec<&String> = expect.split(' ').filter_map(|name| id(&name)).collect();
    are_members(&scim.modified(&group, json!([operation])).await?, &expect)
}

/// Demands that a remove with this path leaves these of the members one and two.
async fn remove(scim: &Context, path: &str, expect: &str) -> Outcome {
    let (group, [one, two, _]) = with_members(scim).await?;
    let text = |id: &String| json!(id).to_string();
    let path = path.replace("{one}", &text(&one)).replace("{two}", &text(&two));
    let left: &[&String] = if expect == "two" { &[&two] } else { &[] };
    if left.is_empty() {
        scim.may_lack("Group", &json!({"members": []}))?;
    }
    are_members(&scim.modified(&group, json!([{"op": "remove", "path": path}])).await?, left)
}

async fn in_order(scim: &Context) -> Outcome {
    scim.may_lack("Group", &json!({"members": []}))?;
    let (group, [_, _, three]) = with_members(scim).await?;
    let operations = json!([
        {"op": "remove", "path": "members"},
        {"op": "add", "path": "members", "value": [{"value": three}]},
    ]);
    are_members(&scim.modified(&group, operations).await?, &[&three])
}

async fn atomic(scim: &Context) -> Outcome {
    let (group, [one, two, three]) = with_members(scim).await?;
    let operations = json!([
        {"op": "add", "path": "members", "value": [{"value": three}]},
        {"op": "replace", "path": "id", "value": "another-id"},
    ]);
    let answer = scim.patch(&group.path, &operations).await?;
    failed(&answer)?;
    are_members(&scim.read(&group).await?, &[&one, &two])
}

async fn time(scim: &Context) -> Outcome {
    let mut users = Vec::new();
    for _ in 0..4 {
        users.push(scim.user().create().await?.id);
    }
    let group = scim.group().create().await?;
    later_than(scim, &group, |n| {
        let user = users.get(n % users.len());
        json!([{"op": "add", "path": "members", "value": [{"value": user}]}])
    })
    .await
}

async fn version(scim: &Context) -> Outcome {
    let users = [scim.user().create().await?.id, scim.user().create().await?.id];
    let group = scim.group().create().await?;
    moves_on(scim, &group, |n| json!([{"op": "add", "path": "members", "value": [{"value": users.get(n)}]}])).await
}

/// A user, and the member that a group made with it has.
async fn member(scim: &Context) -> Result<(Resource, Value), Stop> {
    let user = scim.user().create().await?;
    let group = scim.group().with(json!({"members": [{"value": user.id}]})).create().await?;
    let read = scim.read(&group).await?;
    shows_members(&read, &user.id)?;
    Ok((user, read["members"][0].clone()))
}

async fn once(scim: &Context) -> Outcome {
    let user = scim.user().create().await?;
    let group = scim.group().with(json!({"members": [{"value": user.id}]})).create().await?;
    let read = scim.read(&group).await?;
    let times = read["members"].as_array().map_or(0, Vec::len);
    ensure!(times <= 1, "Expected one member; there are {times}.");
    Ok(())
}

async fn reference(scim: &Context) -> Outcome {
    let (user, member) = member(scim).await?;
    let Some(written) = member["$ref"].as_str() else {
        return Err(Stop::Skip("The members have no $ref, which is optional.".to_owned()));
    };
    let expect = format!("{}/{}", scim.users(), segment(&user.id));
    let leads = match locate(scim.base(), written) {
        // By which host it is called is told once, by a note of the report.
        Target::OtherHost(path) => Target::Here(path),
        other => other,
    };
    let fits = is_same(&leads, &Target::Here(expect.clone()));
    ensure!(fits, "Expected the member's $ref to lead to {expect}; it is {written}.");
    Ok(())
}

async fn kind(scim: &Context) -> Outcome {
    let (_, member) = member(scim).await?;
    let kind = &member["type"];
    ensure!(kind.is_null() || kind == "User", "Expected the member's type to be User; it is {}.", brief(kind));
    Ok(())
}

async fn stays(scim: &Context) -> Outcome {
    let (group, [one, two, three]) = with_members(scim).await?;
    let path = format!("members[value eq {}].value", json!(one));
    let answer = scim.patch(&group.path, &json!([{"op": "replace", "path": path, "value": three}])).await?;
    let read = scim.read(&group).await?;
    // It is refused, or one member takes the other's place: in neither case are there more or fewer.
    let left = read["members"].as_array().map_or(0, Vec::len);
    ensure!(left == 2, "Expected 2 members after {} to the PATCH of one; there are {left}.", answer.status);
    if answer.status >= 400 { are_members(&read, &[&one, &two]) } else { Ok(()) }
}

async fn listed(scim: &Context) -> Outcome {
    let (group, [one, two, _]) = with_members(scim).await?;
    let list = scim.listed(&scim.endpoint("Group"), &group, |call| call).await?;
    are_members(&list["Resources"][0], &[&one, &two])
}

async fn projected(scim: &Context) -> Outcome {
    let always = |name: &str| scim.discovery().attribute("Group", name).is_some_and(|one| one["returned"] == "always");
    if always("members") {
        return Err(Stop::Skip("The server's schema declares that members are always returned.".to_owned()));
    }
    let (group, _) = with_members(scim).await?;
    let answer = scim.get(&group.path).query("attributes", "displayName").await?;
    let expect = json!({"id": group.id, "displayName": group.body["displayName"], "members": []});
    holds(answer.status(200)?.object()?, &expect)
}

async fn deleted(scim: &Context) -> Outcome {
    let user = scim.user().create().await?;
    let group = scim.group().with(json!({"members": [{"value": user.id}]})).create().await?;
    scim.read(&user).await?;
    scim.delete(&group.path).await?.success().map_err(as_error)?;
    scim.get(&user.path).await?.status(200)?;
    Ok(())
}

async fn at_users(scim: &Context) -> Outcome {
    let group = scim.group().create().await?;
    let answer = scim.get(format!("{}/{}", scim.users(), segment(&group.id))).await?;
    let shows = answer.status == 200 && answer.json()["displayName"] == group.body["displayName"];
    ensure!(!shows, "Expected {} not to give the group; it does.", answer.asked());
    Ok(())
}

async fn deleted_at_users(scim: &Context) -> Outcome {
    let group = scim.group().create().await?;
    scim.read(&group).await?;
    scim.delete(format!("{}/{}", scim.users(), segment(&group.id))).await?;
    let status = scim.get(&group.path).await?.status;
    ensure!(status == 200, "Expected the group to be there after a DELETE at the endpoint of users; got {status}.");
    Ok(())
}
