//! Sinks, on a real store and real files.

use std::sync::Mutex;

use scim_protocol::Timestamp;
use serde_json::json;

use super::*;
use crate::{
    clock::{Clock as _, ManualClock},
    event::{Action, Event},
    rotated::Rotation,
    store::{Commit, ResourceId, Store, sled::SledStore},
    tenant::{Settings, TenantRecord},
};

/// A sink that notes what it takes, and can be told to fail.
#[derive(Clone, Default)]
struct Notes(Arc<Mutex<(Vec<Line>, bool)>>);

#[async_trait]
impl Sink for Notes {
    fn name(&self) -> &'static str {
        "notes"
    }

    fn form(&self) -> Form {
        Form::Feed
    }

    async fn take(&mut self, lines: &[Line]) -> Result<(), SinkError> {
        let mut notes = self.0.lock().unwrap();
        if notes.1 {
            return Err(std::io::Error::other("full").into());
        }
        notes.0.extend(lines.iter().cloned());
        Ok(())
    }
}

struct Stage {
    _place: tempfile::TempDir,
    clock: Arc<ManualClock>,
    store: Arc<dyn Store>,
    access: Arc<Access>,
    tenant: TenantRecord,
    notes: Notes,
}

impl Stage {
    async fn start() -> Self {
        let place = tempfile::tempdir().unwrap();
        let clock = Arc::new(ManualClock::at(Timestamp::from_millis(1000)));
        let store: Arc<dyn Store> = Arc::new(SledStore::open(place.path(), clock.clone()).unwrap());
        let access = Arc::new(Access::load(Arc::clone(&store), clock.clone()).await.unwrap());
        let (tenant, _) = access.directory().create("t", Settings::default(), None).await.unwrap();
        access.reload().await.unwrap();
        Self { _place: place, clock, store, access, tenant, notes: Notes::default() }
    }

    fn forwarder(&self) -> Forwarder {
        let operations = Arc::new(Operations::on(Arc::clone(&self.store), self.clock.clone()));
        Forwarder::new(operations, Arc::clone(&self.access), Box::new(self.notes.clone()), Arc::new(String::new))
    }

    async fn user(&self) {
        self.clock.advance(1);
        let event = Event::new(Action::Create, "a", "User", ResourceId(Uuid::from_u128(7)));
        self.store.commit(Commit::note(self.tenant.home(), event)).await.unwrap();
    }

    fn numbers(&self) -> Vec<u64> {
        self.notes.0.lock().unwrap().0.iter().map(|line| line.sequence).collect()
    }
}

#[tokio::test]
async fn a_sink_gets_each_event_and_another_process_goes_on() {
    let stage = Stage::start().await;
    let begin = stage.store.log(stage.tenant.home()).await.unwrap().newest;
    for _ in 0..3 {
        stage.user().await;
    }
    let mut first = stage.forwarder();
    assert!(first.turn().await.unwrap() && !first.turn().await.unwrap());
    assert_eq!(stage.numbers(), (1..=begin + 3).collect::<Vec<_>>());
    stage.user().await;
    let mut second = stage.forwarder();
    assert!(second.turn().await.unwrap());
    assert_eq!(stage.numbers(), (1..=begin + 4).collect::<Vec<_>>());
    let last: serde_json::Value =
        serde_json::from_slice(&stage.notes.0.lock().unwrap().0.last().unwrap().json).unwrap();
    assert_eq!((&last["type"], &last["sequence"]), (&json!("scim.user.created"), &json!(begin + 4)));
}

/// The users of the judge are nobody's: an application that lives from a sink must not make accounts for them.
#[tokio::test]
async fn a_sink_gets_nothing_of_the_judge() {
    let stage = Stage::start().await;
    let name = crate::tenant::judged::name([7; 16]);
    stage.access.directory().create(&name, Settings::default(), None).await.unwrap();
    stage.access.reload().await.unwrap();
    stage.user().await;
    stage.forwarder().turn().await.unwrap();
    let newest = stage.store.log(stage.tenant.home()).await.unwrap().newest;
    assert_eq!(stage.numbers(), (1..=newest).collect::<Vec<_>>());
}

#[tokio::test]
async fn what_a_sink_has_not_taken_comes_again() {
    let stage = Stage::start().await;
    stage.user().await;
    stage.notes.0.lock().unwrap().1 = true;
    let mut forwarder = stage.forwarder();
    assert!(forwarder.turn().await.is_err());
    stage.notes.0.lock().unwrap().1 = false;
    assert!(forwarder.turn().await.unwrap());
    assert!(!stage.numbers().is_empty() && stage.numbers().is_sorted());
}

#[tokio::test]
async fn what_was_forgotten_too_early_is_told() {
    let stage = Stage::start().await;
    stage.user().await;
    let mut forwarder = stage.forwarder();
    forwarder.turn().await.unwrap();
    let taken = stage.numbers().len() as u64;
    stage.user().await;
    stage.user().await;
    let now = stage.clock.now();
    stage.store.forget_events(now).await.unwrap();
    forwarder.turn().await.unwrap();
    let lines = stage.notes.0.lock().unwrap().0.clone();
    let [gap, last] = &lines[usize::try_from(taken).unwrap()..] else { panic!("{lines:?}") };
    let said: serde_json::Value = serde_json::from_slice(&gap.json).unwrap();
    assert_eq!(
        (&said["type"], &said["after"], &said["oldest"]),
        (&json!("events.missing"), &json!(taken), &json!(taken + 2))
    );
    assert_eq!(last.sequence, taken + 2);
}

#[tokio::test]
async fn a_line_that_was_cut_off_is_removed_and_files_are_replaced() {
    let place = tempfile::tempdir().unwrap();
    let path = place.path().join("events.jsonl");
    let line = |number: u64| Line {
        tenant: TenantId::SYSTEM,
        sequence: number,
        id: number.to_string(),
        kind: String::new(),
        at: 0,
        json: format!("{{\"n\":{number}}}").into(),
    };
    let read = |name: &str| std::fs::read_to_string(place.path().join(name)).unwrap();
    std::fs::write(&path, "{\"n\":1}\n{\"n\":").unwrap();
    let mut sink = FileSink::open(&path, Some(Rotation { bytes: 16, keep: 2 })).unwrap();
    sink.take(&[line(2)]).await.unwrap();
    assert_eq!(read("events.jsonl"), "{\"n\":1}\n{\"n\":2}\n");
    for number in 3..8 {
        sink.take(&[line(number)]).await.unwrap();
    }
    assert_eq!(read("events.jsonl"), "{\"n\":7}\n");
    assert_eq!(
        (read("events.jsonl.1"), read("events.jsonl.2")),
        ("{\"n\":5}\n{\"n\":6}\n".to_owned(), "{\"n\":3}\n{\"n\":4}\n".to_owned())
    );
    assert!(!place.path().join("events.jsonl.3").exists());
    drop(sink);
    std::fs::write(&path, "no line at all").unwrap();
    FileSink::open(&path, None).unwrap().take(&[]).await.unwrap();
    assert_eq!(read("events.jsonl"), "");
}
