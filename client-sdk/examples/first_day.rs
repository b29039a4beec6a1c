//! A first day with the client embedded: open, enrol, work with no signal, look, sync.
//!
//! `cargo run -p gridledger-client --example first_day -- https://ledger.example 7KQM-2F4D-9XTA`

use gridledger_client::{Client, ClientError, Intents, Lock, Options, Query};
use serde_json::{Map, json};

#[tokio::main]
async fn main() -> Result<(), ClientError> {
    // A phone's keystore gives the key; here a passphrase will do.
    let lock = Lock::passphrase("a first day only");
    let client = Client::open("first-day.db", &lock, Options::default())?;
    let mut args = std::env::args().skip(1);
    if let (Some(server), Some(code)) = (args.next(), args.next()) {
        // The code is good once; this phone's own key takes its place.
        client.enrol(&server, &code)?;
        client.sync().await?;
    }
    let areas = client.status()?.areas;
    let Some(area) = areas.first() else {
        println!("enrol first: first_day SERVER CODE");
        return Ok(());
    };
    match work(&client, &area.code) {
        // A rule is broken: told at once, with no signal, by the same code the server would give.
        Err(ClientError::Refused(refusal)) => println!("refused: {refusal}"),
        other => other?,
    }
    match client.sync().await {
        Ok(report) => println!("{} edits decided in {} bytes", report.decided, report.bytes_up),
        Err(error) if error.is_retryable() => println!("no signal; all is safe here: {error}"),
        Err(error) => return Err(error),
    }
    for edit in client.attention()? {
        println!("edit {} needs attention: {}", edit.id.n, edit.refusal);
    }
    Ok(())
}

/// None of this needs a network; each save is durable when it returns.
fn work(client: &Client, area: &str) -> Result<(), ClientError> {
    let ticket = client.create(
        "ticket",
        area,
        Intents::new()
            .put("kind", "incident")
            .put("title", "路灯不亮")
            .put("address_text", "944号4单元门前")
            .event("report", Map::new()),
    )?;
    client.edit(ticket, Intents::new().put("urgency", 3).append("comments", "已联系电工"))?;

    for record in client.list(&Query::of_type("ticket").text("路灯").limit(10))? {
        println!("{} {} {}", record.id, record.view["title"], record.view["_ticket"]["state"]);
    }
    for conflict in client.conflicts(None)? {
        // Several people wrote at once: take the first value, or ask somebody.
        let value = conflict.values.first().map_or(json!(null), |v| v["value"].clone());
        client.settle(conflict.record, &conflict.field, value)?;
    }
    Ok(())
}
