-- Whether ts is from the server's clock, less an age: then the earlier of two deliveries of the step holds. A ts that was sent stays.
ALTER TABLE steps ADD COLUMN aged BOOLEAN NOT NULL DEFAULT FALSE;
