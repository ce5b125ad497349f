# Run once, on an empty volume: the program is an ordinary user who owns its database and nothing else.
psql -v ON_ERROR_STOP=1 -v password="$MILLRACE_PASSWORD" -U "$POSTGRES_USER" -d postgres <<'SQL'
create role millrace login password :'password';
create database millrace owner millrace;
revoke connect on database millrace from public;
SQL
