//! Walks over all users of a tenant, by each of the two ways to page. Each user must be seen once.

use std::{cell::RefCell, collections::HashSet};

use super::{
    client::{self, Answer, Until},
    people::Tenant,
    report::Row,
    scenario::Bench,
};

/// How a walk asks for its pages.
#[derive(Clone, Copy)]
enum Paging {
    Cursor,
    StartIndex,
}

/// What a walk has seen.
#[derive(Default)]
struct Seen {
    ids: HashSet<String>,
    /// The cursors of the page before and of the next one.
    last: String,
    next: String,
}

impl Bench<'_> {
    /// Walks page after page on one connection. Gives the cursor of the last hundred users.
    pub async fn walks(&mut self, tenant: &Tenant) -> String {
        self.walk(tenant, "walk by cursor, pages of 1,000", Paging::Cursor, 1000).await;
        self.walk(tenant, "walk by startIndex, pages of 1,000", Paging::StartIndex, 1000).await;
        self.walk(tenant, "walk by cursor, pages of 100", Paging::Cursor, 100).await
    }

    async fn walk(&mut self, tenant: &Tenant, name: &str, by: Paging, count: usize) -> String {
        let seen = RefCell::new(Seen::default());
        let request = |n: usize, out: &mut Vec<u8>| {
            let place = match by {
                Paging::Cursor => format!("cursor={}", seen.borrow().next),
                Paging::StartIndex => format!("startIndex={}", 1 + n * count),
            };
            tenant.get(&format!("/Users?count={count}&{place}"), out);
        };
        let check = |_: usize, answer: &Answer<'_>| seen.borrow_mut().take(answer);
        let pages = Until::Requests(tenant.size.div_ceil(count));
        let run = client::run(&self.server.addresses[..1], 1, 0, pages, &request, &check).await.expect("a walk");
        self.row(Row::new(name, tenant.size, &[run], &[]));
        let seen = seen.into_inner();
        assert_eq!(seen.ids.len(), tenant.size, "a walk must see every user");
        seen.last
    }
}

impl Seen {
    fn take(&mut self, answer: &Answer<'_>) -> Result<(), String> {
        let list = answer.json();
        for user in list["Resources"].as_array().into_iter().flatten() {
            if !self.ids.insert(user["id"].to_string()) {
                return Err(format!("a walk saw {} twice", user["id"]));
            }
        }
        self.last = std::mem::take(&mut self.next);
        list["nextCursor"].as_str().unwrap_or_default().clone_into(&mut self.next);
        Ok(())
    }
}
