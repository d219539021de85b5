//! Somebody whom a page names by an id: what they are called, and the page of them if there is one.

use serde_json::Value;

use super::{
    ask::Ask,
    kind::{People, of_type},
    row::Row,
};
use crate::{
    admin::{AdminRequest, BrowseRequest, Fault},
    web::Cell,
};

/// Where somebody is not there any more, and never comes back.
const GONE: &str = "not there, and not kept";

/// The name of a user or group with its page; the id alone of one that is neither there nor kept, as it has none.
pub async fn whom(ask: &Ask<'_>, tenant: &str, people: &People, id: &str) -> Result<Cell, Fault> {
    let words = || (tenant.to_owned(), people.resource_type.to_owned(), id.to_owned());
    let there = |(tenant, resource_type, id)| BrowseRequest::Resource { tenant, resource_type, id };
    let kept = |(tenant, resource_type, id)| BrowseRequest::Kept { tenant, resource_type, id };
    for request in [there(words()), kept(words())] {
        match ask.row(AdminRequest::Browse { request }).await {
            Ok(row) => return Ok(Cell::link(people.path(tenant, id), people.called(&row, id))),
            // What a provider sends may be no id at all.
            Err(fault) if (400..500).contains(&fault.status) => {}
            Err(fault) => return Err(fault),
        }
    }
    Ok(Cell::Several(vec![Cell::text(id), Cell::Note(GONE.to_owned())]))
}

/// The same of one whom a row has looked up already: `{"type", "name"}`, or nothing.
pub fn looked_up(tenant: &str, id: &str, known: Option<&Value>) -> Cell {
    let people = known.and_then(|known| of_type(known.text("/type")));
    match (people, known.map_or("", |known| known.text("/name"))) {
        (Some(people), "") => Cell::link(people.path(tenant, id), id),
        (Some(people), name) => Cell::link(people.path(tenant, id), name),
        (None, _) => Cell::text(id),
    }
}
