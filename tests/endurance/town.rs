//! Three servers and the tenants on them, who live together or apart as is wished.

use std::time::Duration;

use rand::RngExt;
use rand::rngs::StdRng;
use watertight::local::cluster::Cluster;
use watertight::local::ground::Ground;

use crate::program::{Program, guest, own_database, server, tenant};
use crate::truth::Truth;

/// `operator`, and the digest of it.
pub(crate) const TOKEN: &str = "operator";
const SHA256: &str = "06e55b633481f7bb072957eabcf110c972e86691c3cfedabe088024bffe42f23";

pub(crate) struct Town {
    _ground: Ground,
    _servers: Vec<Cluster>,
    acme: String,
    /// Of `globex`, by truth.
    apart: String,
    one_database: String,
    one_server: String,
    /// The tenant whose row is in the store.
    pub(crate) initech: String,
}

impl Town {
    pub(crate) async fn build() -> Self {
        let ground = Ground::create().unwrap();
        let (one, two, three) = (
            server(&ground, "one").await,
            server(&ground, "two").await,
            server(&ground, "three").await,
        );
        Self {
            acme: own_database(&one, "acme").await,
            apart: own_database(&two, "globex").await,
            one_database: guest(&one, "visitor", "acme").await,
            one_server: own_database(&one, "globex").await,
            initech: own_database(&three, "initech").await,
            _ground: ground,
            _servers: vec![one, two, three],
        }
    }

    pub(crate) fn configuration(&self, truth: Truth) -> String {
        let globex = match truth {
            Truth::Apart => &self.apart,
            Truth::OneDatabase => &self.one_database,
            Truth::OneServer => &self.one_server,
        };
        let rows = [tenant("acme", &self.acme, ""), tenant("globex", globex, "")].concat();
        format!(
            "schedule.scan = \"* * * * * *\"\nschedule.jitter = \"0s\"\nprobe.timeout = \"5s\"\ngate.min_coverage = 1.0\n\
             [[http.tokens]]\nname = \"operator\"\nrole = \"operator\"\nsha256 = \"{SHA256}\"\n{rows}"
        )
    }

    /// A new store that knows `initech`, and that the others will move.
    pub(crate) async fn found(&self, truth: Truth) -> Program {
        let program = Program::new(&self.configuration(truth));
        let moving = ["accept", "acme", "globex", "--reason", "rehearsal", "--until", "80d"];
        for arguments in [&["tenants", "add", "initech", &self.initech][..], &moving[..]] {
            let ran = program.run(arguments).await;
            assert_eq!(ran.code, Some(0), "{arguments:?}: {ran:?}");
        }
        program
    }
}

/// At random, evenly between nothing and this.
pub(crate) fn up_to(most: Duration, random: &mut StdRng) -> Duration {
    most.mul_f64(random.random_range(0.0..1.0))
}
