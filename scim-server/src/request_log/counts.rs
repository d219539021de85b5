//! How many calls each tenant had in each hour and each day: in memory, so that a chart costs no search.
//!
//! What the log had when it was opened is counted once, beside the work of the server; what comes is counted when it is
//! written.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Mutex, MutexGuard, PoisonError},
};

use scim_protocol::Timestamp;
use uuid::Uuid;

use super::row::Fixed;
use crate::{ids::TenantId, metrics::Refused};

/// What was counted in a time.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counted {
    pub calls: u64,
    /// Of these, answered with 4xx.
    pub refused: u64,
    /// Of these, answered with 5xx.
    pub failed: u64,
}

/// The times that are counted apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// Hours, of the last seven days.
    Hour,
    /// Days by UTC, of the last thirty.
    Day,
}

impl Step {
    /// How long one is, in milliseconds.
    const fn millis(self) -> i64 {
        match self {
            Self::Hour => 60 * 60 * 1000,
            Self::Day => 24 * 60 * 60 * 1000,
        }
    }

    /// How many are kept, with the one that is not over.
    pub const fn kept(self) -> usize {
        match self {
            Self::Hour => 7 * 24,
            Self::Day => 30,
        }
    }
}

/// The steps of one kind, by their number since 1970. Those without calls are not there.
type Steps = BTreeMap<i64, Counted>;

/// How many calls were refused, in the order of [`Refused::ALL`].
pub type Refusals = [u64; Refused::NUMBER];

/// The hours of which it is known why calls were refused: a day, and the one that is not over.
const REFUSAL_HOURS: usize = 25;

/// What one tenant had.
#[derive(Debug, Default)]
struct Tenant {
    hours: Steps,
    days: Steps,
    /// Of the newest hours in which any were refused, by their number since 1970.
    refusals: BTreeMap<i64, Refusals>,
}

/// The counts of a log. Calls to no tenant are counted below the nil id.
#[derive(Debug, Default)]
pub struct Counts(Mutex<HashMap<Uuid, Tenant>>);

impl Counts {
    fn tenants(&self) -> MutexGuard<'_, HashMap<Uuid, Tenant>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts calls.
    pub(super) fn add(&self, calls: impl Iterator<Item = Fixed>) {
        let mut tenants = self.tenants();
        for call in calls {
            let tenant = tenants.entry(call.tenant).or_default();
            count(&mut tenant.hours, Step::Hour, &call);
            count(&mut tenant.days, Step::Day, &call);
            count_refusal(&mut tenant.refusals, &call);
        }
    }

    /// What a tenant had in the last 24 hours, to the hour: all together, and why calls were refused.
    pub fn of_a_day(&self, tenant: TenantId, now: Timestamp) -> (Counted, Refusals) {
        let (mut sum, mut refusals) = (Counted::default(), Refusals::default());
        let last = now.as_millis().div_euclid(Step::Hour.millis());
        let first = last - i64::try_from(REFUSAL_HOURS).unwrap_or_default() + 1;
        if let Some(tenant) = self.tenants().get(&tenant.0) {
            for counted in tenant.hours.range(first..=last).map(|(_, counted)| counted) {
                sum = sum.and(*counted);
            }
            for counts in tenant.refusals.range(first..=last).map(|(_, counts)| counts) {
                refusals.iter_mut().zip(counts).for_each(|(sum, count)| *sum += count);
            }
        }
        (sum, refusals)
    }

    /// What a tenant had, or all together: each step with the time at which it begins, the oldest first; the last is not
    /// over yet.
    pub fn of(&self, tenant: Option<TenantId>, step: Step, now: Timestamp) -> Vec<(Timestamp, Counted)> {
        let last = now.as_millis().div_euclid(step.millis());
        let first = last - i64::try_from(step.kept()).unwrap_or(i64::MAX) + 1;
        let tenants = self.tenants();
        let wanted = |id: &Uuid| tenant.is_none_or(|tenant| tenant.0 == *id);
        let found: Vec<_> = tenants.iter().filter(|(id, _)| wanted(id)).map(|(_, found)| found).collect();
        let sum = |number: i64| {
            let steps = found.iter().filter_map(|tenant| tenant.of(step).get(&number));
            steps.fold(Counted::default(), |sum, one| sum.and(*one))
        };
        (first..=last).map(|number| (Timestamp::from_millis(number * step.millis()), sum(number))).collect()
    }
}

impl Tenant {
    fn of(&self, step: Step) -> &Steps {
        match step {
            Step::Hour => &self.hours,
            Step::Day => &self.days,
        }
    }
}

impl Counted {
    fn and(self, other: Self) -> Self {
        Self {
            calls: self.calls + other.calls,
            refused: self.refused + other.refused,
            failed: self.failed + other.failed,
        }
    }
}

fn count(steps: &mut Steps, step: Step, call: &Fixed) {
    let (times, class) = (u64::from(call.count), call.status / 100);
    let one = Counted {
        calls: times,
        refused: if class == 4 { times } else { 0 },
        failed: if class == 5 { times } else { 0 },
    };
    let place = steps.entry(call.at.div_euclid(step.millis())).or_default();
    *place = place.and(one);
    if steps.len() > step.kept() {
        steps.pop_first();
    }
}

fn count_refusal(refusals: &mut BTreeMap<i64, Refusals>, call: &Fixed) {
    let Some(why) = Refused::of(call.status) else { return };
    let counts = refusals.entry(call.at.div_euclid(Step::Hour.millis())).or_default();
    if let Some(count) = counts.get_mut(why as usize) {
        *count += u64::from(call.count);
    }
    if refusals.len() > REFUSAL_HOURS {
        refusals.pop_first();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::request_log::Method;

    const HOUR: i64 = Step::Hour.millis();
    /// 2023-11-14T22:00:00Z
    const BEGIN: i64 = 1_699_999_200_000;

    fn call(tenant: u128, at: i64, status: u16, count: u32) -> Fixed {
        let [token, resource] = [Uuid::nil(); 2];
        let (micros, text, method) = (0, 0, Method::Get);
        Fixed { at, micros, count, tenant: Uuid::from_u128(tenant), token, resource, text, status, method }
    }

    fn sums(counts: &Counts, tenant: Option<u128>, step: Step, now: i64) -> Vec<(i64, Counted)> {
        let tenant = tenant.map(|id| TenantId(Uuid::from_u128(id)));
        let all = counts.of(tenant, step, Timestamp::from_millis(now));
        assert_eq!(all.len(), step.kept());
        let some = all.into_iter().filter(|(_, counted)| counted.calls > 0);
        some.map(|(at, counted)| (at.as_millis(), counted)).collect()
    }

    #[test]
    fn calls_are_counted_by_tenant_and_step() {
        let counts = Counts::default();
        let calls = [call(1, BEGIN + 5, 200, 1), call(1, BEGIN + HOUR, 409, 3), call(2, BEGIN, 503, 1)];
        counts.add(calls.into_iter());
        let counted = |calls, refused, failed| Counted { calls, refused, failed };
        let now = BEGIN + 2 * HOUR;
        let hours = vec![(BEGIN, counted(1, 0, 0)), (BEGIN + HOUR, counted(3, 3, 0))];
        assert_eq!(sums(&counts, Some(1), Step::Hour, now), hours);
        assert_eq!(sums(&counts, None, Step::Day, now), [(BEGIN - 22 * HOUR, counted(5, 3, 1))]);
        assert_eq!(sums(&counts, Some(3), Step::Hour, now), []);
        // What is older than what is kept is not shown.
        assert_eq!(sums(&counts, Some(1), Step::Hour, now + 200 * HOUR), []);
    }

    #[test]
    fn of_a_day_it_is_known_why_calls_were_refused() {
        let counts = Counts::default();
        let calls = [
            call(1, BEGIN, 403, 1),
            call(1, BEGIN + 2 * HOUR, 403, 2),
            call(1, BEGIN + 25 * HOUR, 429, 1),
            call(2, BEGIN + 25 * HOUR, 400, 1),
            call(1, BEGIN + 25 * HOUR, 200, 4),
        ];
        counts.add(calls.into_iter());
        let tenant = TenantId(Uuid::from_u128(1));
        let (sum, refusals) = counts.of_a_day(tenant, Timestamp::from_millis(BEGIN + 25 * HOUR + 5));
        assert_eq!((sum.calls, sum.refused), (7, 3));
        let of = |why: Refused| refusals[why as usize];
        assert_eq!([Refused::Forbidden, Refused::RateLimited, Refused::Invalid].map(of), [2, 1, 0]);
    }

    #[test]
    fn there_is_no_end_of_calls_and_an_end_of_memory() {
        let counts = Counts::default();
        counts.add((0..2000).map(|hour| call(1, BEGIN + hour * HOUR, 200, 1)));
        // Older calls may come later, when the log is read.
        counts.add(std::iter::once(call(1, 0, 200, 1)));
        let tenants = counts.tenants();
        let tenant = tenants.values().next().unwrap();
        assert_eq!((tenant.hours.len(), tenant.days.len()), (Step::Hour.kept(), Step::Day.kept()));
        assert_eq!(tenant.hours.keys().next_back(), Some(&((BEGIN + 1999 * HOUR) / HOUR)));
    }
}
