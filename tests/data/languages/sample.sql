-- Who buys.
CREATE TABLE shop.customers (
    id integer PRIMARY KEY,
    name text NOT NULL
);

CREATE VIEW active AS
SELECT * FROM shop.customers;

-- Adds up.
CREATE FUNCTION total(a int, b int) RETURNS int AS $$
    SELECT a + b
$$ LANGUAGE sql;

CREATE TYPE state AS ENUM ('open', 'closed');

SELECT * FROM active;
