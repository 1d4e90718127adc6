-- A channel that is neither recorded nor has an event left is deleted, and its floor with it.
-- The highest id evicted of any such channel, or of a gap that concerned one: a cursor below it may have missed events of
-- a channel that is not here.
ALTER TABLE meta ADD COLUMN forgotten_through INTEGER NOT NULL DEFAULT 0;
