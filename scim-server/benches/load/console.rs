//! The pages of the console, one after the other, as a person opens them: whoever looks at a tenant with very many users
//! waits as little as elsewhere.

use std::{fmt::Write as _, net::SocketAddr};

use super::{
    aims::CONSOLE,
    client::{self, Answer, Connection, Until},
    pages::PAGES,
    people::Tenant,
    report::Row,
    scenario::Bench,
    stage::Stage,
};

/// Somebody who has signed in.
struct Visitor {
    address: SocketAddr,
    cookie: String,
}

impl Visitor {
    /// By a link of the command line.
    async fn of(stage: &Stage) -> Self {
        let printed = stage.command(&["console", "--json"]);
        let url = printed["url"].as_str().expect("a link");
        let (host, path) = url.trim_start_matches("http://").split_once('/').expect("a path");
        let mut visitor = Self { address: host.parse().expect("an address"), cookie: String::new() };
        // The link shows a button, which sends what the link has.
        let (path, code) = path.split_once('?').expect("a code");
        let bytes = format!(
            "POST /{path} HTTP/1.1\r\nHost: {host}\r\nOrigin: http://{host}\r\nUser-Agent: load\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\n\r\n{code}",
            code.len()
        )
        .into_bytes();
        let mut connection = Connection::open(visitor.address).await.expect("a connection");
        let answer = connection.exchange(&bytes).await.expect("an answer");
        let head = String::from_utf8_lossy(answer.head);
        let cookie = head.lines().find_map(|line| line.strip_prefix("set-cookie: ")).expect("a cookie");
        visitor.cookie = cookie.split(';').next().unwrap_or_default().to_owned();
        visitor
    }

    fn get(&self, path: &str, out: &mut Vec<u8>) {
        let (host, cookie) = (self.address, &self.cookie);
        let mut text = String::new();
        let _ = write!(text, "GET {path} HTTP/1.1\r\nHost: {host}\r\nCookie: {cookie}\r\nUser-Agent: load\r\n\r\n");
        out.extend_from_slice(text.as_bytes());
    }
}

impl Bench<'_> {
    /// Opens each page over and over, on one connection.
    pub async fn console(&mut self, tenant: &Tenant, stage: &Stage) {
        if !self.wants(CONSOLE.trim_end()) {
            return;
        }
        let id = tenant.endpoint.path.trim_start_matches('/').split('/').next().expect("an id").to_owned();
        let group = self.group(tenant, "console", 10.min(tenant.size)).await;
        let visitor = Visitor::of(stage).await;
        let mut paths: Vec<String> = PAGES.iter().map(|path| (*path).to_owned()).collect();
        paths.push(format!("/console/t/test/users/{}", tenant.id(tenant.pick(0))));
        paths.push("/console/t/test/users?q=user".to_owned());
        paths.push(format!("/console/t/test/groups/{group}"));
        for path in paths {
            let here = path.replace("/t/test", &format!("/t/{id}"));
            let request = |_: usize, out: &mut Vec<u8>| visitor.get(&here, out);
            let check = |_: usize, answer: &Answer<'_>| {
                let is_page = answer.body.windows(4).any(|four| four == b"<h1>");
                if answer.status == 200 && is_page {
                    return Ok(());
                }
                Err(format!("{here} gave {}: {}", answer.status, String::from_utf8_lossy(answer.body)))
            };
            let until = Until::Seconds(self.options.seconds);
            let before = self.server.processor();
            let run = client::run(&[visitor.address], 1, 0, until, &request, &check).await.expect("pages");
            let run = client::Run { processor: self.server.processor() - before, ..run };
            // Ids are of this run alone.
            let name = path.replace(&group.to_string(), "ID");
            let name = match name.rsplit_once("/users/") {
                Some((front, _)) => format!("{front}/users/ID"),
                None => name,
            };
            let name = name.strip_prefix("/console").filter(|name| !name.is_empty()).unwrap_or("/");
            self.row(Row::new(&format!("{CONSOLE}{name}"), tenant.size, &[run], &[]));
        }
    }
}
