//! Of several tokens of one writer, or secrets of one client, each takes the place of the one before: what the end of one
//! asks of somebody, and how long the next one lives.

use std::time::Duration;

use scim_protocol::Timestamp;

use crate::store::ResourceId;

/// How long a token or a secret lives unless something else is said: a year.
pub const LIFETIME: Duration = Duration::from_secs(365 * 24 * 60 * 60);

/// Milliseconds before an end from which on somebody has to act: time enough for whoever has to ask somebody else.
const SOON: i64 = 30 * 24 * 60 * 60 * 1000;

/// The life of one of them, in milliseconds since the epoch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Life {
    pub id: ResourceId,
    pub created: i64,
    pub expires: i64,
    /// When it was to end before it was replaced.
    pub meant: i64,
    /// Whether it was ever used.
    pub is_used: bool,
}

/// What the end of one asks of somebody.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// To delete it: it has ended, and another is live.
    Delete,
    /// To give the provider the next one, which was not used yet.
    Give(ResourceId),
    /// Nothing: the next one is in use, or this is the next one and its turn has not come.
    Nothing,
    /// To replace it.
    Replace,
    /// To replace it when the one before, which lives beside it, is deleted: there may be no third.
    ReplaceAfter(ResourceId),
}

/// How long what takes the place of these lives when nobody says it: as long as the newest of them was to, or a year when
/// that cannot be told. A begun second is whole: the instant at which a token is stored is a little behind the one that its
/// end is counted from.
pub fn lifetime(lives: impl IntoIterator<Item = Life>) -> Duration {
    let newest = lives.into_iter().max_by_key(|life| (life.created, life.id));
    let millis = newest.and_then(|life| u64::try_from(life.meant - life.created).ok()).filter(|millis| *millis > 0);
    millis.map_or(LIFETIME, |millis| Duration::from_secs(millis.div_ceil(1000)))
}

/// Has something end when what takes its place has been beside it long enough, and keeps when it was `meant` to. False if it
/// ends sooner anyway.
pub fn shorten(expires: &mut i64, meant: &mut Option<i64>, end: i64) -> bool {
    if end >= *expires {
        return false;
    }
    meant.get_or_insert(*expires);
    *expires = end;
    true
}

impl Step {
    /// What the end of one asks, among `all` that take each other's place.
    pub fn of(one: &Life, all: &[Life], now: Timestamp) -> Self {
        let live = move || all.iter().filter(move |other| other.id != one.id && now.as_millis() < other.expires);
        let is_later = |other: &&Life| (other.created, other.id) > (one.created, one.id);
        let next = live().filter(is_later).max_by_key(|other| (other.created, other.id));
        let before = live().find(|other| !is_later(other));
        if one.expires <= now.as_millis() {
            return if next.or(before).is_some() { Self::Delete } else { Self::Replace };
        }
        match (next, before) {
            (Some(next), _) if next.is_used => Self::Nothing,
            (Some(next), _) => Self::Give(next.id),
            (None, Some(_)) if !one.is_used => Self::Nothing,
            (None, Some(before)) => Self::ReplaceAfter(before.id),
            (None, None) => Self::Replace,
        }
    }

    /// Whether it is time for it: in the last 30 days; of what nothing has replaced yet also not before the last third, so
    /// that what lives for a month is not in want of somebody from its first day on.
    pub fn is_due(self, life: &Life, now: Timestamp) -> bool {
        let left = life.expires - now.as_millis();
        match self {
            Self::Nothing => false,
            Self::Delete | Self::Give(_) => left <= SOON,
            Self::Replace | Self::ReplaceAfter(_) => left <= SOON.min((life.expires - life.created) / 3),
        }
    }

    /// What to do about the one with that id, for the end of a sentence. `rotate` is the command that makes the next one,
    /// and `delete` the one that removes what has an id.
    pub fn advice(self, id: ResourceId, rotate: &str, delete: impl Fn(ResourceId) -> String) -> String {
        match self {
            Self::Nothing => "nothing has to be done".to_owned(),
            Self::Delete => format!("another is live in its place, so delete this one with `{}`", delete(id)),
            Self::Give(next) => {
                format!("the next one, {next}, was not used yet, so give it to whoever uses this one")
            }
            Self::Replace => {
                let delete = delete(id);
                format!(
                    "issue another with `{rotate}`, give it to whoever uses this one, then delete this one with `{delete}`"
                )
            }
            Self::ReplaceAfter(before) => {
                let delete = delete(before);
                format!(
                    "delete the one before with `{delete}`, issue another with `{rotate}`, and give it to whoever uses this one"
                )
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    const DAY: i64 = 24 * 60 * 60 * 1000;

    fn life(id: u128, created: i64, expires: i64, is_used: bool) -> Life {
        let (created, expires) = (created * DAY, expires * DAY);
        Life { id: ResourceId(Uuid::from_u128(id)), created, expires, meant: expires, is_used }
    }

    #[test]
    fn what_takes_a_place_lives_as_long_as_what_was_there_was_to() {
        let second = Duration::from_secs(1);
        let of = |lives: &[Life]| lifetime(lives.iter().copied()).as_secs() / 86_400;
        assert_eq!(of(&[life(1, 3, 8, false)]), 5);
        // One that was replaced ends sooner than it was to.
        assert_eq!(of(&[Life { expires: 4 * DAY, ..life(1, 3, 8, false) }]), 5);
        assert_eq!(of(&[life(1, 3, 4, false), life(2, 4, 12, false)]), 8);
        assert_eq!(of(&[life(2, 4, 12, false), life(1, 3, 4, false)]), 8);
        for unknown in [&[][..], &[life(1, 3, 3, false)], &[life(1, 3, 2, false)]] {
            assert_eq!(lifetime(unknown.iter().copied()), LIFETIME);
        }
        let stored = Life { meant: 93 * DAY - 11, ..life(1, 3, 93, false) };
        assert_eq!(lifetime([stored]), 90 * 86_400 * second);
        assert_eq!(lifetime([Life { meant: 3 * DAY + 1, ..stored }]), second);
    }

    #[test]
    fn what_is_shortened_twice_keeps_when_it_was_to_end() {
        let (mut expires, mut meant) = (100, None);
        assert!(!shorten(&mut expires, &mut meant, 100) && meant.is_none());
        assert!(shorten(&mut expires, &mut meant, 50) && shorten(&mut expires, &mut meant, 20));
        assert_eq!((expires, meant), (20, Some(100)));
    }

    /// The newest decides, unless it is still to be given to somebody.
    #[test]
    fn of_several_the_newest_decides() {
        let now = Timestamp::from_millis(10 * DAY);
        let of = |one: &Life, all: &[Life]| Step::of(one, all, now);
        let (old, new) = (life(1, 0, 17, true), life(2, 10, 35, false));
        let used = Life { is_used: true, ..new };
        let ended = life(1, 0, 10, true);
        assert_eq!(of(&old, &[old]), Step::Replace);
        assert_eq!(of(&old, &[old, new]), Step::Give(new.id));
        assert_eq!(of(&new, &[old, new]), Step::Nothing);
        assert_eq!(of(&old, &[old, used]), Step::Nothing);
        assert_eq!(of(&used, &[old, used]), Step::ReplaceAfter(old.id));
        assert_eq!(of(&new, &[ended, new]), Step::Replace);
        assert_eq!(of(&ended, &[ended, new]), Step::Delete);
        assert_eq!(of(&ended, &[ended]), Step::Replace);
    }

    #[test]
    fn what_lives_shortly_wants_somebody_in_its_last_third() {
        let due = |life: &Life, now: i64| Step::Replace.is_due(life, Timestamp::from_millis(now * DAY));
        let (month, year) = (life(1, 0, 30, true), life(2, 0, 365, true));
        assert_eq!([0, 19, 20, 30, 31].map(|now| due(&month, now)), [false, false, true, true, true]);
        assert_eq!([0, 300, 334, 335].map(|now| due(&year, now)), [false, false, false, true]);
        let give = Step::Give(year.id);
        assert!(give.is_due(&month, Timestamp::default()) && !give.is_due(&year, Timestamp::default()));
    }
}
