//! Histories that end while people work: somebody has a field or a record erased, a record begins anew.

use gridledger_client::RecordId;
use gridledger_schema::set::Merge;
use gridledger_server::epochs::{Reason, Wanted, begin, erase};

use super::{Simulation, text};

impl Simulation<'_> {
    /// Something ends a record's history.
    pub(super) fn end_history(&mut self) -> Result<(), String> {
        self.put_right();
        let Some(record) = self.some_record()? else {
            return Ok(());
        };
        match self.rng.below(10) {
            0 => self.erase(record, Vec::new()),
            1..=4 => {
                let fields = self.some_field(record)?.into_iter().collect();
                self.erase(record, fields)
            }
            _ => self.begin_anew(record),
        }
    }

    /// A record begins a new generation: it travels whole from then on.
    pub(super) fn begin_anew(&mut self, record: RecordId) -> Result<(), String> {
        let seq = begin(&self.world.service, record).map_err(text)?;
        self.note(format!("{record} begins anew at {seq}"));
        self.tally.epochs += 1;
        Ok(())
    }

    fn some_record(&mut self) -> Result<Option<RecordId>, String> {
        let service = &self.world.service;
        let mut records = Vec::new();
        for area in service.tree().iter() {
            let rows = service.store.records_of(area.no).map_err(text)?;
            records.extend(rows.into_iter().filter(|row| !row.erased).map(|row| row.record));
        }
        Ok((!records.is_empty()).then(|| *self.rng.pick(&records)))
    }

    fn some_field(&mut self, record: RecordId) -> Result<Option<String>, String> {
        let service = &self.world.service;
        let found = service.store.record(record).map_err(text)?;
        let record_type = found.and_then(|(row, _)| service.schema.record_type(&row.record_type).cloned());
        let fields: Vec<String> = record_type
            .iter()
            .flat_map(|record_type| record_type.fields.values())
            .filter(|field| field.merge != Merge::Events)
            .map(|field| field.name.clone())
            .collect();
        Ok((!fields.is_empty()).then(|| self.rng.pick(&fields).clone()))
    }

    /// Without a field the whole record goes.
    fn erase(&mut self, record: RecordId, fields: Vec<String>) -> Result<(), String> {
        self.note(format!("of {record} is erased: {fields:?}"));
        let wanted = Wanted {
            record,
            fields,
            reason: Reason::Request,
            by: "p1".into(),
            asked_at: self.world.service.now(),
        };
        erase(&self.world.service, &wanted).map_err(text)?;
        self.tally.erased += 1;
        Ok(())
    }
}
