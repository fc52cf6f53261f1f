postgres
CREATE ROLE app LOGIN PASSWORD '$password';
CREATE ROLE free LOGIN;
CREATE ROLE sleeper NOLOGIN PASSWORD '$password';
CREATE ROLE banned LOGIN PASSWORD '$password';
CREATE ROLE secure LOGIN PASSWORD '$password';
CREATE ROLE older LOGIN PASSWORD '$password';
CREATE ROLE limited LOGIN PASSWORD '$password' CONNECTION LIMIT 0;
CREATE ROLE frozen LOGIN PASSWORD '$password';
ALTER ROLE frozen SET default_transaction_read_only = on;
CREATE ROLE chief LOGIN SUPERUSER PASSWORD '$password';
CREATE ROLE deputy LOGIN PASSWORD '$password' IN ROLE boss;
CREATE ROLE reader LOGIN PASSWORD '$password' IN ROLE pg_read_all_data;
CREATE ROLE mighty LOGIN REPLICATION CREATEROLE PASSWORD '$password'
  IN ROLE pg_write_all_data, pg_write_server_files, pg_execute_server_program;
CREATE ROLE "o'b\r ""x""; ü--" LOGIN PASSWORD '$password' IN ROLE pg_read_all_data;
SET password_encryption = md5;
CREATE ROLE old LOGIN PASSWORD '$password';
CREATE DATABASE app;
CREATE DATABASE "o'b\r ""x""; ü--";
CREATE DATABASE quiet;
CREATE DATABASE pooled;
CREATE DATABASE evil;
CREATE DATABASE withheld;
CREATE DATABASE locked;
CREATE DATABASE private;
REVOKE CONNECT ON DATABASE private FROM PUBLIC;
CREATE DATABASE closed ALLOW_CONNECTIONS false;
\connect app
CREATE SCHEMA watertight;
COMMENT ON SCHEMA watertight IS 'a <stamp> & ''more''';
\connect withheld
CREATE SCHEMA watertight;
COMMENT ON SCHEMA watertight IS 'a <stamp> & ''more'' &lt; ';
REVOKE EXECUTE ON FUNCTION pg_control_system(), pg_postmaster_start_time(), pg_stat_get_wal_senders() FROM PUBLIC;
REVOKE SELECT ON pg_roles FROM PUBLIC;
\connect locked
REVOKE EXECUTE ON FUNCTION pg_control_system(), has_function_privilege(oid, text) FROM PUBLIC;
\connect evil
CREATE SCHEMA evil;
GRANT USAGE ON SCHEMA evil TO PUBLIC;
CREATE FUNCTION evil.refuse(name, name) RETURNS bool LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'code of the tenant ran'; END $$;
CREATE OPERATOR evil.= (LEFTARG = name, RIGHTARG = name, FUNCTION = evil.refuse);
CREATE FUNCTION evil.pg_is_in_recovery() RETURNS bool LANGUAGE sql AS 'SELECT true';
CREATE FUNCTION evil.count() RETURNS bigint LANGUAGE sql AS 'SELECT 7::bigint';
CREATE FUNCTION evil.current_setting(text) RETURNS text LANGUAGE sql AS 'SELECT ''1''::text';
CREATE VIEW evil.pg_database AS SELECT 1::oid AS oid, 'x'::name AS datname;
CREATE VIEW evil.pg_roles AS SELECT 10::oid AS oid, 'app'::name AS rolname, true AS rolsuper;
CREATE VIEW evil.pg_description AS SELECT 'forged'::text AS description;
CREATE DOMAIN evil.name AS text;
CREATE DOMAIN evil.int8 AS text;
ALTER DATABASE evil SET search_path = evil, pg_catalog;
