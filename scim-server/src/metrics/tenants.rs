//! How each tenant stands: as it was looked at last, every ten seconds, and as a scrape shows it.

use std::{
    fmt,
    sync::{Arc, atomic::AtomicI64},
};

use arc_swap::ArcSwap;
use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, EncodeMetric},
    metrics::{
        MetricType,
        counter::ConstCounter,
        gauge::{ConstGauge, Gauge},
    },
    registry::{Registry, Unit},
};

use super::Refused;

/// How one tenant stands. Instants are milliseconds since the epoch.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct TenantHealth {
    /// Its name.
    pub tenant: String,
    /// The last call of a provider that was served.
    pub last_call: Option<i64>,
    /// The last of them that wrote.
    pub last_write: Option<i64>,
    /// Calls that this process has refused.
    pub refused: Vec<(Refused, u64)>,
    /// Whether it was told to be silent; `None` where nobody wants to be told.
    pub silent: Option<bool>,
    /// When each of its tokens and secrets ends.
    pub ends: Vec<Ends>,
    /// The part of the quota of each resource type that is used.
    pub quotas: Vec<(String, f64)>,
}

/// When something ends that lets a provider in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ends {
    /// The name of the token, or of the OAuth client; empty for none.
    pub name: String,
    /// The id of the token or secret.
    pub id: String,
    /// Whether it is a client's secret.
    pub is_secret: bool,
    /// In milliseconds since the epoch.
    pub at: i64,
}

/// How tenants stand.
#[derive(Debug, Default)]
pub struct TenantMetrics {
    shown: Arc<ArcSwap<Vec<TenantHealth>>>,
    /// Tenants, also those that are not shown.
    number: Gauge<i64, AtomicI64>,
}

impl TenantMetrics {
    /// Shows these, and no more those that are gone. `number` is how many there are.
    pub fn show(&self, tenants: Vec<TenantHealth>, number: usize) {
        self.shown.store(Arc::new(tenants));
        self.number.set(i64::try_from(number).unwrap_or(i64::MAX));
    }

    pub(super) fn register(&self, registry: &mut Registry) {
        let Self { shown, number } = self;
        let scim = registry.sub_registry_with_prefix("scim");
        scim.register("tenants", "Tenants", number.clone());
        scim.register_collector(Box::new(Shown(Arc::clone(shown))));
    }
}

/// What a scrape shows.
#[derive(Debug)]
struct Shown(Arc<ArcSwap<Vec<TenantHealth>>>);

/// An instant as metrics have it.
#[allow(clippy::cast_precision_loss, reason = "milliseconds since 1970 fit 53 bits for 285,000 years")]
fn seconds(millis: i64) -> f64 {
    millis as f64 / 1000.0
}

/// The name of a metric, what it is for, and its unit.
type Named<'a> = (&'a str, &'a str, Option<&'a Unit>);

/// Writes a gauge with the labels of each of its series.
fn gauge<'a, const N: usize>(
    encoder: &mut DescriptorEncoder<'_>,
    (name, help, unit): Named<'_>,
    series: impl Iterator<Item = ([(&'static str, &'a str); N], f64)>,
) -> fmt::Result {
    let mut family = encoder.encode_descriptor(name, help, unit, MetricType::Gauge)?;
    for (labels, value) in series {
        ConstGauge::new(value).encode(family.encode_family(&labels)?)?;
    }
    Ok(())
}

/// The same with a value for each tenant that has one.
fn of_tenants(
    encoder: &mut DescriptorEncoder<'_>,
    named: Named<'_>,
    tenants: &[TenantHealth],
    value: impl Fn(&TenantHealth) -> Option<f64>,
) -> fmt::Result {
    let series = tenants.iter().filter_map(|one| Some(([("tenant", one.tenant.as_str())], value(one)?)));
    gauge(encoder, named, series)
}

/// Tokens or secrets, each with its tenant.
fn ending(tenants: &[TenantHealth], is_secret: bool) -> impl Iterator<Item = (&str, &Ends)> {
    let all = tenants.iter().flat_map(|one| one.ends.iter().map(|ends| (one.tenant.as_str(), ends)));
    all.filter(move |(_, ends)| ends.is_secret == is_secret)
}

impl Collector for Shown {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let tenants = self.0.load();
        let (encoder, seconds_of) = (&mut encoder, Some(&Unit::Seconds));
        let named = ("tenant_last_call_timestamp", "When a provider was last served, since 1970", seconds_of);
        of_tenants(encoder, named, &tenants, |one| one.last_call.map(seconds))?;
        let named = ("tenant_last_write_timestamp", "When a provider last wrote, since 1970", seconds_of);
        of_tenants(encoder, named, &tenants, |one| one.last_write.map(seconds))?;
        let named = ("tenant_silent", "1 while nobody has called for longer than silence_after, else 0", None);
        of_tenants(encoder, named, &tenants, |one| one.silent.map(|is_silent| f64::from(u8::from(is_silent))))?;
        let quotas = tenants.iter().flat_map(|one| one.quotas.iter().map(|quota| (one.tenant.as_str(), quota)));
        let series = quotas.map(|(tenant, (of, used))| ([("tenant", tenant), ("type", of.as_str())], *used));
        let ratio = Unit::Other("ratio".to_owned());
        gauge(encoder, ("tenant_quota_used", "The part of a quota that is used", Some(&ratio)), series)?;
        let series = ending(&tenants, false).map(|(tenant, Ends { id, name, at, .. })| {
            ([("tenant", tenant), ("token", id.as_str()), ("name", name.as_str())], seconds(*at))
        });
        gauge(encoder, ("token_expiry_timestamp", "When a token ends, since 1970", seconds_of), series)?;
        let series = ending(&tenants, true).map(|(tenant, Ends { id, name, at, .. })| {
            ([("tenant", tenant), ("client", name.as_str()), ("secret", id.as_str())], seconds(*at))
        });
        let named = ("client_secret_expiry_timestamp", "When a secret of an OAuth client ends, since 1970", seconds_of);
        gauge(encoder, named, series)?;
        refused(encoder, &tenants)
    }
}

fn refused(encoder: &mut DescriptorEncoder<'_>, tenants: &[TenantHealth]) -> fmt::Result {
    let help = "Calls of a tenant that were refused, by kind";
    let mut family = encoder.encode_descriptor("tenant_refused", help, None, MetricType::Counter)?;
    for one in tenants {
        for (why, count) in &one.refused {
            let labels = [("tenant", one.tenant.as_str()), ("kind", why.as_str())];
            ConstCounter::new(*count).encode(family.encode_family(&labels)?)?;
        }
    }
    Ok(())
}
