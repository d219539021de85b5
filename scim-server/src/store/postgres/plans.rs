//! Each statement of a hot path is pinned to the indexes that make its cost independent of how much
//! is stored: asked of the real planner, on a filled database, for parameters that it does not know.

use std::sync::Arc;

use tokio_postgres::SimpleQueryMessage;

use super::{
    Options, PostgresStore,
    connections::{Connections, Turn},
    database::shared,
    statement as s,
};
use crate::clock::SystemClock;

/// A tenant of 30,000 users, 300 groups, one of which has all the users, and their events.
const FILL: &str = "
    INSERT INTO tenant_log SELECT gen_random_uuid(), 1, 1, 1 FROM generate_series(1, 50000);
    INSERT INTO tenant_log VALUES ('00000000-0000-0000-0000-0000000000aa', 30000, 1, 1);
    INSERT INTO resource SELECT '00000000-0000-0000-0000-0000000000aa', 'User', gen_random_uuid(), 1, n, n, 0, 'a', 'b', 'c'
        FROM generate_series(1, 30000) AS n;
    INSERT INTO resource SELECT '00000000-0000-0000-0000-0000000000aa', 'Group', gen_random_uuid(), 1, n, n, 0, 'a', 'b', 'c'
        FROM generate_series(1, 300) AS n;
    INSERT INTO index_entry SELECT tenant, resource_type, 'userName', convert_to(id::text, 'UTF8'), id, true FROM resource;
    INSERT INTO index_entry SELECT tenant, resource_type, 'title', 'clerk', id, false FROM resource;
    INSERT INTO member SELECT r.tenant, g.id, r.id, 'Group', 'User' FROM resource AS r,
        (SELECT id FROM resource WHERE resource_type = 'Group' LIMIT 1) AS g WHERE r.resource_type = 'User';
    INSERT INTO member SELECT r.tenant, g.id, r.id, 'Group', 'User' FROM
        (SELECT id FROM resource WHERE resource_type = 'Group') AS g,
        (SELECT tenant, id FROM resource WHERE resource_type = 'User' LIMIT 50) AS r ON CONFLICT DO NOTHING;
    INSERT INTO event SELECT '00000000-0000-0000-0000-0000000000aa', n, '{}' FROM generate_series(1, 30000) AS n;
    INSERT INTO key_change SELECT tenant, n, n, n + 1, '{}', '{}', '{}', '{}', '{}'
        FROM tenant_log, generate_series(1, 300) AS n LIMIT 30000;
    INSERT INTO dissolved_group SELECT gen_random_uuid(), gen_random_uuid() FROM generate_series(1, 30000);
    ANALYZE";

/// As if all tables were so large that starting processes and compiling seemed to pay.
const TEMPTING: &str = "SET parallel_setup_cost = 0; SET parallel_tuple_cost = 0; SET min_parallel_index_scan_size = 0; \
    SET min_parallel_table_scan_size = 0; SET jit_above_cost = 0";

/// The statements, and the indexes that their plans name, each once.
const PINNED: &[(&str, &[&str])] = &[
    (s::LOCK, &["tenant_log_pkey"]),
    (s::SAVE_LOGS, &["tenant_log_pkey"]),
    (s::HEADERS, &["resource_pkey"]),
    (s::HELD, &["index_entry_by_resource"]),
    (s::OWNERS, &["index_entry_pkey"]),
    (s::EDGES, &["member_by_member"]),
    (s::LEAVING, &["member_by_member", "resource_pkey"]),
    (s::BEING_SWEPT, &["dissolved_group_pkey"]),
    (s::TOUCH, &["resource_pkey"]),
    (s::DELETE, &["resource_pkey"]),
    (s::UNINDEX, &["index_entry_by_resource"]),
    (s::LEAVE, &["member_by_member"]),
    (s::GET, &["resource_pkey"]),
    (s::LOOKUP, &["index_entry_unique"]),
    (s::RESOURCES_FROM, &["resource_pkey"]),
    (s::RESOURCES_BEFORE, &["resource_pkey"]),
    (s::RESOURCES_AT, &["resource_pkey"]),
    (s::KEY_CHANGES, &["tenant_log_pkey", "key_change_pkey"]),
    (s::FORGET_KEY_CHANGES, &["key_change_pkey"]),
    (s::BLOCKS_OF_IDS, &["resource_pkey"]),
    (s::BLOCKS_OF_INSTANTS, &["resource_by_last_modified"]),
    (s::BLOCKS_OF_VALUES, &["index_entry_pkey"]),
    (s::POSITIONS, &["index_entry_pkey"]),
    (s::POSITIONS_DOWN, &["index_entry_pkey"]),
    (s::INDEXED, &["index_entry_pkey", "resource_pkey"]),
    (s::INDEXED_DOWN, &["index_entry_pkey", "resource_pkey"]),
    (s::INDEX_COUNT, &["index_entry_pkey"]),
    (s::MODIFIED, &["resource_by_last_modified"]),
    (s::MODIFIED_DOWN, &["resource_by_last_modified"]),
    (s::MODIFIED_POSITIONS, &["resource_by_last_modified"]),
    (s::MODIFIED_POSITIONS_DOWN, &["resource_by_last_modified"]),
    (s::MEMBERS, &["member_pkey", "resource_pkey"]),
    (s::MEMBER_IDS, &["member_pkey", "resource_pkey"]),
    (s::IS_MEMBER, &["member_by_member", "resource_pkey"]),
    (s::GROUPS_OF, &["member_by_member", "resource_pkey"]),
    (s::GROUPS_OF_INDEXED, &["index_entry_pkey", "member_by_member", "resource_pkey"]),
    (s::EVENTS, &["event_pkey"]),
    (s::EVENT, &["event_pkey"]),
    (s::SWEEP, &["member_pkey"]),
];

#[tokio::test]
async fn each_statement_of_a_hot_path_uses_its_index() {
    let options = Options::new(shared().schema());
    PostgresStore::migrate(&options, &SystemClock).await.unwrap();
    let connection = Connections::new(&options, Arc::default()).unwrap().get(Turn::Write).await.unwrap();
    connection.batch_execute(FILL).await.unwrap();
    connection.batch_execute(TEMPTING).await.unwrap();
    let mut wrong = Vec::new();
    for (sql, indexes) in PINNED {
        connection.batch_execute(&format!("PREPARE pinned AS {sql}")).await.unwrap();
        let parameters = (1..20).filter(|number| sql.contains(&format!("${number}"))).map(|_| "NULL");
        let execute = format!("EXPLAIN EXECUTE pinned({})", parameters.collect::<Vec<_>>().join(", "));
        let answer = connection.simple_query(&execute).await.unwrap();
        connection.batch_execute("DEALLOCATE pinned").await.unwrap();
        let lines = answer.iter().filter_map(|message| match message {
            SimpleQueryMessage::Row(row) => row.get(0),
            _ => None,
        });
        let plan = lines.collect::<Vec<_>>().join("\n");
        let sorts = plan.contains("Sort") && !sql.contains("place") && !sql.contains("FOR UPDATE");
        let starts_others = plan.contains("Gather") || plan.contains("JIT");
        if plan.contains("Seq Scan") || sorts || starts_others || indexes.iter().any(|index| !plan.contains(index)) {
            wrong.push(format!("{sql}\nshould use {indexes:?}, but:\n{plan}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}
