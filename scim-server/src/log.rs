//! The program's own log, for whoever operates it: lines on standard error, for people or for
//! machines, with times in UTC. What was done to whose data is the business of [`crate::audit`].

use std::io::IsTerminal;

use tracing_subscriber::{
    EnvFilter, Layer, Registry, filter::ParseError, fmt, layer::SubscriberExt, reload, util::SubscriberInitExt,
};

/// How lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    /// For people.
    #[default]
    Text,
    /// One JSON object a line, the fields of the enclosing spans (the request's id) among them.
    Json,
}

/// Why there is no log.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// The filter is not one.
    #[error("\"{filter}\" is not a log filter such as \"info\" or \"info,scim_server=debug\": {source}")]
    Filter {
        /// as it was given
        filter: String,
        /// what is wrong with it
        source: ParseError,
    },
    /// The process already has a log.
    #[error("the log is already set up")]
    Twice,
}

/// Changes what is logged while the program runs.
#[derive(Debug, Clone)]
pub struct Log {
    filter: reload::Handle<EnvFilter, Registry>,
}

impl Log {
    /// Starts the log of this process. `filter` is in the form of `RUST_LOG`: a level, then
    /// exceptions by module.
    pub fn start(format: Format, filter: &str) -> Result<Self, LogError> {
        let (filter, handle) = reload::Layer::new(parse(filter)?);
        let lines = fmt::layer().with_writer(std::io::stderr);
        let lines = match format {
            Format::Text => lines.with_ansi(std::io::stderr().is_terminal()).boxed(),
            Format::Json => lines.json().flatten_event(true).with_current_span(true).with_span_list(false).boxed(),
        };
        tracing_subscriber::registry().with(filter).with(lines).try_init().map_err(|_| LogError::Twice)?;
        Ok(Self { filter: handle })
    }

    /// Logs by this filter from now on, as on SIGHUP. One that is wrong changes nothing.
    pub fn refilter(&self, filter: &str) -> Result<(), LogError> {
        let filter = parse(filter)?;
        // The only failure is that the log itself is gone, and then nobody could read of it.
        let _ = self.filter.reload(filter);
        Ok(())
    }
}

fn parse(filter: &str) -> Result<EnvFilter, LogError> {
    EnvFilter::builder().parse(filter).map_err(|source| LogError::Filter { filter: filter.to_owned(), source })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wrong_filter_is_quoted() {
        for (filter, good) in [("info", true), ("info,scim_server=debug", true), ("", true), ("scim=loud", false)] {
            let parsed = parse(filter);
            assert_eq!(parsed.is_ok(), good, "{filter}");
            if let Err(error) = parsed {
                assert!(error.to_string().contains(filter));
            }
        }
    }

    #[test]
    fn a_process_has_one_log_whose_filter_can_be_changed() {
        let log = Log::start(Format::Json, "off").unwrap();
        assert!(!tracing::enabled!(tracing::Level::ERROR));
        log.refilter("error").unwrap();
        assert!(tracing::enabled!(tracing::Level::ERROR));
        assert!(log.refilter("scim=loud").is_err());
        assert!(tracing::enabled!(tracing::Level::ERROR));
        log.refilter("off").unwrap();
        assert!(matches!(Log::start(Format::Text, "info"), Err(LogError::Twice)));
    }
}
