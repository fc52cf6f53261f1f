-- Runs on both servers of the demonstration, so that databases and roles have the same names and oids on each: nothing
-- but the live proof tells the servers apart, and nothing but it tells that two tenants are on one.
create role acme login password 'demo-acme';
create role globex login password 'demo-globex';
create role hooli login password 'demo-hooli';
