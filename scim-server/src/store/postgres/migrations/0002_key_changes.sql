-- Which keys came and went, so that a process that has counted them need not count again. One row for a
-- transaction; where one is missing, all is counted anew. Old ones are removed by whoever writes.

ALTER TABLE tenant_log ADD COLUMN changes bigint NOT NULL DEFAULT 0;

CREATE TABLE key_change (
    tenant         uuid      NOT NULL,
    change         bigint    NOT NULL,
    -- The tenant's sequence of events before and after: a program that does not write here raises it, too.
    since          bigint    NOT NULL,
    sequence       bigint    NOT NULL,
    resource_types text[]    NOT NULL,
    attributes     text[]    NOT NULL,
    key_values     bytea[]   NOT NULL,
    ids            uuid[]    NOT NULL,
    comes          boolean[] NOT NULL,
    PRIMARY KEY (tenant, change)
);
