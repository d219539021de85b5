//! What takes days: on a clock that is moved by hand.

use std::{
    io::{Read as _, Write as _},
    net::TcpListener,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU16, AtomicUsize, Ordering},
    },
};

use scim_protocol::Timestamp;
use uuid::Uuid;

use super::{
    Deliverer, MOST_BYTES, Message, NewWebhook, Reason, Sender, USUAL_RATE, Webhook, Webhooks, leased::Leased as _,
    message::Messages,
};
use crate::{
    access::Access,
    clock::{Clock, ManualClock},
    event::{Action, Deed, Event, Json, Values},
    operation::Operations,
    store::{Commit, ResourceId, Store, sled::SledStore},
    tenant::{Settings, TenantRecord},
};

/// An endpoint that answers each message with the status and the header that are set.
pub struct Endpoint {
    url: String,
    pub status: Arc<AtomicU16>,
    /// A line of the header.
    header: Arc<Mutex<String>>,
    asked: Arc<AtomicUsize>,
}

impl Endpoint {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/", listener.local_addr().unwrap());
        let (status, asked) = (Arc::new(AtomicU16::new(500)), Arc::new(AtomicUsize::new(0)));
        let header = Arc::new(Mutex::new("x-none: none".to_owned()));
        let (said, line, count) = (Arc::clone(&status), Arc::clone(&header), Arc::clone(&asked));
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream = stream.unwrap();
                let mut bytes = vec![0; 64 * 1024];
                let mut length = 0;
                // The body is small, and comes with or right behind the header.
                while !String::from_utf8_lossy(&bytes[..length]).ends_with('}') {
                    match stream.read(&mut bytes[length..]).unwrap() {
                        0 => break,
                        more => length += more,
                    }
                }
                count.fetch_add(1, Ordering::SeqCst);
                let status = said.load(Ordering::SeqCst);
                let header = line.lock().unwrap().clone();
                write!(stream, "HTTP/1.1 {status} X\r\n{header}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n")
                    .unwrap();
            }
        });
        Self { url, status, header, asked }
    }

    pub fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }
}

/// A store with one tenant and one endpoint, and what sends.
pub struct Stage {
    _place: tempfile::TempDir,
    pub clock: Arc<ManualClock>,
    pub store: Arc<dyn Store>,
    pub tenant: TenantRecord,
    pub deliverer: Deliverer,
    pub endpoint: Endpoint,
    pub webhook: Webhook,
}

impl Stage {
    pub async fn start() -> Self {
        let place = tempfile::tempdir().unwrap();
        let clock = Arc::new(ManualClock::at(Timestamp::from_millis(1_700_000_000_000)));
        let store: Arc<dyn Store> = Arc::new(SledStore::open(place.path(), clock.clone()).unwrap());
        let time: Arc<dyn Clock> = clock.clone();
        let access = Arc::new(Access::load(Arc::clone(&store), Arc::clone(&time)).await.unwrap());
        let (tenant, _) = access.directory().create("t", Settings::default(), None).await.unwrap();
        access.reload().await.unwrap();
        let operations = Arc::new(Operations::on(Arc::clone(&store), time));
        let endpoint = Endpoint::start();
        let (url, types) = (endpoint.url.clone(), vec!["user.*".to_owned()]);
        let new = NewWebhook { tenant: Some(tenant.id), url, types, rate: USUAL_RATE };
        let tenants = access.tenants();
        let made = Webhooks::new(Arc::clone(&store)).create(operations.fresh_id(), new, &tenants).await.unwrap();
        let deliverer = Deliverer {
            operations,
            access,
            sender: Arc::new(Sender::new(vec!["127.0.0.0/8".parse().unwrap()])),
            messages: Arc::default(),
            paces: Arc::default(),
            metrics: Arc::default(),
            base: Arc::new(String::new),
            process: Uuid::nil(),
        };
        Self { _place: place, clock, store, tenant, deliverer, endpoint, webhook: made }
    }

    pub async fn user(&self, number: u128) {
        let event = Event::new(Action::Create, "a", "User", ResourceId(Uuid::from_u128(number)));
        self.store.commit(Commit::note(self.tenant.home(), event)).await.unwrap();
    }

    /// Passes until nothing more is to be done at this time; when the next message is due, in milliseconds from now.
    pub async fn settle(&self) -> Option<i64> {
        loop {
            let pass = self.deliverer.pass(self.webhook.id).await.unwrap()?;
            if !pass.moved {
                return pass.due.map(|due| due - self.clock.now().as_millis());
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_message_tells_where_a_large_resource_is_if_the_server_knows_its_own_url() {
    let stage = Stage::start().await;
    let tenant = stage.deliverer.access.tenant_of(stage.tenant.id).unwrap();
    let large = Json::of(&"x".repeat(MOST_BYTES)).unwrap();
    let values = Values { document: large, changes: std::collections::BTreeMap::new() };
    let event = Event::new(Action::Create, "a", "User", ResourceId(Uuid::from_u128(7)));
    let event = Event { values: Some(Box::new(values)), ..event };
    let data = |base: &str| -> serde_json::Value {
        let message = Message::of(&event, &tenant, base);
        assert!(message.body.len() < MOST_BYTES);
        serde_json::from_slice::<serde_json::Value>(&message.body).unwrap()["data"].take()
    };
    let url = format!("https://scim.example.com/{}/scim/v2/Users/{}", tenant.id, event.target);
    assert_eq!(data("https://scim.example.com")["url"], url);
    let without = data("");
    assert!(without.get("url").is_none() && without["truncated"] == true, "{without}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_message_is_made_once_for_all_endpoints_unless_the_tenant_is_another() {
    let stage = Stage::start().await;
    let (messages, tenant) = (Messages::default(), stage.deliverer.access.tenant_of(stage.tenant.id).unwrap());
    let event = Event { sequence: 5, ..Event::new(Action::Create, "a", "User", ResourceId(Uuid::from_u128(7))) };
    let made = |tenant, base: &str| messages.of(&event, tenant, base).body;
    let first = made(&tenant, "");
    assert_eq!(first.as_ptr(), made(&tenant, "").as_ptr());
    // What it is made by has changed: other settings, or another URL of the server.
    stage.deliverer.access.reload().await.unwrap();
    let again = stage.deliverer.access.tenant_of(stage.tenant.id).unwrap();
    let second = made(&again, "");
    assert!(first == second && first.as_ptr() != second.as_ptr());
    assert_ne!(second.as_ptr(), made(&again, "https://scim.example.com").as_ptr());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_message_that_nobody_takes_is_laid_aside_and_can_be_sent_again() {
    let stage = Stage::start().await;
    stage.user(1).await;
    stage.user(1).await;
    let webhooks = Webhooks::new(Arc::clone(&stage.store));
    let mut pauses = Vec::new();
    while webhooks.dead_letters(stage.webhook.id).await.unwrap().is_empty() {
        let pause = stage.settle().await.unwrap();
        pauses.push(pause / 1000);
        stage.clock.advance(pause);
    }
    assert_eq!(pauses.len(), 10, "{pauses:?}");
    let hours = [2 * 3600, 5 * 3600, 10 * 3600, 14 * 3600, 20 * 3600, 24 * 3600];
    for (pause, least) in pauses.iter().zip([5, 300, 1800].into_iter().chain(hours)) {
        assert!((least..=least + least / 10).contains(pause), "{pauses:?}");
    }
    let dead = webhooks.dead_letters(stage.webhook.id).await.unwrap();
    assert_eq!((dead[0].tries, dead[0].error.as_str()), (10, "the status 500"));
    // The next about the same resource has waited, and goes now.
    stage.endpoint.status.store(200, Ordering::SeqCst);
    let before = stage.endpoint.asked();
    assert_eq!(stage.settle().await, None);
    assert_eq!(stage.endpoint.asked(), before + 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_endpoint_that_takes_nothing_for_five_days_is_disabled() {
    let stage = Stage::start().await;
    let webhooks = Webhooks::new(Arc::clone(&stage.store));
    for day in 0..7 {
        stage.user(day).await;
        stage.settle().await;
        stage.clock.advance(24 * 3600 * 1000);
        let disabled = webhooks.find(stage.webhook.id).await.unwrap().unwrap().disabled;
        assert_eq!(disabled, (day >= 5).then_some(Reason::Failing), "day {day}");
    }
    // Whoever reads the log is told, once, and by the server itself.
    let events = stage.store.events(stage.tenant.home(), 0, 100).await.unwrap();
    let told: Vec<_> = events.iter().filter(|event| event.deed == Some(Deed::WebhookDisabled)).collect();
    assert_eq!((told.len(), told[0].target, told[0].actor_type()), (1, stage.webhook.id, "server"));
    // What was not taken is still to come.
    let asked = stage.endpoint.asked();
    stage.settle().await;
    assert_eq!(stage.endpoint.asked(), asked);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backlog_is_bounded_and_nothing_of_it_is_lost() {
    let stage = Stage::start().await;
    for number in 0..1000 {
        stage.user(number).await;
    }
    stage.settle().await;
    let tenant = stage.deliverer.access.tenant_of(stage.tenant.id).unwrap();
    let webhooks = Webhooks::new(Arc::clone(&stage.store));
    let delivery = webhooks.delivery(&stage.webhook, &tenant).await.unwrap();
    assert!(delivery.pending.len() <= 400 && delivery.position < 1000, "{}", delivery.pending.len());
    stage.endpoint.status.store(204, Ordering::SeqCst);
    stage.clock.advance(60_000);
    let before = stage.endpoint.asked();
    assert_eq!(stage.settle().await, None);
    assert_eq!(stage.endpoint.asked(), before + 1000);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_endpoint_gets_no_more_messages_a_second_than_its_rate() {
    let stage = Stage::start().await;
    stage.endpoint.status.store(204, Ordering::SeqCst);
    let slow = Webhook { rate: 100, ..stage.webhook.clone() };
    Webhooks::new(Arc::clone(&stage.store)).keep(&slow, "changed").await.unwrap();
    for number in 0..25 {
        stage.user(number).await;
    }
    // A tenth of a second's worth at once; then half of that together.
    let mut asked = Vec::new();
    loop {
        let due = stage.settle().await;
        asked.push(stage.endpoint.asked());
        let Some(due) = due else { break };
        assert_eq!(due, 50);
        stage.clock.advance(due - 1);
        assert_eq!(stage.settle().await, Some(1));
        assert_eq!(stage.endpoint.asked(), *asked.last().unwrap(), "too early");
        stage.clock.advance(1);
    }
    assert_eq!(asked, [10, 15, 20, 25]);
    // What nobody waits for is not held up.
    stage.clock.advance(60_000);
    stage.user(0).await;
    assert_eq!((stage.settle().await, stage.endpoint.asked()), (None, 26));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_endpoint_that_asks_for_patience_is_given_it() {
    // By the clock of the stage it is Tue, 14 Nov 2023 22:13:20 GMT.
    for (asks, pause) in [
        ("retry-after: 60", 60_000),
        ("Retry-After: Tue, 14 Nov 2023 22:15:20 GMT", 120_000),
        ("retry-after: Sat, 25 Nov 2023 22:15:20 GMT", 24 * 3600 * 1000),
    ] {
        let stage = Stage::start().await;
        stage.endpoint.status.store(429, Ordering::SeqCst);
        asks.clone_into(&mut stage.endpoint.header.lock().unwrap());
        stage.user(1).await;
        assert_eq!(stage.settle().await, Some(pause), "{asks}");
    }
    // One that is over, or that nobody understands, is none.
    for asks in ["retry-after: Tue, 14 Nov 2023 22:13:00 GMT", "retry-after: soon"] {
        let stage = Stage::start().await;
        asks.clone_into(&mut stage.endpoint.header.lock().unwrap());
        stage.user(1).await;
        let pause = stage.settle().await.unwrap();
        assert!((5000..=5500).contains(&pause), "{asks}: {pause}");
    }
}
