//! The positions that each device was given, which nodes share through the store.

use std::collections::HashMap;

use gridledger_schema::ids::{AreaNo, RecordId};

/// The highest position of each area's log that a device can hold.
pub type Bounds = HashMap<AreaNo, u64>;
/// The position of the last change in each record that a device was sent by itself.
pub type Sent = HashMap<RecordId, u64>;
