//! Commands that prove the store and explain a ticket.

use gridledger_core::calendar::Zone;
use std::io;
use std::path::Path;

use gridledger_schema::set::SchemaSet;
use serde_json::json;

use super::say::{CliError, Speaker};
use crate::lang::Lang;
use crate::operate::print::Out;
use crate::operate::{explain, verify};
use crate::service::Service;

fn lang(speaker: Speaker) -> Lang {
    if speaker.is_chinese() { Lang::Zh } else { Lang::En }
}

/// Turns a result that was printed before into the command's own success or failure.
fn finish(code: io::Result<u8>, zh: &str, en: &str) -> Result<(), CliError> {
    match code.map_err(CliError::Serve)? {
        0 => Ok(()),
        _ => Err(CliError::named(zh, en)),
    }
}

/// Runs `admin verify`.
pub fn verify(service: &Service, speaker: Speaker) -> Result<(), CliError> {
    let code = verify::cli_verify(service, speaker.is_json(), lang(speaker), &mut Out);
    finish(code, "存储中有差异", "the store is not as it should be")
}

/// Runs `admin repair digests`.
pub fn repair_digests(service: &Service, speaker: Speaker) -> Result<(), CliError> {
    let (mut areas, mut documents) = (0, 0);
    for area in service.store.areas()? {
        let repaired = service.store.repair_digests(area.no)?;
        areas += u64::from(repaired.digests > 0);
        documents += repaired.terms;
    }
    let (zh, en) = (
        format!("已重算区域摘要：更正 {areas} 个区域、{documents} 份文档"),
        format!("digests made again: {areas} areas and {documents} documents were put right"),
    );
    let told = json!({ "areas": areas, "documents": documents });
    speaker.done(&told, &zh, &en);
    Ok(())
}

/// `admin explain ticket ID`
pub fn explain(service: &Service, record: &[String], speaker: Speaker) -> Result<(), CliError> {
    let [kind, id] = record else {
        return Err(CliError::named(
            "请依次给出 ticket 和事件编号",
            "give the word `ticket` and a ticket's id",
        ));
    };
    if kind != "ticket" {
        let (zh, en) = (format!("不能解释“{kind}”"), format!("cannot explain a `{kind}`"));
        return Err(CliError::named(zh, en));
    }
    let code = explain::cli_explain_ticket(service, id, lang(speaker), &mut Out);
    finish(code, "无法解释", "there is nothing to explain")
}

/// `admin explain --events FILE`
pub fn explain_events(
    schema: &SchemaSet,
    zone: &Zone,
    file: &Path,
    speaker: Speaker,
) -> Result<(), CliError> {
    let text =
        std::fs::read_to_string(file).map_err(|error| CliError::File { path: file.to_owned(), error })?;
    let code = explain::cli_explain_events((schema, zone), &text, lang(speaker), &mut Out);
    finish(code, "无法解释", "there is nothing to explain")
}
