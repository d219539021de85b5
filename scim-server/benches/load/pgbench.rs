//! What the database does by itself: `pgbench` with the statements that the server sends for an operation, on as many
//! connections. It knows no tokens, limits, audit or HTTP, and reads no answer.

use scim_server::internals::store::postgres::statement::{
    COUNT_BY, COUNTS, GET, GROUPS_OF, GROUPS_OF_INDEXED, HEADERS, HELD, INDEX, INDEXED, LOCK, LOG, OWNERS, PUT,
    SAVE_LOGS,
};

use super::{
    people::Tenant,
    report::Row,
    scenario::{Bench, CONNECTIONS},
    stage::Stage,
};

/// The tenant whose users have ids and values that `pgbench` can compute from a number.
const TENANT: &str = "'00000000-0000-0000-0000-00000000bbbb'::uuid";

/// A user's id, and the value of its `userName` in the index, from the variable `user`.
const ID: &str = "lpad(:user::text, 32, '0')::uuid";
const NAME: &str = "convert_to('user' || :user || '@example.com', 'UTF8')";

impl Bench<'_> {
    /// A row for a read by id, one for a search by name, and one for a new user. Every user of the tenant is copied.
    pub fn pgbench(&mut self, tenant: &Tenant, stage: &Stage) {
        let Some((cluster, url)) = &stage.database else { return };
        if !self.wants("GET by id") && !self.wants("userName eq") && !self.wants("POST user") {
            return;
        }
        let schema = url.rsplit("%3D").next().unwrap_or_default();
        let from = tenant.endpoint.path.trim_matches('/').split('/').next().unwrap_or_default();
        cluster.sql(&format!("SET search_path = {schema}; {}", copy(from)));
        let seconds = self.options.seconds * self.options.rounds as f64;
        for (operation, script) in [
            ("GET by id", read(tenant.size, &get())),
            ("userName eq", read(tenant.size, &search())),
            ("POST user", create()),
        ] {
            if self.wants(operation) {
                let rate = cluster.pgbench(schema, &script, CONNECTIONS, seconds);
                self.row(Row::of_rate(&format!("pgbench: {operation}"), tenant.size, rate));
            }
        }
        cluster.sql(&format!(
            "SET search_path = {schema}; DELETE FROM resource WHERE tenant = {TENANT} OR tenant IN ({WRITERS}); \
             DELETE FROM index_entry WHERE tenant = {TENANT} OR tenant IN ({WRITERS}); \
             DELETE FROM event WHERE tenant IN ({WRITERS}); DELETE FROM resource_count WHERE tenant IN ({WRITERS}); \
             DELETE FROM tenant_log WHERE tenant IN ({WRITERS})"
        ));
    }
}

/// The tenants that the connections write to, one each: in one tenant they would wait for each other, where the
/// server gathers their commits.
const WRITERS: &str = "SELECT lpad(n::text, 32, '0')::uuid FROM generate_series(1000, 1063) AS n";

/// Copies the users of a tenant under numbers, with their names in the index.
fn copy(from: &str) -> String {
    format!(
        "INSERT INTO resource SELECT {TENANT}, resource_type, lpad((row_number() OVER ())::text, 32, '0')::uuid, version, \
         created, last_modified, members, display, visible, hidden FROM resource \
         WHERE tenant = '{from}' AND resource_type = 'User'; \
         INSERT INTO index_entry SELECT tenant, resource_type, 'userName', \
         convert_to('user' || ltrim(replace(id::text, '-', ''), '0') || '@example.com', 'UTF8'), id, true FROM resource \
         WHERE tenant = {TENANT}; \
         INSERT INTO tenant_log (tenant, sequence, at, changes) SELECT w.*, 0, 0, 0 FROM ({WRITERS}) AS w; \
         INSERT INTO resource_count SELECT w.*, 'User', 0 FROM ({WRITERS}) AS w; ANALYZE"
    )
}

/// A script that does these statements in one round trip for one of so many users.
fn read(users: usize, statements: &[String]) -> String {
    format!("\\set user random(1, {users})\n\\startpipeline\n{};\n\\endpipeline\n", statements.join(";\n"))
}

fn get() -> [String; 2] {
    [filled(GET, &[TENANT, "'User'", ID]), filled(GROUPS_OF, &[TENANT, &format!("ARRAY[{ID}]")])]
}

fn search() -> [String; 2] {
    let (first, last) = ("'00000000-0000-0000-0000-000000000000'", "'ffffffff-ffff-ffff-ffff-ffffffffffff'");
    let range = [TENANT, "'User'", "'userName'", NAME, first, NAME, last, "2::bigint"];
    let bounded: Vec<_> = range.iter().copied().chain(["1000000::bigint"]).collect();
    [filled(INDEXED, &bounded), filled(GROUPS_OF_INDEXED, &range)]
}

/// A script that makes a user with eight values in indexes, as the server does: what the commit is decided on, and
/// what it writes, in two round trips.
fn create() -> String {
    let tenant = "lpad((1000 + :client_id)::text, 32, '0')::uuid";
    let (tenants, ids) = (format!("ARRAY[{tenant}]"), format!("ARRAY[{ID}]"));
    let (user, one) = ("ARRAY['User']", "ARRAY[1::bigint]");
    let many = |of: &str| format!("array_fill({of}, ARRAY[8])");
    let attributes = "ARRAY['userName','externalId','emails.value','displayName','a','b','c','d']";
    let document = |length: usize| format!("ARRAY[convert_to(repeat('x', {length}), 'UTF8')]");
    let owned = "ARRAY['userName','externalId']";
    let pair = |of: &str| format!("array_fill({of}, ARRAY[2])");
    let reads = [
        "BEGIN".to_owned(),
        filled(LOCK, &[&tenants]),
        filled(HEADERS, &[&tenants, user, &ids]),
        filled(HELD, &[&tenants, user, &ids]),
        filled(OWNERS, &[&pair(tenant), &pair("'User'::text"), owned, &pair(NAME)]),
        filled(COUNTS, &[&tenants, user]),
    ];
    let unique = "ARRAY[true,true,false,false,false,false,false,false]";
    let number = "ARRAY[:user::bigint]";
    let writes = [
        filled(PUT, &[&tenants, user, &ids, one, one, one, one, &document(20), &document(900), &document(60)]),
        filled(INDEX, &[&many(tenant), &many("'User'::text"), attributes, &many(NAME), &many(ID), unique]),
        filled(COUNT_BY, &[&tenants, user, one]),
        filled(LOG, &[&tenants, number, &document(1500)]),
        filled(SAVE_LOGS, &[&tenants, number, one, one]),
        "COMMIT".to_owned(),
    ];
    let trip = |statements: &[String]| format!("\\startpipeline\n{};\n\\endpipeline\n", statements.join(";\n"));
    format!("\\set user random(1, 2000000000)\n{}{}", trip(&reads), trip(&writes))
}

/// The statement with expressions in place of its parameters.
fn filled(statement: &str, parameters: &[&str]) -> String {
    // The last first, so that `$1` is not found in `$10`.
    let numbered = parameters.iter().enumerate().rev();
    numbered.fold(statement.to_owned(), |text, (i, value)| text.replace(&format!("${}", i + 1), value))
}
