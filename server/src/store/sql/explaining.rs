//! A connection that says of each statement how the engine goes about it: for the tests and the benchmark that watch plans.

use std::cell::RefCell;
use std::time::Instant;

use super::{Cell, Connection, Link, Row, Spelling, SqlError};
use crate::store::sql::wake_ups::WakeUp;

/// A statement that was run.
#[derive(Clone, Debug)]
pub struct Step {
    /// The statement.
    pub sql: String,
    /// The engine's plan, a line a node.
    pub plan: String,
    /// Pages touched, in memory or not; 0 where the engine does not say.
    pub buffers: u64,
    /// Milliseconds it took, as the engine says or as it was waited for.
    pub ms: f64,
}

/// A link over another that explains what goes through it. On Postgres a statement that writes is run by being explained, and counts
/// as one changed row.
struct Explaining<'a> {
    inner: &'a dyn Link,
    steps: RefCell<Vec<Step>>,
}

/// Runs `call` on the connection, and says what each of its statements did.
pub fn explained<T, E>(
    c: &Connection<'_>,
    call: impl FnOnce(&Connection<'_>) -> Result<T, E>,
) -> Result<(T, Vec<Step>), E> {
    let link = Explaining { inner: c.link, steps: RefCell::default() };
    let result = call(&Connection::new(&link))?;
    Ok((result, link.steps.into_inner()))
}

impl Explaining<'_> {
    fn explain(&self, sql: &str, params: &[Cell]) -> Result<(), SqlError> {
        let (explain, column) = match self.inner.spelling() {
            Spelling::Sqlite => ("EXPLAIN QUERY PLAN", 3),
            Spelling::Postgres => ("EXPLAIN (ANALYZE, BUFFERS)", 0),
        };
        let mut lines = Vec::new();
        self.inner.visit(&format!("{explain} {sql}"), params, &mut |row| {
            lines.push(row.get::<_, String>(column).unwrap_or_default());
            true
        })?;
        let (sql, buffers, ms) = (sql.to_owned(), buffers(&lines), took(&lines));
        let plan = lines.join("\n");
        self.steps.borrow_mut().push(Step { sql, plan, buffers, ms });
        Ok(())
    }

    /// The last step took as long as `run` does.
    fn timed<T>(&self, run: impl FnOnce() -> T) -> T {
        let begin = Instant::now();
        let result = run();
        if let Some(step) = self.steps.borrow_mut().last_mut() {
            step.ms = begin.elapsed().as_secs_f64() * 1000.0;
        }
        result
    }
}

/// The first count is that of the topmost node, which holds those below it.
fn buffers(plan: &[String]) -> u64 {
    let of_plan = plan.iter().take_while(|line| !line.starts_with("Planning"));
    let counts = of_plan.filter_map(|line| line.trim().strip_prefix("Buffers: shared"));
    let first = counts.into_iter().next().unwrap_or_default();
    let numbers = first
        .split_whitespace()
        .filter_map(|part| part.strip_prefix("hit=").or_else(|| part.strip_prefix("read=")));
    numbers.filter_map(|number| number.parse::<u64>().ok()).sum()
}

fn took(plan: &[String]) -> f64 {
    let line = plan.iter().find_map(|line| line.strip_prefix("Execution Time: "));
    line.and_then(|line| line.strip_suffix(" ms")?.parse().ok()).unwrap_or_default()
}

impl Link for Explaining<'_> {
    fn spelling(&self) -> Spelling {
        self.inner.spelling()
    }

    fn execute(&self, sql: &str, params: &[Cell]) -> Result<u64, SqlError> {
        self.explain(sql, params)?;
        match self.inner.spelling() {
            Spelling::Sqlite => self.timed(|| self.inner.execute(sql, params)),
            Spelling::Postgres => Ok(1),
        }
    }

    fn visit(&self, sql: &str, params: &[Cell], each: &mut dyn FnMut(Row) -> bool) -> Result<(), SqlError> {
        self.explain(sql, params)?;
        match self.inner.spelling() {
            Spelling::Sqlite => self.timed(|| self.inner.visit(sql, params, each)),
            Spelling::Postgres => self.inner.visit(sql, params, each),
        }
    }

    fn batch(&self, sql: &str) -> Result<(), SqlError> {
        self.inner.batch(sql)
    }

    fn is_alone(&self) -> bool {
        self.inner.is_alone()
    }

    fn for_update(&self) -> &'static str {
        self.inner.for_update()
    }

    fn member(&self, json: &str, path: &[&str]) -> String {
        self.inner.member(json, path)
    }

    fn numbers(&self, json: &str) -> String {
        self.inner.numbers(json)
    }

    fn overwrites(&self) {
        self.inner.overwrites();
    }

    fn note_wake_up(&self, wake_up: WakeUp) {
        self.inner.note_wake_up(wake_up);
    }
}
