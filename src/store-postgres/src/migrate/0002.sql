-- Instances of the past. What is kept of deleted entities is in entity and index_entry under another name of the tenant.
CREATE TABLE instance (
    tenant text COLLATE "C" NOT NULL,
    entity text COLLATE "C" NOT NULL,
    series bytea NOT NULL,
    at bigint NOT NULL,
    id bytea NOT NULL,
    value bytea NOT NULL,
    PRIMARY KEY (tenant, entity, series, at, id)
);
