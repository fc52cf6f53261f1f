//! What a database says of itself, asked with the application's own login.
//!
//! Why not the program's own witness: that is what is on trial.

use tokio_postgres::{Client, NoTls};
use watertight::secret::Secret;

/// Rows of a customer, before anything happens.
const ROWS: i64 = 100;

async fn with<T>(url: &Secret, ask: impl AsyncFnOnce(&Client) -> T) -> Result<T, String> {
    let connected = tokio_postgres::connect(url.expose(), NoTls).await;
    let (client, connection) = connected.map_err(|error| error.to_string())?;
    let asking = async move {
        let told = ask(&client).await;
        drop(client);
        told
    };
    Ok(tokio::join!(asking, connection).0)
}

/// A customer with data.
pub(crate) async fn settle_in(url: &Secret, id: &str) {
    let sql = format!(
        "create table home (subdomain text primary key); insert into home values ('{id}'); \
         create table kept as select generate_series(1, {ROWS}) as number"
    );
    with(url, async |it| it.batch_execute(&sql).await).await.unwrap().unwrap();
}

/// Which database it is, whoever asks. Two that are one say the same.
pub(crate) async fn which(url: &Secret) -> Result<String, String> {
    let sql = "select pg_postmaster_start_time()::text || ' ' || inet_server_port() || ' ' ||
                   (select oid from pg_database where datname = current_database())";
    let told = with(url, async |it| it.query_one(sql, &[]).await).await?;
    Ok(told.map_err(|error| error.to_string())?.get(0))
}

/// Whose setups ran there, all of them.
pub(crate) async fn whose(url: &Secret) -> Result<Vec<String>, String> {
    let sql = "select subdomain from home order by 1";
    let told = with(url, async |it| it.query(sql, &[]).await).await?;
    Ok(told.map_err(|error| error.to_string())?.iter().map(|it| it.get(0)).collect())
}

/// What somebody else has changed in a customer's database.
pub(crate) async fn touched(url: &Secret, id: &str) -> Option<String> {
    let sql = "select (select count(*) from kept), (select array_agg(subdomain) from home),
                   to_regnamespace('watertight') is not null,
                   (select count(*) from pg_class where relnamespace = 'public'::regnamespace
                        and relkind = 'r')";
    let told = match with(url, async |it| it.query_one(sql, &[]).await).await {
        Ok(Ok(row)) => row,
        Ok(Err(error)) => return Some(format!("{id}: {error}")),
        Err(error) => return Some(format!("{id} does not answer: {error}")),
    };
    let seen = (told.get(0), told.get::<_, Vec<String>>(1), told.get(2), told.get(3));
    let right = (ROWS, vec![id.to_owned()], false, 2_i64);
    (seen != right).then(|| format!("{id} was touched: {seen:?}"))
}
