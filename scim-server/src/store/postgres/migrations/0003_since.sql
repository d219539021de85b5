-- Since when somebody is a member: milliseconds since the epoch, null where that is not known. A program that does not
-- know the column leaves it null.

ALTER TABLE member ADD COLUMN joined bigint;

-- The allowance of requests that all processes share: until when it is used up, in microseconds since the epoch.
CREATE TABLE allowance (
    tenant uuid   NOT NULL PRIMARY KEY,
    until  bigint NOT NULL
);
