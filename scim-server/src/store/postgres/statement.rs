//! Every statement that the engine sends: the only place where there is SQL.
//!
//! Those of the hot paths are pinned by a test to the index that they use. Many rows travel in one
//! statement as arrays, so that a commit costs two round trips however much it changes.

pub(super) mod spread;

/// Until when a tenant is closed that is kept elsewhere, or about to be (`closed`); and the number of a move that no move
/// comes behind: the tenant was erased (`moved`).
pub(super) const FOR_GOOD: i64 = i64::MAX;

/// The version of the database's own program.
pub(super) const SERVER_VERSION: &str = "SHOW server_version";

/// Of what a statement finds, in its order, as much as has `$bytes` together, with the row that goes beyond them.
/// The database knows the lengths without reading the values, so it reads and sends no more than that.
macro_rules! within_bytes {
    ($bytes:literal, $columns:literal, $sizes:literal, $order:literal, $found:literal) => {
        concat!(
            "SELECT ",
            $columns,
            " FROM (SELECT *, sum(",
            $sizes,
            ") OVER (ORDER BY ",
            $order,
            " ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS bytes_before FROM (",
            $found,
            ") AS found) AS summed ",
            "WHERE bytes_before IS NULL OR bytes_before < ",
            $bytes,
            " ORDER BY ",
            $order
        )
    };
}

/// [`within_bytes`] of records.
macro_rules! records_within {
    ($bytes:literal, $columns:literal, $order:literal, $found:literal) => {
        within_bytes!(
            $bytes,
            $columns,
            "octet_length(display) + octet_length(visible) + octet_length(hidden)",
            $order,
            $found
        )
    };
}

/// Locks the logs of these tenants, in one order for everybody.
pub const LOCK: &str = "SELECT tenant, sequence, at, changes, closed, watched, moved FROM tenant_log \
    WHERE tenant = ANY($1) ORDER BY tenant FOR UPDATE";

pub(super) const OPEN_LOGS: &str = "INSERT INTO tenant_log (tenant, sequence, at, changes) \
    SELECT tenant, 0, $2, $3 FROM unnest($1::uuid[]) AS w (tenant) ON CONFLICT (tenant) DO NOTHING";

pub const SAVE_LOGS: &str = "UPDATE tenant_log AS l \
    SET sequence = w.sequence, at = w.at, changes = l.changes + w.more \
    FROM unnest($1::uuid[], $2::bigint[], $3::bigint[], $4::bigint[]) AS w (tenant, sequence, at, more) \
    WHERE l.tenant = w.tenant";

/// Numbers a change that leaves nothing of itself: what was counted before is counted anew.
pub(super) const CHANGE_UNTOLD: &str = "UPDATE tenant_log SET changes = changes + 1 WHERE tenant = $1";

/// Those that are kept here: not those that are kept in another database, or on their way here.
pub(super) const TENANTS: &str =
    "SELECT tenant FROM tenant_log WHERE coalesce(closed, 0) < 9223372036854775807 ORDER BY tenant";

/// The same with copies of others.
pub(super) const ALL_TENANTS: &str = "SELECT tenant FROM tenant_log WHERE moved < 9223372036854775807 ORDER BY tenant";

/// The tenant is closed for good, here and for every move. Who writes to it now is waited for.
pub(super) const CLOSE_ERASED: &str = "INSERT INTO tenant_log AS l (tenant, sequence, at, changes, closed, moved) \
    VALUES ($1, 0, $2, $3, 9223372036854775807, 9223372036854775807) ON CONFLICT (tenant) DO UPDATE \
    SET closed = excluded.closed, moved = excluded.moved, watched = NULL, changes = l.changes + 1";

pub(super) const IS_ERASED: &str = "SELECT tenant FROM tenant_log WHERE tenant = $1 AND moved = 9223372036854775807";

pub(super) const SEQUENCE: &str = "SELECT sequence, at FROM tenant_log WHERE tenant = $1";

// What a commit is decided on.

pub const HEADERS: &str = "SELECT r.tenant, r.resource_type, r.id, r.version, r.created, r.last_modified, r.members \
    FROM unnest($1::uuid[], $2::text[], $3::uuid[]) AS w (tenant, resource_type, id) \
    JOIN resource AS r ON r.tenant = w.tenant AND r.resource_type = w.resource_type AND r.id = w.id";

pub const HELD: &str = "SELECT e.tenant, e.resource_type, e.id, e.attribute, e.value, e.is_unique \
    FROM unnest($1::uuid[], $2::text[], $3::uuid[]) AS w (tenant, resource_type, id) \
    JOIN index_entry AS e ON e.tenant = w.tenant AND e.resource_type = w.resource_type AND e.id = w.id";

pub const OWNERS: &str = "SELECT e.tenant, e.resource_type, e.attribute, e.value, e.id, e.is_unique \
    FROM unnest($1::uuid[], $2::text[], $3::text[], $4::bytea[]) AS w (tenant, resource_type, attribute, value) \
    JOIN index_entry AS e ON e.tenant = w.tenant AND e.resource_type = w.resource_type \
    AND e.attribute = w.attribute AND e.value = w.value";

pub(super) const EDGES: &str = "SELECT m.tenant, m.group_id, m.member_id, m.group_type, m.member_type \
    FROM unnest($1::uuid[], $2::uuid[], $3::uuid[]) AS w (tenant, group_id, member_id) \
    JOIN member AS m ON m.tenant = w.tenant AND m.group_id = w.group_id AND m.member_id = w.member_id";

/// Deleted groups whose edges are not swept yet.
pub(super) const BEING_SWEPT: &str = "SELECT d.tenant, d.group_id \
    FROM unnest($1::uuid[], $2::uuid[]) AS w (tenant, group_id) \
    JOIN dissolved_group AS d ON d.tenant = w.tenant AND d.group_id = w.group_id";

/// The edges of members that are about to go, and how their groups stand (nulls when one is gone).
pub(super) const LEAVING: &str = "SELECT m.tenant, m.group_id, m.member_id, m.group_type, m.member_type, \
    r.version, r.created, r.last_modified, r.members \
    FROM unnest($1::uuid[], $2::uuid[]) AS w (tenant, member_id) \
    JOIN member AS m ON m.tenant = w.tenant AND m.member_id = w.member_id \
    LEFT JOIN resource AS r ON r.tenant = m.tenant AND r.resource_type = m.group_type AND r.id = m.group_id";

pub const COUNTS: &str = "SELECT c.tenant, c.resource_type, c.resources \
    FROM unnest($1::uuid[], $2::text[]) AS w (tenant, resource_type) \
    JOIN resource_count AS c ON c.tenant = w.tenant AND c.resource_type = w.resource_type";

// What a commit writes.

pub const PUT: &str = "INSERT INTO resource \
    (tenant, resource_type, id, version, created, last_modified, members, display, visible, hidden) \
    SELECT * FROM unnest($1::uuid[], $2::text[], $3::uuid[], $4::bigint[], $5::bigint[], $6::bigint[], $7::bigint[], \
    $8::bytea[], $9::bytea[], $10::bytea[]) \
    ON CONFLICT (tenant, resource_type, id) DO UPDATE SET version = excluded.version, created = excluded.created, \
    last_modified = excluded.last_modified, members = excluded.members, display = excluded.display, \
    visible = excluded.visible, hidden = excluded.hidden";

pub(super) const TOUCH: &str = "UPDATE resource AS r SET version = w.version, created = w.created, \
    last_modified = w.last_modified, members = w.members \
    FROM unnest($1::uuid[], $2::text[], $3::uuid[], $4::bigint[], $5::bigint[], $6::bigint[], $7::bigint[]) \
    AS w (tenant, resource_type, id, version, created, last_modified, members) \
    WHERE r.tenant = w.tenant AND r.resource_type = w.resource_type AND r.id = w.id";

pub(super) const DELETE: &str = "DELETE FROM resource AS r \
    USING unnest($1::uuid[], $2::text[], $3::uuid[]) AS w (tenant, resource_type, id) \
    WHERE r.tenant = w.tenant AND r.resource_type = w.resource_type AND r.id = w.id";

pub const INDEX: &str = "INSERT INTO index_entry (tenant, resource_type, attribute, value, id, is_unique) \
    SELECT * FROM unnest($1::uuid[], $2::text[], $3::text[], $4::bytea[], $5::uuid[], $6::boolean[]) \
    ON CONFLICT (tenant, resource_type, attribute, value, id) DO UPDATE SET is_unique = excluded.is_unique";

pub(super) const UNINDEX: &str = "DELETE FROM index_entry AS e \
    USING unnest($1::uuid[], $2::text[], $3::text[], $4::bytea[], $5::uuid[]) \
    AS w (tenant, resource_type, attribute, value, id) \
    WHERE e.tenant = w.tenant AND e.resource_type = w.resource_type AND e.attribute = w.attribute \
    AND e.value = w.value AND e.id = w.id";

pub(super) const JOIN: &str = "INSERT INTO member (tenant, group_id, member_id, group_type, member_type, joined) \
    SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::text[], $5::text[], $6::bigint[]) \
    ON CONFLICT (tenant, group_id, member_id) DO UPDATE SET group_type = excluded.group_type, \
    member_type = excluded.member_type, joined = excluded.joined";

pub(super) const LEAVE: &str = "DELETE FROM member AS m \
    USING unnest($1::uuid[], $2::uuid[], $3::uuid[]) AS w (tenant, group_id, member_id) \
    WHERE m.tenant = w.tenant AND m.group_id = w.group_id AND m.member_id = w.member_id";

pub const COUNT_BY: &str = "INSERT INTO resource_count (tenant, resource_type, resources) \
    SELECT * FROM unnest($1::uuid[], $2::text[], $3::bigint[]) \
    ON CONFLICT (tenant, resource_type) DO UPDATE SET resources = resource_count.resources + excluded.resources";

pub(super) const DISSOLVE: &str = "INSERT INTO dissolved_group (tenant, group_id) \
    SELECT * FROM unnest($1::uuid[], $2::uuid[]) ON CONFLICT (tenant, group_id) DO NOTHING";

pub const LOG: &str = "INSERT INTO event (tenant, sequence, document) \
    SELECT * FROM unnest($1::uuid[], $2::bigint[], $3::bytea[]) \
    ON CONFLICT (tenant, sequence) DO UPDATE SET document = excluded.document";

pub(super) const KEYS_CHANGED: &str = "INSERT INTO key_change \
    (tenant, change, since, sequence, resource_types, attributes, key_values, ids, comes) \
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) ON CONFLICT (tenant, change) DO UPDATE SET \
    since = excluded.since, sequence = excluded.sequence, resource_types = excluded.resource_types, \
    attributes = excluded.attributes, key_values = excluded.key_values, ids = excluded.ids, comes = excluded.comes";

pub(super) const FORGET_KEY_CHANGES: &str = "DELETE FROM key_change WHERE tenant = $1 AND change <= $2";

// What is read.

pub const GET: &str = "SELECT version, created, last_modified, members, display, visible, hidden \
    FROM resource WHERE tenant = $1 AND resource_type = $2 AND id = $3";

pub(super) const CHECKSUMS: &str = "SELECT current_setting('data_checksums')";

pub(super) const LOOKUP: &str = "SELECT id FROM index_entry \
    WHERE tenant = $1 AND resource_type = $2 AND attribute = $3 AND value = $4 AND is_unique";

pub(super) const RESOURCES_FROM: &str = records_within!(
    "$5",
    "version, created, last_modified, members, display, visible, hidden, id",
    "id",
    "SELECT version, created, last_modified, members, display, visible, hidden, id \
    FROM resource WHERE tenant = $1 AND resource_type = $2 AND id >= $3 ORDER BY id LIMIT $4"
);

pub(super) const RESOURCES_BEFORE: &str = records_within!(
    "$5",
    "version, created, last_modified, members, display, visible, hidden, id",
    "id DESC",
    "SELECT version, created, last_modified, members, display, visible, hidden, id \
    FROM resource WHERE tenant = $1 AND resource_type = $2 AND id < $3 ORDER BY id DESC LIMIT $4"
);

// The ids that are passed over are read from the index alone: `$3` of them, from `$6` on.
pub(super) const RESOURCES_AT: &str = records_within!(
    "$5",
    "version, created, last_modified, members, display, visible, hidden, id",
    "id",
    "SELECT version, created, last_modified, members, display, visible, hidden, id \
    FROM resource WHERE tenant = $1 AND resource_type = $2 AND id >= (SELECT id FROM resource \
    WHERE tenant = $1 AND resource_type = $2 AND id >= $6 ORDER BY id OFFSET $3 LIMIT 1) ORDER BY id LIMIT $4"
);

/// How far a tenant has come (one row at least), and what has changed behind `$2`, unless that is more than `$3`
/// changes ago. In any order.
pub(super) const KEY_CHANGES: &str = "SELECT l.changes, l.sequence, c.change, c.since, c.sequence, \
    c.resource_types, c.attributes, c.key_values, c.ids, c.comes FROM tenant_log AS l \
    LEFT JOIN key_change AS c ON c.tenant = l.tenant AND c.change > $2 AND c.change <= $2 + $3 AND l.changes - $2 <= $3 \
    WHERE l.tenant = $1";

/// Of the keys that a statement finds, the first and the last of each block of so many, with their numbers.
macro_rules! blocks {
    ($size:literal, $columns:literal, $found:literal) => {
        concat!(
            "SELECT n, ",
            $columns,
            " FROM (SELECT ",
            $columns,
            ", row_number() OVER (ORDER BY ",
            $columns,
            ") AS n, count(*) OVER () AS all_of_them FROM (",
            $found,
            ") AS found) AS numbered WHERE n % ",
            $size,
            " = 1 OR n % ",
            $size,
            " = 0 OR n = all_of_them ORDER BY ",
            $columns
        )
    };
}

pub(super) const BLOCKS_OF_IDS: &str = blocks!(
    "$5",
    "id",
    "SELECT id FROM resource WHERE tenant = $1 AND resource_type = $2 AND id >= $3 ORDER BY id LIMIT $4"
);

pub(super) const BLOCKS_OF_INSTANTS: &str = blocks!(
    "$6",
    "last_modified, id",
    "SELECT last_modified, id FROM resource WHERE tenant = $1 AND resource_type = $2 \
    AND (last_modified, id) >= ($3, $4) ORDER BY last_modified, id LIMIT $5"
);

pub(super) const BLOCKS_OF_VALUES: &str = blocks!(
    "$7",
    "value, id",
    "SELECT value, id FROM index_entry WHERE tenant = $1 AND resource_type = $2 AND attribute = $3 \
    AND (value, id) >= ($4, $5) ORDER BY value, id LIMIT $6"
);

pub(super) const COUNT: &str = "SELECT resources FROM resource_count WHERE tenant = $1 AND resource_type = $2";

pub(super) const POSITIONS: &str = "SELECT value, id FROM index_entry \
    WHERE tenant = $1 AND resource_type = $2 AND attribute = $3 AND (value, id) >= ($4, $5) AND (value, id) < ($6, $7) \
    ORDER BY value, id LIMIT $8 OFFSET $9";

pub(super) const POSITIONS_DOWN: &str = "SELECT value, id FROM index_entry \
    WHERE tenant = $1 AND resource_type = $2 AND attribute = $3 AND (value, id) >= ($4, $5) AND (value, id) < ($6, $7) \
    ORDER BY value DESC, id DESC LIMIT $8 OFFSET $9";

pub const INDEXED: &str = records_within!(
    "$9",
    "version, created, last_modified, members, display, visible, hidden, value, id",
    "value, id",
    "SELECT r.version, r.created, r.last_modified, r.members, r.display, r.visible, \
    r.hidden, e.value, e.id FROM index_entry AS e \
    LEFT JOIN resource AS r ON r.tenant = e.tenant AND r.resource_type = e.resource_type AND r.id = e.id \
    WHERE e.tenant = $1 AND e.resource_type = $2 AND e.attribute = $3 \
    AND (e.value, e.id) >= ($4, $5) AND (e.value, e.id) < ($6, $7) ORDER BY e.value, e.id LIMIT $8"
);

pub(super) const INDEXED_DOWN: &str = records_within!(
    "$9",
    "version, created, last_modified, members, display, visible, hidden, value, id",
    "value DESC, id DESC",
    "SELECT r.version, r.created, r.last_modified, r.members, r.display, r.visible, \
    r.hidden, e.value, e.id FROM index_entry AS e \
    LEFT JOIN resource AS r ON r.tenant = e.tenant AND r.resource_type = e.resource_type AND r.id = e.id \
    WHERE e.tenant = $1 AND e.resource_type = $2 AND e.attribute = $3 \
    AND (e.value, e.id) >= ($4, $5) AND (e.value, e.id) < ($6, $7) ORDER BY e.value DESC, e.id DESC LIMIT $8"
);

pub(super) const INDEX_COUNT: &str = "SELECT count(*) FROM (SELECT 1 FROM index_entry \
    WHERE tenant = $1 AND resource_type = $2 AND attribute = $3 AND (value, id) >= ($4, $5) AND (value, id) < ($6, $7) \
    LIMIT $8) AS counted";

pub(super) const MODIFIED: &str = records_within!(
    "$8",
    "version, created, last_modified, members, display, visible, hidden, id",
    "last_modified, id",
    "SELECT version, created, last_modified, members, display, visible, hidden, id \
    FROM resource WHERE tenant = $1 AND resource_type = $2 \
    AND (last_modified, id) >= ($3, $4) AND (last_modified, id) <= ($5, $6) ORDER BY last_modified, id LIMIT $7"
);

pub(super) const MODIFIED_DOWN: &str = records_within!(
    "$8",
    "version, created, last_modified, members, display, visible, hidden, id",
    "last_modified DESC, id DESC",
    "SELECT version, created, last_modified, members, display, visible, hidden, id \
    FROM resource WHERE tenant = $1 AND resource_type = $2 \
    AND (last_modified, id) >= ($3, $4) AND (last_modified, id) <= ($5, $6) \
    ORDER BY last_modified DESC, id DESC LIMIT $7"
);

pub(super) const MODIFIED_POSITIONS: &str = "SELECT last_modified, id FROM resource \
    WHERE tenant = $1 AND resource_type = $2 \
    AND (last_modified, id) >= ($3, $4) AND (last_modified, id) <= ($5, $6) ORDER BY last_modified, id LIMIT $7 OFFSET $8";

pub(super) const MODIFIED_POSITIONS_DOWN: &str = "SELECT last_modified, id FROM resource \
    WHERE tenant = $1 AND resource_type = $2 \
    AND (last_modified, id) >= ($3, $4) AND (last_modified, id) <= ($5, $6) \
    ORDER BY last_modified DESC, id DESC LIMIT $7 OFFSET $8";

pub(super) const MODIFIED_COUNT: &str = "SELECT count(*) FROM (SELECT 1 FROM resource \
    WHERE tenant = $1 AND resource_type = $2 \
    AND (last_modified, id) >= ($3, $4) AND (last_modified, id) <= ($5, $6) LIMIT $7) AS counted";

pub(super) const MEMBERS: &str = within_bytes!(
    "$6",
    "member_type, member_id, display",
    "octet_length(display)",
    "member_id",
    "SELECT m.member_type, m.member_id, r.display FROM member AS m \
    JOIN resource AS r ON r.tenant = m.tenant AND r.resource_type = m.member_type AND r.id = m.member_id \
    WHERE m.tenant = $1 AND m.group_id = $2 AND m.member_id >= $3 \
    AND EXISTS (SELECT 1 FROM resource AS g WHERE g.tenant = $1 AND g.resource_type = $4 AND g.id = $2) \
    ORDER BY m.member_id LIMIT $5"
);

pub(super) const MEMBER_IDS: &str = "SELECT m.member_type, m.member_id FROM member AS m \
    WHERE m.tenant = $1 AND m.group_id = $2 AND m.member_id >= $3 \
    AND EXISTS (SELECT 1 FROM resource AS g WHERE g.tenant = $1 AND g.resource_type = $4 AND g.id = $2) \
    ORDER BY m.member_id LIMIT $5";

pub(super) const IS_MEMBER: &str = "SELECT 1 FROM member AS m \
    JOIN resource AS g ON g.tenant = m.tenant AND g.id = m.group_id AND g.resource_type = $4 \
    WHERE m.tenant = $1 AND m.group_id = $2 AND m.member_id = $3";

pub const GROUPS_OF: &str = "SELECT w.place, g.resource_type, g.id, g.display \
    FROM unnest($2::uuid[]) WITH ORDINALITY AS w (id, place) \
    JOIN member AS m ON m.tenant = $1 AND m.member_id = w.id \
    JOIN resource AS g ON g.tenant = m.tenant AND g.resource_type = m.group_type AND g.id = m.group_id \
    ORDER BY w.place, m.group_id";

pub(super) const MEMBERSHIPS: &str = "SELECT w.place, g.id, m.joined \
    FROM unnest($2::uuid[]) WITH ORDINALITY AS w (id, place) \
    JOIN member AS m ON m.tenant = $1 AND m.member_id = w.id \
    JOIN resource AS g ON g.tenant = m.tenant AND g.resource_type = m.group_type AND g.id = m.group_id \
    ORDER BY w.place, m.group_id";

/// The groups of the resources that [`INDEXED`] finds. As an array they are taken for a few, as they are.
pub const GROUPS_OF_INDEXED: &str = "SELECT w.id, g.resource_type, g.id, g.display \
    FROM unnest(ARRAY(SELECT id FROM index_entry WHERE tenant = $1 AND resource_type = $2 AND attribute = $3 \
    AND (value, id) >= ($4, $5) AND (value, id) < ($6, $7) ORDER BY value, id LIMIT $8)) WITH ORDINALITY AS w (id, place) \
    JOIN member AS m ON m.tenant = $1 AND m.member_id = w.id \
    JOIN resource AS g ON g.tenant = m.tenant AND g.resource_type = m.group_type AND g.id = m.group_id \
    ORDER BY w.place, m.group_id";

/// One snapshot: the log is never seen without its end.
pub(super) const LOG_ENDS: &str = "SELECT sequence, (SELECT min(sequence) FROM event WHERE tenant = $1) \
    FROM tenant_log WHERE tenant = $1";

pub(super) const EVENTS: &str = within_bytes!(
    "$4",
    "sequence, document",
    "octet_length(document)",
    "sequence",
    "SELECT sequence, document FROM event WHERE tenant = $1 AND sequence > $2 ORDER BY sequence LIMIT $3"
);

/// Those with an id in them: of a range that is bounded.
pub(super) const EVENTS_ABOUT: &str = within_bytes!(
    "$5",
    "sequence, document",
    "octet_length(document)",
    "sequence",
    "SELECT sequence, document FROM event WHERE tenant = $1 AND sequence > $2 AND sequence <= $3 \
    AND position($4 IN document) > 0"
);

pub(super) const EVENT: &str = "SELECT document FROM event WHERE tenant = $1 AND sequence = $2";

// What is removed in small steps.

pub(super) const FORGET: &str = "DELETE FROM event WHERE tenant = $1 AND sequence <= $2";

pub(super) const DISSOLVED: &str = "SELECT tenant, group_id FROM dissolved_group ORDER BY tenant, group_id LIMIT 1000";

/// Nothing goes once the group is swept: it may be there again, with the members that it was restored with. Whoever
/// sweeps holds the mark, so that nobody restores the group meanwhile.
pub(super) const SWEEP: &str = "DELETE FROM member WHERE tenant = $1 AND group_id IN \
    (SELECT group_id FROM dissolved_group WHERE tenant = $1 AND group_id = $2 FOR UPDATE) AND member_id IN \
    (SELECT member_id FROM member WHERE tenant = $1 AND group_id = $2 ORDER BY member_id LIMIT $3)";

pub(super) const SWEPT: &str = "DELETE FROM dissolved_group WHERE tenant = $1 AND group_id = $2";

/// What an erasure removes of each table, a little at a time. The row of the tenant's log stays, closed.
pub(super) const ERASE: &[&str] = &[
    "DELETE FROM index_entry WHERE tenant = $1 AND (resource_type, attribute, value, id) IN \
    (SELECT resource_type, attribute, value, id FROM index_entry WHERE tenant = $1 LIMIT $2)",
    "DELETE FROM member WHERE tenant = $1 AND (group_id, member_id) IN \
    (SELECT group_id, member_id FROM member WHERE tenant = $1 LIMIT $2)",
    "DELETE FROM event WHERE tenant = $1 AND sequence IN (SELECT sequence FROM event WHERE tenant = $1 LIMIT $2)",
    "DELETE FROM dissolved_group WHERE tenant = $1 AND group_id IN \
    (SELECT group_id FROM dissolved_group WHERE tenant = $1 LIMIT $2)",
    "DELETE FROM key_change WHERE tenant = $1 AND change IN (SELECT change FROM key_change WHERE tenant = $1 LIMIT $2)",
    ERASE_RESOURCES,
    "DELETE FROM resource_count WHERE tenant = $1 AND resource_type IN \
    (SELECT resource_type FROM resource_count WHERE tenant = $1 LIMIT $2)",
    "DELETE FROM allowance WHERE tenant = $1 AND $2::bigint > 0",
];

pub(super) const ERASE_RESOURCES: &str = "DELETE FROM resource WHERE tenant = $1 AND (resource_type, id) IN \
    (SELECT resource_type, id FROM resource WHERE tenant = $1 LIMIT $2)";

// Scans of everything, for exports and checks: pages behind a key.

pub(super) const SCAN_RESOURCES: &str = records_within!(
    "$5",
    "version, created, last_modified, members, display, visible, hidden, id, resource_type",
    "resource_type, id",
    "SELECT version, created, last_modified, members, display, visible, hidden, \
    id, resource_type FROM resource WHERE tenant = $1 AND (resource_type, id) > ($2, $3) \
    ORDER BY resource_type, id LIMIT $4"
);

pub(super) const SCAN_EDGES: &str = "SELECT m.group_id, m.member_id, m.group_type, m.member_type, \
    EXISTS (SELECT 1 FROM resource AS g WHERE g.tenant = m.tenant AND g.resource_type = m.group_type AND g.id = m.group_id), \
    EXISTS (SELECT 1 FROM resource AS r WHERE r.tenant = m.tenant AND r.resource_type = m.member_type AND r.id = m.member_id), \
    EXISTS (SELECT 1 FROM dissolved_group AS d WHERE d.tenant = m.tenant AND d.group_id = m.group_id), \
    m.joined FROM member AS m WHERE m.tenant = $1 AND (m.group_id, m.member_id) > ($2, $3) ORDER BY m.group_id, m.member_id LIMIT $4";

/// Index entries of resources that do not exist.
pub(super) const STRAY_ENTRIES: &str = "SELECT e.resource_type, e.attribute, e.value, e.id FROM index_entry AS e \
    WHERE e.tenant = $1 AND NOT EXISTS (SELECT 1 FROM resource AS r \
    WHERE r.tenant = e.tenant AND r.resource_type = e.resource_type AND r.id = e.id) \
    ORDER BY e.resource_type, e.attribute, e.value, e.id LIMIT $2";

pub(super) const COUNTED_MEMBERS: &str = "SELECT m.group_id, count(*) FROM member AS m \
    WHERE m.tenant = $1 AND m.group_id = ANY($2) GROUP BY m.group_id";

pub(super) const COUNTED_RESOURCES: &str =
    "SELECT resource_type, count(*) FROM resource WHERE tenant = $1 GROUP BY resource_type";

pub(super) const ALL_COUNTS: &str = "SELECT resource_type, resources FROM resource_count WHERE tenant = $1";

pub(super) const SET_COUNT: &str = "INSERT INTO resource_count (tenant, resource_type, resources) VALUES ($1, $2, $3) \
    ON CONFLICT (tenant, resource_type) DO UPDATE SET resources = excluded.resources";

// Statistics for the planner. It takes a table without them for a small one.

pub(super) const ANALYZE: [&str; 4] = ["ANALYZE resource", "ANALYZE index_entry", "ANALYZE member", "ANALYZE event"];

// Leases: one process at a time has one.

/// One request more, unless it would come more than a second too early. $2 is what one request takes, in microseconds.
pub(super) const TAKE_TURN: &str = "INSERT INTO allowance AS a (tenant, until) \
    VALUES ($1, (extract(epoch FROM clock_timestamp()) * 1000000)::bigint + $2) \
    ON CONFLICT (tenant) DO UPDATE SET until = greatest(a.until + $2, excluded.until) \
    WHERE a.until + $2 <= excluded.until - $2 + 1000000 RETURNING tenant";

pub(super) const LEASE: &str = "INSERT INTO lease (chore, holder, until) VALUES ($1, $2, $3) \
    ON CONFLICT (chore) DO UPDATE SET holder = excluded.holder, until = excluded.until \
    WHERE lease.holder = excluded.holder OR lease.until <= $4 RETURNING chore";
