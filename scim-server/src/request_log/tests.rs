use std::{borrow::Cow, fs, path::Path, sync::Arc, time::Duration};

use proptest::prelude::{Strategy, any};
use scim_protocol::Timestamp;
use uuid::Uuid;

use super::{
    segment::{Blocks, Segment},
    tail::Tail,
    *,
};
use crate::{
    clock::{Clock, ManualClock},
    ids::{ResourceId, TenantId},
    metrics::RequestLogMetrics,
};

const LIMITS: Limits = Limits { bytes: 1 << 30, retention: Duration::from_secs(30 * 86_400) };
/// The time of the first call.
const BEGIN: i64 = 1_700_000_000_000;
const EFFORT: Effort = Effort { rows: usize::MAX, within: Duration::from_secs(600) };

fn id(n: u64) -> Uuid {
    ResourceId::derived(&[&n.to_le_bytes()]).0
}

fn request(n: u64) -> Uuid {
    let at = BEGIN.unsigned_abs() + n;
    uuid::Builder::from_unix_timestamp_millis(at, id(n).as_bytes()[..10].try_into().unwrap()).into_uuid()
}

/// The n-th call: of one of three tenants; each 7th has failed.
fn call(n: u64) -> Call<'static> {
    Call {
        at: Timestamp::from_millis(BEGIN + i64::try_from(n).unwrap()),
        took: Duration::from_micros(n % 1000),
        method: if n.is_multiple_of(5) { Method::Patch } else { Method::Get },
        status: if n.is_multiple_of(7) { 409 } else { 200 },
        tenant: Some(TenantId(id(n % 3))),
        token: Some(ResourceId(id(10 + n % 4))),
        resource: Some(ResourceId(id(100 + n % 50))),
        count: 1,
        path: Cow::Borrowed("/Users"),
        scim_type: if n.is_multiple_of(7) { "uniqueness" } else { "" },
        refusal: Cow::Borrowed(""),
        reason: Cow::Borrowed(""),
    }
}

/// Its line, which has its number, and so many bytes that cannot be compressed.
fn line(n: u64, size: usize) -> String {
    let name = if n.is_multiple_of(5) { "PatchUser" } else { "GetUser" };
    let mut random = n + 1;
    let mut next = || {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        format!("{random:016x}")
    };
    let filler: String = (0..size / 16).map(|_| next()).collect();
    format!(
        "{{\"eventName\":\"{name}\",\"userAgent\":\"agent/{n}\",\"filler\":\"{filler}\",\"requestID\":\"{}\"}}",
        request(n)
    )
}

fn rows(numbers: std::ops::Range<u64>, size: usize) -> Vec<u8> {
    let mut rows = Vec::new();
    for n in numbers {
        call(n).write(line(n, size).as_bytes(), &mut rows);
    }
    rows
}

/// A writer of small blocks: of about 140 rows.
fn open(place: &Path, limits: Limits) -> Writer {
    let mut writer = Writer::open(place, limits).unwrap();
    writer.block = 64 * 1024;
    writer
}

/// Writes calls a hundred at a time. Each has so many bytes.
fn fill(writer: &mut Writer, numbers: std::ops::Range<u64>, size: usize) {
    let mut next = numbers.start;
    while next < numbers.end {
        let end = (next + 100).min(numbers.end);
        writer.append(&rows(next..end, size), 0).unwrap();
        writer.tidy(BEGIN).unwrap();
        next = end;
    }
}

/// The numbers of calls that were found.
fn numbers(page: &Page) -> Vec<u64> {
    page.rows.iter().map(|row| u64::try_from(row.at.as_millis() - BEGIN).unwrap()).collect()
}

fn found(place: &Path, search: Search) -> Vec<u64> {
    let page = Reader::new(place).search(&search.prepared(), Direction::Back(None), EFFORT).unwrap();
    assert_eq!((page.next, page.timed_out, page.damaged), (None, false, 0));
    numbers(&page)
}

#[test]
fn calls_are_found_newest_first_wherever_they_are() {
    let place = tempfile::tempdir().unwrap();
    let mut writer = open(place.path(), LIMITS);
    fill(&mut writer, 0..1000, 256);
    assert!(Tail::read(place.path()).unwrap().sequence > 3, "there are blocks");
    let all: Vec<u64> = (0..1000).rev().collect();
    assert_eq!(found(place.path(), Search::default()), all);

    let of = |wanted: &dyn Fn(&u64) -> bool| all.iter().copied().filter(wanted).collect::<Vec<_>>();
    let tenant = Some(TenantId(id(1)));
    let search = Search { tenant, statuses: vec![(400, 499)], ..Search::default() };
    assert_eq!(found(place.path(), search), of(&|n| n % 3 == 1 && n % 7 == 0));
    let search = Search { tenant, operation: Some("patchuser".to_owned()), ..Search::default() };
    assert_eq!(found(place.path(), search), of(&|n| n % 3 == 1 && n % 5 == 0));
    let tokens = Some(vec![ResourceId(id(11)), ResourceId(id(77))]);
    assert_eq!(found(place.path(), Search { tokens, ..Search::default() }), of(&|n| n % 4 == 1));
    let resource = Some(ResourceId(id(142)));
    assert_eq!(found(place.path(), Search { resource, ..Search::default() }), of(&|n| n % 50 == 42));
    assert_eq!(
        found(place.path(), Search { text: Some("AGENT/77".to_owned()), ..Search::default() }),
        of(&|n| { n.to_string().starts_with("77") })
    );
    assert_eq!(found(place.path(), Search { request: Some(request(500)), ..Search::default() }), [500]);
    let at = |n: i64| Some(Timestamp::from_millis(BEGIN + n));
    let search = Search { since: at(100), until: at(200), ..Search::default() };
    assert_eq!(found(place.path(), search), (100..200).rev().collect::<Vec<_>>());
    assert!(found(place.path(), Search { tenant: Some(TenantId(id(9))), ..Search::default() }).is_empty());
}

#[test]
fn a_list_goes_on_from_its_place_both_ways() {
    let place = tempfile::tempdir().unwrap();
    let mut writer = open(place.path(), LIMITS);
    fill(&mut writer, 0..500, 256);
    let reader = Reader::new(place.path());
    let search = Search { statuses: vec![(409, 409)], ..Search::default() }.prepared();
    let effort = Effort { rows: 7, ..EFFORT };
    let (mut seen, mut before) = (Vec::new(), None);
    loop {
        let page = reader.search(&search, Direction::Back(before), effort).unwrap();
        seen.extend(numbers(&page));
        before = page.next;
        if before.is_none() {
            break;
        }
        // What is written meanwhile moves nothing.
        let next = 500 + seen.len() as u64;
        writer.append(&rows(next..next + 1, 2000), 0).unwrap();
        writer.tidy(BEGIN).unwrap();
    }
    assert_eq!(seen, (0..500).rev().filter(|n| n % 7 == 0).collect::<Vec<_>>());

    let oldest = Place { block: 0, row: 0 };
    let (mut seen, mut after) = (Vec::new(), oldest);
    loop {
        let page = reader.search(&search, Direction::On(after), effort).unwrap();
        seen.extend(numbers(&page));
        match page.next {
            Some(next) => after = next,
            None => break,
        }
    }
    assert!(seen.is_sorted() && seen.starts_with(&[0, 7, 14]), "{seen:?}");
    let newest = reader.newest().unwrap();
    assert!(reader.search(&search, Direction::On(newest), effort).unwrap().rows.is_empty());
}

#[test]
fn calls_are_counted_wherever_they_are_and_up_to_a_place() {
    let place = tempfile::tempdir().unwrap();
    let mut writer = open(place.path(), LIMITS);
    fill(&mut writer, 0..500, 256);
    let (reader, now) = (Reader::new(place.path()), Timestamp::from_millis(BEGIN + 1000));
    let newest = reader.newest().unwrap();
    fill(&mut writer, 500..700, 256);
    let counted = |until: Option<Place>, tenant: Option<TenantId>| {
        let counts = Counts::default();
        reader.count(until, &counts).unwrap();
        let days = counts.of(tenant, Step::Day, now);
        days.iter().fold((0, 0), |(calls, refused), (_, day)| (calls + day.calls, refused + day.refused))
    };
    assert_eq!(counted(None, None), (700, 100));
    assert_eq!(counted(Some(newest), None), (500, 72));
    assert_eq!(counted(None, Some(TenantId(id(0)))), (234, 34));
    assert_eq!(counted(Some(Place { block: 0, row: 0 }), None), (0, 0));
}

#[test]
fn a_search_without_time_says_how_far_it_came_and_gets_on() {
    let place = tempfile::tempdir().unwrap();
    let mut writer = open(place.path(), LIMITS);
    fill(&mut writer, 0..1000, 256);
    let reader = Reader::new(place.path());
    let search = Search { statuses: vec![(409, 409)], ..Search::default() }.prepared();
    let effort = Effort { rows: usize::MAX, within: Duration::ZERO };
    let (mut seen, mut before, mut pages) = (Vec::new(), None, 0);
    loop {
        let page = reader.search(&search, Direction::Back(before), effort).unwrap();
        seen.extend(numbers(&page));
        pages += 1;
        assert_eq!(page.timed_out, page.next.is_some());
        before = page.next;
        if before.is_none() {
            break;
        }
    }
    assert!(pages > 3, "{pages}");
    assert_eq!(seen, (0..1000).rev().filter(|n| n % 7 == 0).collect::<Vec<_>>());
}

#[test]
fn what_was_broken_off_is_left_out_and_the_log_goes_on() {
    let place = tempfile::tempdir().unwrap();
    let mut writer = open(place.path(), LIMITS);
    fill(&mut writer, 0..500, 256);
    drop(writer);
    // In the middle of the last batch.
    let tail = place.path().join("newest");
    let bytes = fs::read(&tail).unwrap();
    fs::write(&tail, &bytes[..bytes.len() - 3]).unwrap();
    assert_eq!(found(place.path(), Search::default()), (0..400).rev().collect::<Vec<_>>());
    let mut writer = open(place.path(), LIMITS);
    fill(&mut writer, 600..1300, 256);
    let expect: Vec<_> = (0..400).chain(600..1300).rev().collect();
    assert_eq!(found(place.path(), Search::default()), expect);

    // In the middle of a block: the tail still has its rows.
    drop(writer);
    let before = fs::read(&tail).unwrap();
    let number = Tail::read(place.path()).unwrap().sequence;
    let torn = place.path().join(format!("{number:016x}.requests"));
    fs::write(&torn, b"SRL1 and so on").unwrap();
    assert_eq!(found(place.path(), Search::default()), expect);
    let mut writer = open(place.path(), LIMITS);
    assert_eq!(fs::read(&tail).unwrap(), before);
    fill(&mut writer, 1300..2000, 256);
    let expect: Vec<_> = (0..400).chain(600..2000).rev().collect();
    assert_eq!(found(place.path(), Search::default()), expect);
}

#[test]
fn a_tail_whose_block_is_there_is_not_counted_twice() {
    let place = tempfile::tempdir().unwrap();
    let mut writer = open(place.path(), LIMITS);
    fill(&mut writer, 0..100, 256);
    let tail = fs::read(place.path().join("newest")).unwrap();
    fill(&mut writer, 100..200, 256);
    assert!(!Segment::list(place.path()).unwrap().is_empty());
    drop(writer);
    // As when the process was killed after it had written the block.
    fs::write(place.path().join("newest"), tail).unwrap();
    let all: Vec<_> = found(place.path(), Search::default());
    assert_eq!(all, (0..100).rev().collect::<Vec<_>>());
    let mut writer = open(place.path(), LIMITS);
    assert_eq!(found(place.path(), Search::default()), (0..200).rev().collect::<Vec<_>>());
    fill(&mut writer, 200..210, 10);
    assert_eq!(found(place.path(), Search::default()), (0..210).rev().collect::<Vec<_>>());
}

#[test]
fn a_damaged_block_takes_no_other_with_it() {
    let place = tempfile::tempdir().unwrap();
    let mut writer = open(place.path(), LIMITS);
    fill(&mut writer, 0..1000, 256);
    let segment = Segment::list(place.path()).unwrap().remove(0);
    let blocks = Blocks::of(&fs::File::open(&segment.path).unwrap()).unwrap().places;
    assert!(blocks.len() > 2);
    let mut bytes = fs::read(&segment.path).unwrap();
    let middle = usize::try_from(blocks[1].0 + blocks[1].1.length() - 9).unwrap();
    bytes[middle] ^= 1;
    fs::write(&segment.path, bytes).unwrap();
    let page = Reader::new(place.path()).search(&Search::default(), Direction::Back(None), EFFORT).unwrap();
    assert_eq!(page.damaged, 1);
    let lost = 1000 - page.rows.len();
    assert!(lost > 0 && lost <= blocks[1].1.rows as usize, "{lost}");
}

#[test]
fn files_stay_within_their_bytes_and_the_oldest_go() {
    let place = tempfile::tempdir().unwrap();
    let limits = Limits { bytes: 1 << 20, ..LIMITS };
    let mut writer = open(place.path(), limits);
    for round in 0..20 {
        fill(&mut writer, round * 200..round * 200 + 200, 1024);
        let sizes = fs::read_dir(place.path()).unwrap().map(|entry| entry.unwrap().metadata().unwrap().len());
        let size: u64 = sizes.sum();
        assert_eq!(size, writer.size());
        assert!(size <= limits.bytes + 200 * 1024, "{size}");
    }
    let kept = found(place.path(), Search::default());
    assert_eq!(kept, (4000 - kept.len() as u64..4000).rev().collect::<Vec<_>>());
    assert!(kept.len() > 300 && kept.len() < 3000, "{}", kept.len());
    // Also what another process has left.
    let mut writer = open(place.path(), limits);
    fill(&mut writer, 4000..5000, 1024);
    assert!(writer.size() <= limits.bytes + 200 * 1024);
}

#[test]
fn what_is_too_old_goes() {
    const DAY: i64 = 86_400_000;
    let place = tempfile::tempdir().unwrap();
    let mut writer = open(place.path(), LIMITS);
    fill(&mut writer, 0..10, 10);
    writer.tidy(BEGIN + DAY).unwrap();
    assert_eq!(Segment::list(place.path()).unwrap().len(), 0);
    writer.tidy(BEGIN + DAY + 1).unwrap();
    assert_eq!(Segment::list(place.path()).unwrap().len(), 1, "a day of few calls becomes a block");
    fill(&mut writer, 10..20, 10);
    assert_eq!(found(place.path(), Search::default()).len(), 20);
    writer.tidy(BEGIN + 29 * DAY).unwrap();
    assert_eq!(found(place.path(), Search::default()).len(), 20);
    writer.tidy(BEGIN + 31 * DAY).unwrap();
    writer.tidy(BEGIN + 31 * DAY).unwrap();
    assert!(found(place.path(), Search::default()).is_empty());
}

#[tokio::test]
async fn what_there_is_no_room_for_is_counted_and_told() {
    let place = tempfile::tempdir().unwrap();
    let metrics = Arc::new(RequestLogMetrics::default());
    let clock: Arc<dyn Clock> = Arc::new(ManualClock::at(Timestamp::from_millis(BEGIN)));
    let log = RequestLog::open(place.path(), LIMITS, Arc::clone(&metrics), clock).unwrap();
    log.note(&call(0), line(0, 10).as_bytes());
    // No queue has room for that.
    log.note(&call(1), &vec![b' '; queue::MAX_QUEUED + 1]);
    log.note(&call(2), line(2, 10).as_bytes());
    log.flush().await;
    let page = log.reader().search(&Search::default(), Direction::Back(None), EFFORT).unwrap();
    assert_eq!(numbers(&page), [2, 0]);
    drop(log);
    let page = Reader::new(place.path()).search(&Search::default(), Direction::Back(None), EFFORT).unwrap();
    assert_eq!((page.lost, metrics.lost.get(), metrics.calls.get()), (1, 1, 2));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn calls_of_many_tasks_are_all_there_while_they_are_searched() {
    let place = tempfile::tempdir().unwrap();
    let clock: Arc<dyn Clock> = Arc::new(ManualClock::at(Timestamp::from_millis(BEGIN)));
    let log = Arc::new(RequestLog::open(place.path(), LIMITS, Arc::default(), clock).unwrap());
    let tasks = (0..4).map(|task| {
        let log = Arc::clone(&log);
        tokio::spawn(async move {
            for n in task * 1000..(task + 1) * 1000 {
                log.note(&call(n), line(n, 4096).as_bytes());
                if n % 100 == 99 {
                    log.flush().await;
                    let wanted = Search { request: Some(request(n)), ..Search::default() };
                    let reader = log.reader().clone();
                    let look = move || reader.search(&wanted.prepared(), Direction::Back(None), EFFORT);
                    let page = tokio::task::spawn_blocking(look).await.unwrap().unwrap();
                    assert_eq!(numbers(&page), [n]);
                }
            }
        })
    });
    for task in tasks.collect::<Vec<_>>() {
        task.await.unwrap();
    }
    drop(log);
    let mut all = found(place.path(), Search::default());
    all.sort_unstable();
    assert_eq!(all, (0..4000).collect::<Vec<_>>());
}

/// What may be looked for.
fn searches() -> impl Strategy<Value = Search> {
    any::<(u8, u64)>().prop_map(|(parts, n)| {
        let has = |part: u8| parts & (1 << part) != 0;
        Search {
            tenant: has(0).then(|| TenantId(id(n % 4))),
            statuses: if has(1) { vec![(400, 499)] } else { Vec::new() },
            tokens: has(2).then(|| vec![ResourceId(id(10 + n % 5))]),
            resource: has(3).then(|| ResourceId(id(100 + n % 60))),
            operation: has(4).then(|| "PatchUser".to_owned()),
            since: has(5).then(|| Timestamp::from_millis(BEGIN + i64::try_from(n % 400).unwrap())),
            ..Search::default()
        }
    })
}

fn is_meant(search: &Search, n: u64) -> bool {
    let call = call(n);
    search.tenant.is_none_or(|tenant| call.tenant == Some(tenant))
        && (search.statuses.is_empty() || call.status == 409)
        && search.tokens.as_ref().is_none_or(|tokens| tokens.contains(&call.token.unwrap()))
        && search.resource.is_none_or(|resource| call.resource == Some(resource))
        && (search.operation.is_none() || call.method == Method::Patch)
        && search.since.is_none_or(|since| call.at >= since)
}

#[test]
fn a_search_finds_what_a_look_at_every_call_finds() {
    let place = tempfile::tempdir().unwrap();
    // Files of several processes, blocks, and a tail.
    for begin in (0..500).step_by(125) {
        let mut writer = open(place.path(), LIMITS);
        fill(&mut writer, begin..begin + 125, 256);
    }
    assert!(Segment::list(place.path()).unwrap().len() > 1);
    let config = proptest::test_runner::Config { failure_persistence: None, ..Default::default() };
    proptest::proptest!(config, |(search in searches())| {
        let expect: Vec<u64> = (0..500).rev().filter(|n| is_meant(&search, *n)).collect();
        proptest::prop_assert_eq!(found(place.path(), search), expect);
    });
}
