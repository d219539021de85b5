//! The program's own log for its operator: lines on standard error, as text or JSON, with times in UTC. The audit log
//! is [`crate::audit`].
//!
//! A line that is written while a request is served ends with the request's id. The id goes with the
//! task ([`within`]) and not in a span: nearly no request writes a line, and a span costs each of
//! them a tenth of its time.

use std::{
    fmt::Result as Written,
    io::IsTerminal,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use tokio::time::Instant;
use tracing::{Event, Subscriber};
use tracing_subscriber::{
    EnvFilter, Layer, Registry,
    filter::{Directive, LevelFilter, ParseError},
    fmt,
    fmt::{
        FmtContext, FormatEvent, FormatFields,
        format::{JsonFields, Writer},
    },
    layer::SubscriberExt,
    registry::LookupSpan,
    reload,
    util::SubscriberInitExt,
};
use uuid::Uuid;

/// Something that anybody can cause at will: it is logged at most once a minute.
#[derive(Debug, Default)]
pub struct Seldom(Mutex<(Option<Instant>, u64)>);

impl Seldom {
    /// How often it has happened since it was last logged, this time included, if it is to be logged now.
    pub fn tell(&self) -> Option<u64> {
        self.tell_at(Instant::now())
    }

    fn tell_at(&self, now: Instant) -> Option<u64> {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (told, times) = &mut *state;
        *times += 1;
        if told.is_some_and(|told| now.saturating_duration_since(told) < A_MINUTE) {
            return None;
        }
        *told = Some(now);
        Some(std::mem::take(times))
    }
}

/// What others' parts of the program do not tell unless the filter names them.
const QUIET: [(&str, &str); 2] = [("async_nats", "warn"), ("rskafka", "error")];
const A_MINUTE: Duration = Duration::from_secs(60);

/// How lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    /// For people.
    #[default]
    Text,
    /// One JSON object a line, the request's id as its `request`.
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
pub struct LogControl {
    filter: reload::Handle<EnvFilter, Registry>,
}

impl LogControl {
    /// Starts the log of this process. `filter` is in the form of `RUST_LOG`: a level, then
    /// exceptions by module.
    pub fn start(format: Format, filter: &str) -> Result<Self, LogError> {
        let (filter, handle) = reload::Layer::new(parse(filter)?);
        let lines = fmt::layer().with_writer(std::io::stderr);
        let lines = match format {
            Format::Text => {
                let colours = std::io::stderr().is_terminal();
                let line = fmt::format().with_ansi(colours);
                lines.event_format(WithRequest { line, format }).boxed()
            }
            Format::Json => {
                let line = fmt::format().json().flatten_event(true).with_current_span(false).with_span_list(false);
                lines.fmt_fields(JsonFields::new()).event_format(WithRequest { line, format }).boxed()
            }
        };
        tracing_subscriber::registry().with(filter).with(lines).try_init().map_err(|_| LogError::Twice)?;
        Ok(Self { filter: handle })
    }

    /// Applies this filter from now on, as on SIGHUP. An invalid filter changes nothing.
    pub fn refilter(&self, filter: &str) -> Result<(), LogError> {
        let filter = parse(filter)?;
        // The only failure is that the log itself is gone, and then nobody could read of it.
        let _ = self.filter.reload(filter);
        Ok(())
    }
}

tokio::task_local! {
    static REQUEST: Option<Uuid>;
}

/// The same work, whose log lines end with the id of this request.
pub fn within<F: Future>(request: Uuid, work: F) -> impl Future<Output = F::Output> {
    REQUEST.scope(Some(request), work)
}

/// The same work, to be done by another task for the request that this one serves.
pub fn within_same<F: Future>(work: F) -> impl Future<Output = F::Output> {
    REQUEST.scope(request(), work)
}

/// The request that this task serves.
fn request() -> Option<Uuid> {
    REQUEST.try_with(|id| *id).ok().flatten()
}

/// A format whose lines end with the request's id: ` request=…` for people, and for machines
/// `,"request":"…"` before the end of the object.
struct WithRequest<F> {
    line: F,
    format: Format,
}

impl<S, N, F> FormatEvent<S, N> for WithRequest<F>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
    F: FormatEvent<S, N>,
{
    fn format_event(&self, context: &FmtContext<'_, S, N>, mut out: Writer<'_>, event: &Event<'_>) -> Written {
        let Some(id) = request() else { return self.line.format_event(context, out, event) };
        let mut line = String::new();
        self.line.format_event(context, Writer::new(&mut line), event)?;
        let line = line.trim_end();
        match self.format {
            Format::Text => writeln!(out, "{line} request={id}"),
            Format::Json => writeln!(out, "{},\"request\":\"{id}\"}}", line.strip_suffix('}').unwrap_or(line)),
        }
    }
}

fn parse(filter: &str) -> Result<EnvFilter, LogError> {
    let parsed = EnvFilter::builder().parse(filter);
    let parsed = parsed.map_err(|source| LogError::Filter { filter: filter.to_owned(), source })?;
    // They tell of each connection, and our own log says when a broker is away.
    let tells_more = parsed.max_level_hint().is_none_or(|most| most > LevelFilter::WARN);
    let quiet = QUIET.iter().filter(|(name, _)| tells_more && !filter.contains(name));
    let quiet = quiet.filter_map(|(name, level)| format!("{name}={level}").parse::<Directive>().ok());
    Ok(quiet.fold(parsed, EnvFilter::add_directive))
}

#[cfg(test)]
mod tests {
    use std::{
        io,
        sync::{Arc, Mutex},
    };

    use serde_json::Value;

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
    fn the_library_of_nats_is_quiet_unless_the_filter_names_it() {
        for (filter, is_quiet) in [("info", true), ("debug", true), ("warn", false), ("off", false)] {
            assert_eq!(parse(filter).unwrap().to_string().contains("async_nats=warn"), is_quiet, "{filter}");
        }
        assert!(!parse("info,async_nats=debug").unwrap().to_string().contains("async_nats=warn"));
    }

    /// What a line in that format looks like, outside a request and within one.
    fn lines<F>(format: F) -> [String; 2]
    where
        F: FormatEvent<Registry, JsonFields> + Send + Sync + 'static,
    {
        #[derive(Clone, Default)]
        struct Buffer(Arc<Mutex<Vec<u8>>>);
        impl io::Write for Buffer {
            fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
                self.0.lock().unwrap().write(bytes)
            }
            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        let buffer = Buffer::default();
        let out = buffer.clone();
        let layer = fmt::layer().fmt_fields(JsonFields::new()).event_format(format).with_writer(move || out.clone());
        tracing::subscriber::with_default(tracing_subscriber::registry().with(layer), || {
            tracing::info!(tenant = "acme", "done");
            let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
            runtime.block_on(within(Uuid::from_u128(7), async { tracing::info!(tenant = "acme", "done") }));
        });
        let written = String::from_utf8(buffer.0.lock().unwrap().clone()).unwrap();
        let mut lines = written.lines().map(str::to_owned);
        let lines = [lines.next().unwrap(), lines.next().unwrap()];
        assert_eq!(written.lines().count(), 2);
        lines
    }

    #[test]
    fn a_line_within_a_request_ends_with_its_id() {
        let json = fmt::format().json().flatten_event(true).with_current_span(false).with_span_list(false);
        let [outside, within] = lines(WithRequest { line: json, format: Format::Json })
            .map(|line| serde_json::from_str::<Value>(&line).unwrap());
        assert_eq!(outside["tenant"], "acme");
        assert_eq!(outside["request"], Value::Null);
        assert_eq!(within["tenant"], "acme");
        assert_eq!(within["request"], "00000000-0000-0000-0000-000000000007");
        let [outside, within] = lines(WithRequest { line: fmt::format().with_ansi(false), format: Format::Text });
        assert!(!outside.contains("request="), "{outside}");
        assert!(within.ends_with(" request=00000000-0000-0000-0000-000000000007"), "{within}");
    }

    #[test]
    fn a_process_has_one_log_whose_filter_can_be_changed() {
        let log = LogControl::start(Format::Json, "off").unwrap();
        assert!(!tracing::enabled!(tracing::Level::ERROR));
        log.refilter("error").unwrap();
        assert!(tracing::enabled!(tracing::Level::ERROR));
        assert!(log.refilter("scim=loud").is_err());
        assert!(tracing::enabled!(tracing::Level::ERROR));
        log.refilter("off").unwrap();
        assert!(matches!(LogControl::start(Format::Text, "info"), Err(LogError::Twice)));
    }
}
