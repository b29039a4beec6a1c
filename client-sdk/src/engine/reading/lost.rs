//! Losses of a server that was restored or set back, with the values that this phone had shown. A loss stays on the list until
//! the content comes back, or the user saves it again as an edit of their own, or dismisses it.

use gridledger_core::mask;
use serde_json::{Map, Value};

use crate::engine::phone::engine::Engine;
use crate::engine::phone::lost::LostRecord;
use crate::engine::records::shadows::LOST_HERE;
use crate::error::ClientError;
use crate::model::{Lost, LostValue};

impl Engine {
    /// Lists records of which a restored server did not give everything back, with the values they had shown, masked as in
    /// lists. Nothing while residents' values are withheld.
    ///
    /// # Errors
    ///
    /// The store's.
    pub fn lost(&self) -> Result<Vec<Lost>, ClientError> {
        self.check_lease()?;
        let lost = self.list_lost(None, &LOST_HERE)?.into_iter();
        lost.map(|lost| Ok(self.mask_lost(self.describe_lost(&lost)?))).collect()
    }

    fn mask_lost(&self, mut lost: Lost) -> Lost {
        let Some(known) = self.schema.record_type(&lost.record_type) else {
            lost.values.clear();
            return lost;
        };
        for value in &mut lost.values {
            for shown in [&mut value.was, &mut value.now] {
                let whole = Map::from_iter([(value.field.clone(), shown.take())]);
                *shown = mask::view(known, &whole).remove(&value.field).unwrap_or_default();
            }
        }
        lost
    }

    /// Describes a loss, with whole values.
    pub(crate) fn describe_lost(&self, lost: &LostRecord) -> Result<Lost, ClientError> {
        let record = lost.row.record;
        let here = self.get_whole(record)?;
        let now = here.as_ref().and_then(|here| here.view.as_object()).cloned();
        let was = lost.was.to_json();
        let area = self.tree.get(lost.row.area).map(|info| info.code.clone());
        let changes = lost.changes;
        Ok(Lost {
            record,
            record_type: lost.row.record_type.clone(),
            area: area.unwrap_or_default(),
            here: here.is_some(),
            changes,
            values: list_differing(&was, &now.unwrap_or_default()),
            zh: format!(
                "服务器恢复或退回到较早状态后，这条档案缺少他人填写的 {changes} 笔内容；下面是本机原来看到的值，可以用自己的名义重新填写，也可以放弃。"
            ),
            en: format!(
                "After the server was restored or set back, {changes} changes by others are missing in this record. Below is what this \
                 phone had shown: save it again under your own name, or let it go."
            ),
        })
    }
}

/// Lists the fields that had shown another value than they show now.
fn list_differing(was: &Value, now: &Map<String, Value>) -> Vec<LostValue> {
    let fields = was.as_object().into_iter().flatten();
    fields
        .filter(|(field, was)| !field.starts_with('_') && now.get(*field) != Some(was))
        .map(|(field, was)| LostValue {
            field: field.clone(),
            was: was.clone(),
            now: now.get(field).cloned().unwrap_or(Value::Null),
        })
        .collect()
}
