//! Logs: lines on standard error, for a person or for a machine.
//!
//! Why standard error alone: results go to standard output, and whoever pipes them must not find a warning in
//! between. Where logs are kept is the business of whatever runs us.

#[cfg(feature = "otel")]
mod spans;

use std::io::{self, IsTerminal};

use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::{EnvFilter, Layer, Registry, reload};

/// How a line is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LogFormat {
    #[default]
    Text,
    /// One JSON object on each line.
    Json,
}

impl LogFormat {
    pub const ALL: [Self; 2] = [Self::Text, Self::Json];

    pub const fn label(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Json => "json",
        }
    }

    pub fn parse(label: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|it| it.label() == label)
    }
}

/// What is logged where `RUST_LOG` does not say it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Loudness {
    /// Errors.
    Quiet,
    /// Warnings too.
    #[default]
    Normal,
    /// What we do, and what the libraries warn of.
    Verbose,
}

impl Loudness {
    const fn filter(self) -> &'static str {
        match self {
            Self::Quiet => "error",
            Self::Normal => "warn",
            Self::Verbose => "warn,watertight=debug",
        }
    }
}

#[derive(Debug, thiserror::Error)]
pub enum TelemetryError {
    #[error("read RUST_LOG")]
    Filter(#[source] tracing_subscriber::filter::ParseError),
    #[error("start logging a second time")]
    Started(#[source] tracing::subscriber::SetGlobalDefaultError),
    #[cfg(feature = "otel")]
    #[error("export spans to OpenTelemetry's collector")]
    Export(#[from] spans::SpansError),
}

/// What a layer of ours is laid on.
pub type Ground = Registry;

/// Of the running process: what is logged can be changed while it runs.
#[derive(Clone)]
pub struct Logs {
    filter: reload::Handle<EnvFilter, Ground>,
    /// The environment has said what is logged, and the configuration does not overrule it.
    wished: bool,
}

impl Logs {
    /// What is logged from now on; without effect where `RUST_LOG` says it.
    pub fn set(&self, level: Level) {
        if self.wished {
            return;
        }
        let filter = EnvFilter::builder().parse_lossy(level.filter());
        if let Err(error) = self.filter.reload(filter) {
            tracing::warn!("what is logged stays as it is: {error}");
        }
    }
}

/// A level of the configuration: what the daemon itself does, and of the libraries what is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    Error,
    Warn,
    Info,
    Debug,
}

impl Level {
    pub const ALL: [Self; 4] = [Self::Error, Self::Warn, Self::Info, Self::Debug];

    pub const fn label(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warn => "warn",
            Self::Info => "info",
            Self::Debug => "debug",
        }
    }

    pub fn parse(label: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|it| it.label() == label)
    }

    const fn filter(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warn => "warn",
            Self::Info => "warn,watertight=info",
            Self::Debug => "warn,watertight=debug",
        }
    }
}

/// Starts logging for the whole process. `colour` is obeyed only on a terminal; `beside` hears every event as well.
pub fn start(
    format: LogFormat,
    loudness: Loudness,
    colour: bool,
    beside: impl Layer<Ground> + Send + Sync,
) -> Result<Logs, TelemetryError> {
    // A value that is not UTF-8 is no filter either, and is not worth a way of its own to fail.
    let wish = std::env::var("RUST_LOG").ok().filter(|it| !it.is_empty());
    let filter = filter(wish.as_deref(), loudness)?;
    let colour = colour && io::stderr().is_terminal();
    let (filter, handle) = reload::Layer::new(filter);
    let layers: Vec<Box<dyn Layer<Ground> + Send + Sync>> = vec![
        lines(format, colour, io::stderr).with_filter(filter).boxed(),
        beside.boxed(),
        #[cfg(feature = "otel")]
        spans::layer()?,
    ];
    tracing::subscriber::set_global_default(Registry::default().with(layers))
        .map_err(TelemetryError::Started)?;
    Ok(Logs { filter: handle, wished: wish.is_some() || loudness != Loudness::Normal })
}

/// The end of the process: what is gathered and not sent yet is sent, within seconds or not at all.
pub fn finish() {
    #[cfg(feature = "otel")]
    spans::finish();
}

fn filter(wish: Option<&str>, loudness: Loudness) -> Result<EnvFilter, TelemetryError> {
    EnvFilter::builder().parse(wish.unwrap_or(loudness.filter())).map_err(TelemetryError::Filter)
}

fn lines<W>(format: LogFormat, colour: bool, writer: W) -> Box<dyn Layer<Ground> + Send + Sync>
where
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    let layer = tracing_subscriber::fmt::layer().with_writer(writer);
    match format {
        LogFormat::Text => layer.with_ansi(colour).boxed(),
        LogFormat::Json => layer.with_ansi(false).json().flatten_event(true).boxed(),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;

    #[derive(Clone, Default)]
    struct Lines(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Lines {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    /// What is written of one event of each level, whose text wants to break out of its line.
    fn logged(format: LogFormat, wish: Option<&str>, loudness: Loudness) -> String {
        let written = Lines::default();
        let writer = written.clone();
        let filter = filter(wish, loudness).unwrap();
        let layer = lines(format, false, move || writer.clone()).with_filter(filter);
        let subscriber = Registry::default().with(layer);
        tracing::subscriber::with_default(subscriber, || {
            let hostile = "a\n\"b\u{1b}[31m";
            tracing::error!(tenant = hostile, "visit failed: {hostile}");
            tracing::warn!("source is stale");
            tracing::debug!("scan started");
        });
        String::from_utf8(written.0.lock().unwrap().clone()).unwrap()
    }

    #[test]
    fn every_line_of_json_is_an_object_whatever_is_logged() {
        let text = logged(LogFormat::Json, None, Loudness::Verbose);
        let lines: Vec<serde_json::Value> =
            text.lines().map(|it| serde_json::from_str(it).unwrap()).collect();
        let levels: Vec<_> = lines.iter().map(|it| it["level"].as_str().unwrap()).collect();
        assert_eq!(levels, ["ERROR", "WARN", "DEBUG"]);
        assert_eq!(lines[0]["tenant"], "a\n\"b\u{1b}[31m");
    }

    #[test]
    fn text_that_goes_to_no_terminal_has_no_escape_sequences() {
        assert!(!logged(LogFormat::Text, None, Loudness::Normal).contains('\u{1b}'));
    }

    #[test]
    fn a_command_says_little_by_itself_and_what_the_environment_asks_for() {
        let count = |wish, loudness| logged(LogFormat::Json, wish, loudness).lines().count();
        assert_eq!(count(None, Loudness::Quiet), 1);
        assert_eq!(count(None, Loudness::Normal), 2);
        assert_eq!(count(None, Loudness::Verbose), 3);
        assert_eq!(count(Some("off"), Loudness::Verbose), 0);
        assert!(filter(Some("watertight=loud"), Loudness::Normal).is_err());
    }
}
