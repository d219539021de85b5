//! Statements about tenants in several databases, and about the one that moves.

// The moves of a tenant have growing numbers. Each change names its own, so that a process which was frozen in the
// midst of a move that was given up meanwhile changes nothing when it goes on.

/// The tenant is on its way here by a move: nobody else writes to it.
pub(in super::super) const AWAIT: &str = "INSERT INTO tenant_log AS l (tenant, sequence, at, changes, closed, moved) \
    VALUES ($1, 0, $2, $3, $4, $5) ON CONFLICT (tenant) DO UPDATE SET moved = excluded.moved, watched = NULL, \
    changes = l.changes + 1 WHERE l.closed = excluded.closed AND l.moved <= excluded.moved RETURNING tenant";

/// Holds the copy that a move has made, or left behind.
pub(in super::super) const HOLD: &str =
    "SELECT tenant FROM tenant_log WHERE tenant = $1 AND closed = $2 AND moved = $3 FOR UPDATE";

/// From here on, writers note what they touch under the number $2.
pub(in super::super) const WATCH: &str = "UPDATE tenant_log SET watched = $2, moved = $4 \
    WHERE tenant = $1 AND coalesce(closed, 0) < $3 AND moved <= $4 RETURNING tenant";

/// Nobody writes to the tenant here any more, unless the move was given up.
pub(in super::super) const CLOSE: &str = "UPDATE tenant_log SET closed = $2, watched = NULL, changes = changes + 1 \
    WHERE tenant = $1 AND moved = $3 AND coalesce(closed, 0) < $2 RETURNING tenant";

/// How far the tenant has come; it opens at that instant.
pub(in super::super) const OPEN: &str = "UPDATE tenant_log SET sequence = $2, at = $3, closed = $4, \
    changes = changes + 1 WHERE tenant = $1";

/// Who was to move stays, and the move does nothing more here.
pub(in super::super) const REOPEN: &str = "UPDATE tenant_log \
    SET closed = NULL, watched = NULL, moved = $2 + 1, changes = changes + 1 WHERE tenant = $1 AND moved <= $2";

/// The copy that a move has made is not its own any more, and stays closed, or is closed again: the move may have come as
/// far as to open it. Nobody knows it as the tenant's place.
pub(in super::super) const DISOWN: &str =
    "UPDATE tenant_log SET closed = $2, moved = $3 + 1 WHERE tenant = $1 AND moved = $3";

/// A log that is open where the tenant is not kept is closed for good; older moves do nothing more here.
pub(in super::super) const CLOSE_STRAY: &str = "UPDATE tenant_log \
    SET closed = $2, watched = NULL, moved = greatest(moved, $3), changes = changes + 1 \
    WHERE tenant = $1 AND coalesce(closed, 0) < $2 RETURNING moved";

pub(in super::super) const TOUCH: &str = "INSERT INTO touched (tenant, turn, resource_type, id, member) \
    SELECT * FROM unnest($1::uuid[], $2::bigint[], $3::text[], $4::uuid[], $5::uuid[]) \
    ON CONFLICT (tenant, turn, resource_type, id, member) DO NOTHING";

pub(in super::super) const TOUCHED: &str = "SELECT resource_type, id, member FROM touched \
    WHERE tenant = $1 AND turn = $2 AND (resource_type, id, member) > ($3, $4, $5) \
    ORDER BY resource_type, id, member LIMIT $6";

pub(in super::super) const FORGET_TOUCHED: &str = "DELETE FROM touched WHERE tenant = $1 AND turn <= $2";

/// These resources as they are.
pub(in super::super) const RECORDS: &str = "SELECT r.version, r.created, r.last_modified, r.members, r.display, \
    r.visible, r.hidden, r.id, r.resource_type FROM unnest($2::text[], $3::uuid[]) AS w (resource_type, id) \
    JOIN resource AS r ON r.tenant = $1 AND r.resource_type = w.resource_type AND r.id = w.id";

/// Edges of groups that exist, behind one.
pub(in super::super) const EDGES_OF_ALL: &str = "SELECT m.group_id, m.member_id, m.group_type, m.member_type, m.joined \
    FROM member AS m WHERE m.tenant = $1 AND (m.group_id, m.member_id) > ($2, $3) \
    AND EXISTS (SELECT 1 FROM resource AS g \
    WHERE g.tenant = m.tenant AND g.resource_type = m.group_type AND g.id = m.group_id) \
    ORDER BY m.group_id, m.member_id LIMIT $4";

/// The same of one group.
pub(in super::super) const EDGES_OF_GROUP: &str = "SELECT m.group_id, m.member_id, m.group_type, m.member_type, m.joined \
    FROM member AS m WHERE m.tenant = $1 AND m.group_id = $2 AND m.member_id > $3 \
    AND EXISTS (SELECT 1 FROM resource AS g \
    WHERE g.tenant = m.tenant AND g.resource_type = m.group_type AND g.id = m.group_id) \
    ORDER BY m.member_id LIMIT $4";

/// These edges, of those that are there.
pub(in super::super) const THESE_EDGES: &str = "SELECT m.group_id, m.member_id, m.group_type, m.member_type, m.joined \
    FROM unnest($2::uuid[], $3::uuid[]) AS w (group_id, member_id) \
    JOIN member AS m ON m.tenant = $1 AND m.group_id = w.group_id AND m.member_id = w.member_id";

pub(in super::super) const UNINDEX_ALL: &str = "DELETE FROM index_entry AS e \
    USING unnest($2::text[], $3::uuid[]) AS w (resource_type, id) \
    WHERE e.tenant = $1 AND e.resource_type = w.resource_type AND e.id = w.id";

pub(in super::super) const LEAVE_GROUPS: &str = "DELETE FROM member WHERE tenant = $1 AND group_id = ANY($2)";

pub(in super::super) const FORGET_COUNTS: &str = "DELETE FROM resource_count WHERE tenant = $1";

pub(in super::super) const OLDEST: &str = "SELECT min(sequence) FROM event WHERE tenant = $1";

pub(in super::super) const FORGET_BEFORE: &str = "DELETE FROM event WHERE tenant = $1 AND sequence < $2";

pub(in super::super) const PART: &str = "SELECT store, number, databases FROM part_of_store";

/// What the database is said to be, unless it was said before; as the first it learns of further databases.
pub(in super::super) const BECOME_PART: &str = "INSERT INTO part_of_store (only_row, store, number, databases) \
    VALUES (1, $1, $2, $3) ON CONFLICT (only_row) DO UPDATE \
    SET databases = greatest(part_of_store.databases, excluded.databases) RETURNING store, number, databases";
