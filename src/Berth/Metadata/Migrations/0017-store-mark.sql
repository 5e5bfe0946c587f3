-- oldest: 1
-- One row: the mark that this database's store of blobs has too, so that neither is used with another. marked_at is when
-- the store got it; null: a store without a mark may still get it.
CREATE TABLE store_mark (
    id BIGINT PRIMARY KEY,
    mark {text} NOT NULL,
    made_at BIGINT NOT NULL,
    marked_at BIGINT
);
