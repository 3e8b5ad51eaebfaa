-- A change names the steps that were recorded, or have changed: their ids, one after the other. The fold knows all others from the timelines.
-- NULL is a change that the version before has noted. A new database has no index of the steps by their streams (store/migrate.rs).
ALTER TABLE changes ADD COLUMN ids MEDIUMBLOB;
