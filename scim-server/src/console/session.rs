//! Who is signed in: in memory, so that a restart ends every session.

use std::{
    collections::HashMap,
    fmt,
    net::IpAddr,
    sync::{Mutex, MutexGuard, PoisonError},
};

use scim_protocol::Timestamp;
use subtle::ConstantTimeEq as _;

use crate::{
    admin::Administrator,
    token::secret::{self, Digest, Secret},
    web::Tone,
};

/// How long a session lives, in milliseconds.
pub const LIFE: i64 = 8 * 60 * 60 * 1000;
/// Sessions at a time. The oldest goes when there are more.
const MOST: usize = 1000;
/// The cookie that a browser shows.
const COOKIE: &str = "scim_console";
/// How long a browser keeps it, in seconds: longer than the session lives, so that whoever comes back is told that it has
/// ended.
const KEPT: i64 = 7 * 24 * 60 * 60;

/// Somebody who is signed in.
#[derive(Clone)]
pub struct Session {
    /// By which it is ended: no secret.
    pub number: u64,
    pub administrator: Administrator,
    pub since: Timestamp,
    pub until: Timestamp,
    pub address: IpAddr,
    /// What a form of this session shows.
    csrf: Secret,
    /// The digest of the cookie.
    id: Digest,
}

impl Session {
    /// What forms show.
    pub fn csrf(&self) -> &str {
        self.csrf.reveal()
    }

    /// Whether a form shows what forms of this session show.
    pub fn is_token(&self, shown: &str) -> bool {
        secret::digest(shown).ct_eq(&self.csrf.digest()).into()
    }

    /// What people call them.
    pub fn name(&self) -> &str {
        self.administrator.called()
    }
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session")
            .field("number", &self.number)
            .field("administrator", &self.administrator)
            .finish_non_exhaustive()
    }
}

#[derive(Default)]
struct Table {
    sessions: HashMap<Digest, Session>,
    /// What each is told on its next page.
    told: HashMap<Digest, Vec<(Tone, String)>>,
    last: u64,
}

/// The sessions of a console.
#[derive(Default)]
pub struct Sessions(Mutex<Table>);

impl Sessions {
    fn table(&self) -> MutexGuard<'_, Table> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Begins a session, always with a new id. Gives the cookie.
    pub fn begin(&self, administrator: Administrator, address: IpAddr, now: Timestamp) -> String {
        let (id, csrf) = (Secret::new(rand::random()), Secret::new(rand::random()));
        let mut table = self.table();
        table.forget(now);
        if table.sessions.len() >= MOST {
            let oldest = table.sessions.values().min_by_key(|session| session.number).map(|session| session.id);
            oldest.and_then(|oldest| table.sessions.remove(&oldest));
        }
        table.last += 1;
        let session = Session {
            number: table.last,
            administrator,
            since: now,
            until: Timestamp::from_millis(now.as_millis().saturating_add(LIFE)),
            address,
            csrf,
            id: id.digest(),
        };
        table.sessions.insert(session.id, session);
        format!("{COOKIE}={}; Path=/console; HttpOnly; SameSite=Strict; Max-Age={KEPT}", id.reveal())
    }

    /// The session that a `Cookie` header shows.
    pub fn find(&self, cookies: &str, now: Timestamp) -> Option<Session> {
        let digest = secret::parse(shown(cookies)?).ok()?;
        self.table().sessions.get(&digest).filter(|session| session.until > now).cloned()
    }

    /// Ends the session of that number, if there is one.
    pub fn end(&self, number: u64) -> Option<Session> {
        let mut table = self.table();
        let id = table.sessions.values().find(|session| session.number == number)?.id;
        table.told.remove(&id);
        table.sessions.remove(&id)
    }

    /// Those who are signed in, the latest first.
    pub fn list(&self, now: Timestamp) -> Vec<Session> {
        let mut table = self.table();
        table.forget(now);
        let mut sessions: Vec<_> = table.sessions.values().cloned().collect();
        sessions.sort_by_key(|session| std::cmp::Reverse(session.number));
        sessions
    }

    /// Has a sentence shown at the top of the next page of a session.
    pub fn tell(&self, session: &Session, tone: Tone, text: String) {
        self.table().told.entry(session.id).or_default().push((tone, text));
    }

    /// What is to be shown at the top of a page, once.
    pub fn told(&self, session: &Session) -> Vec<(Tone, String)> {
        self.table().told.remove(&session.id).unwrap_or_default()
    }
}

impl Table {
    fn forget(&mut self, now: Timestamp) {
        self.sessions.retain(|_, session| session.until > now);
        let sessions = &self.sessions;
        self.told.retain(|id, _| sessions.contains_key(id));
    }
}

/// What a `Cookie` header shows for a session, whether that is there or not.
pub fn shown(cookies: &str) -> Option<&str> {
    let mut pairs = cookies.split(';').filter_map(|cookie| cookie.trim().split_once('='));
    pairs.find(|(name, id)| *name == COOKIE && !id.is_empty()).map(|(_, id)| id)
}

/// The cookie that takes the place of the one of a session that has ended.
pub fn no_cookie() -> String {
    format!("{COOKIE}=; Path=/console; HttpOnly; SameSite=Strict; Max-Age=0")
}

#[cfg(test)]
mod tests {
    use super::*;

    const HERE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);

    fn at(millis: i64) -> Timestamp {
        Timestamp::from_millis(millis)
    }

    fn sent(cookie: &str) -> &str {
        cookie.split(';').next().unwrap()
    }

    #[test]
    fn a_session_is_found_by_its_cookie_until_it_ends() {
        let sessions = Sessions::default();
        let cookie = sessions.begin(Administrator::root(), HERE, at(0));
        assert!(cookie.contains("HttpOnly; SameSite=Strict"), "{cookie}");
        let kept = cookie.rsplit_once('=').and_then(|(_, seconds)| seconds.parse::<i64>().ok());
        assert!(
            kept.is_some_and(|seconds| seconds * 1000 > LIFE),
            "who comes back is told that it has ended: {cookie}"
        );
        let found = sessions.find(&format!("a=b; {}; c=d", sent(&cookie)), at(LIFE - 1)).unwrap();
        assert!(found.is_token(found.csrf()) && !found.is_token("") && !found.is_token(sent(&cookie)));
        assert!(sessions.find(sent(&cookie), at(LIFE)).is_none());
        for other in ["", "scim_console=", "scim_console=x", "other=y"] {
            assert!(sessions.find(other, at(0)).is_none(), "{other}");
        }
        assert_eq!(["scim_console=x", "a=b; scim_console=", ""].map(shown), [Some("x"), None, None]);
        assert!(sessions.end(found.number).is_some() && sessions.end(found.number).is_none());
        assert!(sessions.find(sent(&cookie), at(0)).is_none());
    }

    #[test]
    fn each_sign_in_has_another_id_and_the_oldest_sessions_go() {
        let sessions = Sessions::default();
        let first = sessions.begin(Administrator::root(), HERE, at(0));
        for _ in 0..MOST {
            assert_ne!(sessions.begin(Administrator::root(), HERE, at(1)), first);
        }
        assert!(sessions.find(sent(&first), at(1)).is_none());
        assert_eq!(sessions.list(at(1)).len(), MOST);
    }

    #[test]
    fn what_is_told_is_told_once_and_to_nobody_else() {
        let sessions = Sessions::default();
        let [one, other] = [0, 0].map(|now| {
            let cookie = sessions.begin(Administrator::root(), HERE, at(now));
            sessions.find(sent(&cookie), at(now)).unwrap()
        });
        sessions.tell(&one, Tone::Good, "done".to_owned());
        assert_eq!(sessions.told(&other), []);
        assert_eq!(sessions.told(&one), [(Tone::Good, "done".to_owned())]);
        assert_eq!(sessions.told(&one), []);
    }
}
