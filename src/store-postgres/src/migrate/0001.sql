-- Texts sort by bytes, as everywhere else in the platform.
CREATE TABLE state (
    singleton boolean PRIMARY KEY DEFAULT true CHECK (singleton),
    version bigint NOT NULL,
    declared text[] NOT NULL
);
INSERT INTO state (version, declared) VALUES (0, '{}');

CREATE TABLE entity (
    tenant text COLLATE "C" NOT NULL,
    id text COLLATE "C" NOT NULL,
    version bigint NOT NULL,
    doc bytea NOT NULL,
    PRIMARY KEY (tenant, id)
);

CREATE TABLE index_entry (
    tenant text COLLATE "C" NOT NULL,
    entry bytea NOT NULL,
    id text COLLATE "C" NOT NULL,
    PRIMARY KEY (tenant, entry)
);

CREATE TABLE record (
    tenant text COLLATE "C" NOT NULL,
    collection text COLLATE "C" NOT NULL,
    key bytea NOT NULL,
    version bigint NOT NULL,
    value bytea NOT NULL,
    PRIMARY KEY (tenant, collection, key)
);

CREATE TABLE log_entry (
    tenant text COLLATE "C" NOT NULL,
    log text COLLATE "C" NOT NULL,
    index bigint NOT NULL,
    entry bytea NOT NULL,
    PRIMARY KEY (tenant, log, index)
);
