//! Host names to addresses: each name once in a scan, whoever else bears it.
//!
//! Why here and not in each visit: the limit per server needs the address before the visit begins, hundreds of
//! tenants may share one name, and the system's resolver works in threads, which a hanging name would use up.
//!
//! Invariants:
//! - at most `LOOKUPS` questions at once, each with a deadline;
//! - a name that hangs or fails holds up only those that bear it;
//! - every name that was asked for is answered once, and IP addresses are never asked for.

use std::collections::HashMap;
use std::io;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use tokio::net::lookup_host;
use tokio::time::timeout;

/// Each holds a thread of the system's resolver, of which the runtime has 512; a resolver that answers at all answers
/// so many in well under a second.
const LOOKUPS: usize = 128;

const SILENT: &str = "the resolver did not answer in time";

/// Once as many names in a row as are asked at once met the deadline, it is the resolver that is dead: asking for ten
/// thousand more would take longer than the time between two scans.
const NOT_ASKED: &str = "the resolver answers nothing, so it was not asked";

/// A name by its position in the order of first mention.
pub(crate) type NameId = usize;

/// The addresses, never empty, or one line that says why there are none.
pub(crate) type Answer = Result<Arc<[IpAddr]>, Arc<str>>;

type Lookup = Pin<Box<dyn Future<Output = (NameId, Answer)> + Send>>;

pub(crate) struct Resolver<'a, L> {
    lookup: L,
    limit: Duration,
    ids: HashMap<&'a str, NameId, foldhash::fast::RandomState>,
    names: Vec<&'a str>,
    answers: Vec<Option<Answer>>,
    /// How many of `names` have been asked for.
    asked: usize,
    asking: FuturesUnordered<Lookup>,
    /// Names in a row that met the deadline, with no answer to any other in between.
    silent: usize,
}

impl<'a, L, F> Resolver<'a, L>
where
    L: Fn(Box<str>) -> F,
    F: Future<Output = io::Result<Vec<IpAddr>>> + Send + 'static,
{
    /// `limit` is for one name.
    pub(crate) fn new(limit: Duration, lookup: L) -> Self {
        Self {
            lookup,
            limit,
            ids: HashMap::default(),
            names: Vec::new(),
            answers: Vec::new(),
            asked: 0,
            asking: FuturesUnordered::new(),
            silent: 0,
        }
    }

    /// The name will be asked for in its turn.
    pub(crate) fn want(&mut self, name: &'a str) -> NameId {
        *self.ids.entry(name).or_insert_with(|| {
            self.names.push(name);
            self.answers.push(None);
            self.names.len() - 1
        })
    }

    /// `None` until it is answered.
    pub(crate) fn answer(&self, name: &str) -> Option<&Answer> {
        self.answers.get(*self.ids.get(name)?)?.as_ref()
    }

    /// The name, where it was asked for and not yet answered.
    pub(crate) fn open(&self, name: &str) -> Option<NameId> {
        let id = *self.ids.get(name)?;
        self.answers[id].is_none().then_some(id)
    }

    /// Every name is answered.
    pub(crate) fn is_done(&self) -> bool {
        self.asking.is_empty() && self.asked == self.names.len()
    }

    /// The next name that is answered; `None` when all are. Nothing is lost where the future is dropped.
    pub(crate) async fn answered(&mut self) -> Option<NameId> {
        while self.asking.len() < LOOKUPS && self.asked < self.names.len() {
            let name = self.asked;
            self.asked += 1;
            if LOOKUPS <= self.silent {
                self.answers[name] = Some(Err(NOT_ASKED.into()));
                return Some(name);
            }
            self.ask(name);
        }
        let (name, answer) = self.asking.next().await?;
        let silent = answer.as_ref().is_err_and(|why| &**why == SILENT);
        self.silent = if silent { self.silent + 1 } else { 0 };
        self.answers[name] = Some(answer);
        Some(name)
    }

    fn ask(&mut self, name: NameId) {
        let lookup = (self.lookup)(self.names[name].into());
        let limit = self.limit;
        self.asking.push(Box::pin(async move {
            let answer = match timeout(limit, lookup).await {
                Ok(Ok(addresses)) if addresses.is_empty() => Err("it has no address".into()),
                Ok(Ok(addresses)) => Ok(addresses.into()),
                Ok(Err(error)) => Err(error.to_string().into()),
                Err(_elapsed) => Err(SILENT.into()),
            };
            (name, answer)
        }));
    }
}

/// Asks the system: its hosts file, cache and servers, in its order.
pub(crate) async fn system(name: Box<str>) -> io::Result<Vec<IpAddr>> {
    Ok(lookup_host((&*name, 0)).await?.map(|it| it.ip()).collect())
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use tokio::time::{Instant, sleep};

    use super::*;

    /// The fake resolver: `hang…` never answers, `bad…` fails, `none` has no address, all others have one after 10 ms.
    async fn fake(name: Box<str>) -> io::Result<Vec<IpAddr>> {
        if name.starts_with("hang") {
            std::future::pending::<()>().await;
        }
        sleep(Duration::from_millis(10)).await;
        match &*name {
            "none" => Ok(Vec::new()),
            name if name.starts_with("bad") => Err(io::Error::other("no such name")),
            _ => Ok(vec![IpAddr::from([10, 0, 0, 1])]),
        }
    }

    /// Each name with `ok` or why not, and when it was answered, in milliseconds, in the order of the answers.
    async fn answers(names: &[String]) -> Vec<(String, String, u128)> {
        let start = Instant::now();
        let mut resolver = Resolver::new(Duration::from_secs(5), fake);
        for name in names {
            resolver.want(name);
        }
        let mut told = Vec::new();
        while let Some(id) = resolver.answered().await {
            let text = match resolver.answer(&names[id]).unwrap() {
                Ok(_) => "ok".to_owned(),
                Err(why) => why.to_string(),
            };
            told.push((names[id].clone(), text, start.elapsed().as_millis()));
        }
        told
    }

    fn numbered(prefix: &str, count: usize) -> Vec<String> {
        (0..count).map(|it| format!("{prefix}{it}")).collect()
    }

    #[tokio::test(start_paused = true)]
    async fn a_hanging_or_failing_name_holds_up_no_other() {
        let names = ["hang", "bad", "none", "good"].map(str::to_owned);
        let told = answers(&names).await;
        let told: Vec<_> = told.iter().map(|it| (it.0.as_str(), it.1.as_str(), it.2)).collect();
        assert_eq!(
            told,
            [
                ("bad", "no such name", 10),
                ("none", "it has no address", 10),
                ("good", "ok", 10),
                ("hang", SILENT, 5_000),
            ]
        );
    }

    #[tokio::test(start_paused = true)]
    async fn a_dead_resolver_is_asked_for_one_deadline_and_not_for_each_name() {
        let told = answers(&numbered("hang", 1_000)).await;
        assert_eq!(told.len(), 1_000);
        assert!(told.iter().all(|it| it.2 <= 10_000), "took {:?}", told.last());
        assert!(told.iter().any(|it| it.1 == NOT_ASKED));
    }

    #[tokio::test(start_paused = true)]
    async fn many_hanging_names_do_not_condemn_a_resolver_that_answers_others() {
        let names: Vec<_> = (0..400)
            .map(|it| format!("{}{it}", if it % 2 == 0 { "hang" } else { "good" }))
            .collect();
        let told = answers(&names).await;
        assert!(told.iter().all(|it| it.1 != NOT_ASKED));
        assert_eq!(told.iter().filter(|it| it.1 == "ok").count(), 200);
    }

    #[tokio::test(start_paused = true)]
    async fn a_name_is_asked_for_once_and_no_more_than_the_bound_at_once() {
        let counts = Arc::new(Mutex::new((0, 0, 0)));
        let lookup = |name: Box<str>| {
            let counts = Arc::clone(&counts);
            async move {
                {
                    let mut counts = counts.lock().unwrap();
                    counts.0 += 1;
                    counts.1 += 1;
                    counts.2 = counts.1.max(counts.2);
                }
                let answer = fake(name).await;
                counts.lock().unwrap().1 -= 1;
                answer
            }
        };
        let names = numbered("good", 1_000);
        let mut resolver = Resolver::new(Duration::from_secs(5), lookup);
        for name in names.iter().chain(&names) {
            resolver.want(name);
        }
        while resolver.answered().await.is_some() {}
        let (asked, _, most) = *counts.lock().unwrap();
        assert_eq!((asked, most), (1_000, LOOKUPS));
    }
}
