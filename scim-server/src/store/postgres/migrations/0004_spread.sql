-- Tenants of one store in several databases, and how one of them moves.

-- Until when nobody may write to the tenant here, in milliseconds since the epoch: for good (the largest number) where
-- the tenant is kept in another database, or on its way here. Null is open.
ALTER TABLE tenant_log ADD COLUMN closed bigint;
-- The number under which writers note what they touch (below), while the tenant is copied. Null is: they need not.
ALTER TABLE tenant_log ADD COLUMN watched bigint;
-- The number of the last move that has to do with this database. What an older one still does is refused.
ALTER TABLE tenant_log ADD COLUMN moved bigint NOT NULL DEFAULT 0;

-- What was written while the tenant was copied. A resource has the nil id as its member; a group whose edges are about
-- to be swept has an empty type.
CREATE TABLE touched (
    tenant        uuid   NOT NULL,
    turn          bigint NOT NULL,
    resource_type text   NOT NULL,
    id            uuid   NOT NULL,
    member        uuid   NOT NULL,
    PRIMARY KEY (tenant, turn, resource_type, id, member)
);

-- Which of the databases of a store this one is: the first, number 0, has the directory of tenants. No row is the only
-- one.
CREATE TABLE part_of_store (
    only_row  bigint NOT NULL PRIMARY KEY,
    store     uuid   NOT NULL,
    number    bigint NOT NULL,
    databases bigint NOT NULL
);
