//! Measures how long the heaviest single entries hold the writer: each kind, on a record as full as the limits allow.

mod kinds;

use std::sync::Arc;
use std::time::{Duration, Instant};

use gridledger_core::document::Document;
use gridledger_schema::ids::{AreaNo, RecordId};
use gridledger_schema::limits;
use gridledger_schema::set::SchemaSet;
use gridledger_schema::wire::Grant;

use crate::BenchError;
use crate::author::Author;
use gridledger_server::config::Settings;
use gridledger_server::operate::{cli, tools};
use gridledger_server::service::Service;
use gridledger_server::store::rows::people::{NewArea, NewUser};
use gridledger_server::store::rows::records::{Push, SegmentVerdict, SignedEntry};
use kinds::KINDS;

/// Measure what the heaviest entries hold the writer for
#[derive(Clone, Debug, clap::Args)]
pub struct BenchHeavy {
    /// An empty store: sqlite:PATH or postgres://…
    #[arg(long)]
    store: String,
    /// Times each kind is measured, on a record of its own each
    #[arg(long, default_value_t = 5)]
    times: usize,
    /// Only kinds whose name holds this
    #[arg(long, default_value = "")]
    only: String,
}

/// The record type that is measured.
const TYPE: &str = "heavy";
/// The area of all records.
const AREA: &str = "grid";
/// The author: a login, a role, the number of its feed.
const PEOPLE: [(&str, &str, u8); 3] =
    [("w1", "grid_worker", 1), ("w2", "grid_worker", 2), ("h1", "grid_head", 3)];

/// Fills records and measures.
pub fn run(args: &BenchHeavy) -> Result<(), BenchError> {
    let mut settings = Settings::default();
    settings.take("store", &args.store, "--store")?;
    let file = (format!("records/{TYPE}.json"), include_str!("heavy.json").to_owned());
    let schema = Arc::new(SchemaSet::from_files(&[file])?);
    let store = cli::open_store(&settings.store, &schema, settings.commit_group)?;
    let service = Service::new(store, schema.clone())?;
    service.confirm_clock()?;
    tools::renew(&service.store, &schema)?;
    let mut town = Town::settle(service)?;
    gridledger_server::put_line!(
        "| entry | its bytes | record: operations, kB | median ms | longest ms |\n|---|---|---|---|---|"
    );
    for (name, prepare) in KINDS.iter().filter(|(name, _)| name.contains(&args.only)) {
        let mut took = Vec::new();
        let mut about = (0, String::new());
        for _ in 0..args.times {
            let Ready { record, push } = prepare(&mut town)?;
            let bytes: usize = push.segments[0].entries.iter().map(|signed| signed.body.len()).sum();
            about = (bytes, town.size_of(record)?);
            took.push(town.decide(push)?);
        }
        took.sort_unstable();
        let ms = |took: &Duration| took.as_secs_f64() * 1e3;
        gridledger_server::put_line!(
            "| {name} | {} | {} | {:.0} | {:.0} |",
            about.0,
            about.1,
            ms(&took[took.len() / 2]),
            took.last().map_or(0.0, ms)
        );
    }
    town.service.store.close();
    Ok(())
}

/// A push that is about to be measured, and the record that it is about.
struct Ready {
    record: RecordId,
    push: Push,
}

/// A grid, and the people who write in it.
struct Town {
    service: Service,
    area: AreaNo,
    worker: Author,
    other: Author,
    head: Author,
}

impl Town {
    fn settle(service: Service) -> Result<Self, BenchError> {
        let area = NewArea {
            code: AREA.to_owned(),
            parent: None,
            kind: "basic_grid".to_owned(),
            name: AREA.to_owned(),
            from: None,
            to: None,
        };
        service.store.put_areas(&[area])?;
        service.reload_tree()?;
        let area = service.tree().by_code(AREA).map(|area| area.no);
        let area = area.ok_or("the area is missing")?;
        let user = |(login, role, _): (&str, &str, u8)| NewUser {
            login: login.to_owned(),
            name: login.to_owned(),
            password: None,
            grants: vec![Grant { role: role.to_owned(), area, from: 0, to: None }],
        };
        service.store.put_users(&PEOPLE.map(user), 0)?;
        let author = |(login, role, number)| -> Result<Author, BenchError> {
            let user = service.store.user_by_login(login)?.ok_or("a user is missing")?;
            let author = Author::new(&user, number, role, service.now());
            service.store.put_feed(&author.row)?;
            Ok(author)
        };
        let [worker, other, head] = PEOPLE.map(author);
        let (worker, other, head) = (worker?, other?, head?);
        Ok(Self { service, area, worker, other, head })
    }

    /// The last position of the area's log.
    fn position(&self) -> Result<u64, BenchError> {
        Ok(self.service.store.head(self.area)?.seq)
    }

    /// Pushes entries until all are decided; none is refused.
    fn push_all(&self, author: &Author, mut entries: Vec<SignedEntry>) -> Result<(), BenchError> {
        while !entries.is_empty() {
            let verdict = self.push(author.push(entries.clone()))?;
            entries.retain(|signed| signed.entry.n > verdict.n);
        }
        Ok(())
    }

    fn push(&self, push: Push) -> Result<SegmentVerdict, BenchError> {
        let verdict = self.service.store.push(push)?.remove(0);
        if verdict.refused.is_empty() {
            return Ok(verdict);
        }
        Err(format!("an entry was refused: {:?}", verdict.refused).into())
    }

    /// The time for which a push holds the writer.
    fn decide(&self, push: Push) -> Result<Duration, BenchError> {
        let began = Instant::now();
        let verdict = self.push(push)?;
        let took = began.elapsed();
        match verdict.stopped {
            None => Ok(took),
            Some(stopped) => Err(format!("an entry was put off: {stopped:?}").into()),
        }
    }

    /// Operations of a record's documents, and kilobytes of its generation.
    fn size_of(&self, record: RecordId) -> Result<String, BenchError> {
        let Some((row, documents)) = self.service.store.record(record)? else {
            return Ok("new".to_owned());
        };
        let mut operations = 0;
        for document in documents {
            operations += Document::load(&document.bytes)?.operation_count();
        }
        let bytes = row.before.base_bytes + row.entry_bytes - row.before.entry_bytes;
        debug_assert!(bytes <= limits::RECORD_BYTES);
        Ok(format!("{operations}, {}", bytes / 1_000))
    }
}
