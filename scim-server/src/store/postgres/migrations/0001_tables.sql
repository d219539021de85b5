-- Everything that a store keeps. Instants are milliseconds since the epoch.

-- One row a tenant. Whoever writes to the tenant holds it, so that commits happen in the order of
-- their sequences and nobody decides on what another is about to change.
CREATE TABLE tenant_log (
    tenant   uuid   NOT NULL PRIMARY KEY,
    sequence bigint NOT NULL,
    at       bigint NOT NULL
);

-- Documents are bytes: what is stored is what is served.
CREATE TABLE resource (
    tenant        uuid   NOT NULL,
    resource_type text   NOT NULL,
    id            uuid   NOT NULL,
    version       bigint NOT NULL,
    created       bigint NOT NULL,
    last_modified bigint NOT NULL,
    members       bigint NOT NULL,
    display       bytea  NOT NULL,
    visible       bytea  NOT NULL,
    hidden        bytea  NOT NULL,
    PRIMARY KEY (tenant, resource_type, id)
);
CREATE INDEX resource_by_last_modified ON resource (tenant, resource_type, last_modified, id);

CREATE TABLE resource_count (
    tenant        uuid   NOT NULL,
    resource_type text   NOT NULL,
    resources     bigint NOT NULL,
    PRIMARY KEY (tenant, resource_type)
);

-- A value is bytes in whose order the index is walked.
CREATE TABLE index_entry (
    tenant        uuid    NOT NULL,
    resource_type text    NOT NULL,
    attribute     text    NOT NULL,
    value         bytea   NOT NULL,
    id            uuid    NOT NULL,
    is_unique     boolean NOT NULL,
    PRIMARY KEY (tenant, resource_type, attribute, value, id)
);
CREATE UNIQUE INDEX index_entry_unique ON index_entry (tenant, resource_type, attribute, value) WHERE is_unique;
CREATE INDEX index_entry_by_resource ON index_entry (tenant, resource_type, id);

CREATE TABLE member (
    tenant      uuid NOT NULL,
    group_id    uuid NOT NULL,
    member_id   uuid NOT NULL,
    group_type  text NOT NULL,
    member_type text NOT NULL,
    PRIMARY KEY (tenant, group_id, member_id)
);
CREATE INDEX member_by_member ON member (tenant, member_id, group_id);

-- Groups that were deleted and whose edges are still to be swept away.
CREATE TABLE dissolved_group (
    tenant   uuid NOT NULL,
    group_id uuid NOT NULL,
    PRIMARY KEY (tenant, group_id)
);

CREATE TABLE event (
    tenant   uuid   NOT NULL,
    sequence bigint NOT NULL,
    document bytea  NOT NULL,
    PRIMARY KEY (tenant, sequence)
);

-- Work that one of several processes does at a time, until when it is that one's.
CREATE TABLE lease (
    chore  text   NOT NULL PRIMARY KEY,
    holder uuid   NOT NULL,
    until  bigint NOT NULL
);
