select pg_catalog.json_build_object(
  'recovery', pg_catalog.pg_is_in_recovery(),
  'timeline', case when pg_catalog.pg_is_in_recovery()
    then (select r.min_recovery_end_timeline from pg_catalog.pg_control_recovery() r)
    else ('x' operator(pg_catalog.||) pg_catalog.left(pg_catalog.pg_walfile_name(pg_catalog.pg_current_wal_insert_lsn()), 8))::pg_catalog.bit(32)::pg_catalog.int4 end,
  'insert', case when not pg_catalog.pg_is_in_recovery()
    then (pg_catalog.pg_current_wal_insert_lsn() operator(pg_catalog.-) '0/0'::pg_catalog.pg_lsn)::pg_catalog.int8 end,
  'received', (pg_catalog.pg_last_wal_receive_lsn() operator(pg_catalog.-) '0/0'::pg_catalog.pg_lsn)::pg_catalog.int8,
  'replayed', (pg_catalog.pg_last_wal_replay_lsn() operator(pg_catalog.-) '0/0'::pg_catalog.pg_lsn)::pg_catalog.int8,
  'receiver', (select pg_catalog.json_build_object('host', w.sender_host, 'port', w.sender_port, 'slot', w.slot_name)
    from pg_catalog.pg_stat_wal_receiver w where w.pid is not null),
  'senders', (select pg_catalog.json_agg(pg_catalog.json_build_object('application', s.application_name,
      'client', pg_catalog.host(s.client_addr), 'port', s.client_port))
    from pg_catalog.pg_stat_replication s),
  'slots', (select pg_catalog.json_agg(s.slot_name) from pg_catalog.pg_replication_slots s
    where s.active and s.slot_type operator(pg_catalog.=) 'physical')
)::pg_catalog.text
