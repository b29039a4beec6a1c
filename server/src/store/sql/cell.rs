//! Values as every engine stores them: integers of 64 bits, texts, bytes, nothing.

use gridledger_schema::suite::Suite;

/// A value of a row or a parameter.
#[derive(Clone, Debug, PartialEq)]
pub enum Cell {
    /// SQL NULL.
    Null,
    /// An integer.
    Int(i64),
    /// A number with a fraction.
    Real(f64),
    /// A text.
    Text(String),
    /// Bytes.
    Bytes(Vec<u8>),
}

/// A type that a cell can be read as.
pub trait FromCell: Sized {
    /// The expected kind, for the error.
    const KIND: &'static str;
    /// The value; `None` when the cell holds another kind, or one out of range.
    fn from_cell(cell: &Cell) -> Option<Self>;
}

macro_rules! integers {
    ($($int:ty),*) => {$(
        impl FromCell for $int {
            const KIND: &'static str = "an integer in range";
            fn from_cell(cell: &Cell) -> Option<Self> {
                match cell {
                    Cell::Int(value) => Self::try_from(*value).ok(),
                    _ => None,
                }
            }
        }
    )*};
}

integers!(i64, i32, u8, u16, u32);

impl FromCell for Suite {
    const KIND: &'static str = "the number of a suite that this version runs";
    fn from_cell(cell: &Cell) -> Option<Self> {
        match cell {
            Cell::Int(value) => Self::of_number(u64::try_from(*value).ok()?),
            _ => None,
        }
    }
}

impl FromCell for bool {
    const KIND: &'static str = "0 or 1";
    fn from_cell(cell: &Cell) -> Option<Self> {
        match cell {
            Cell::Int(value) => Some(*value != 0),
            _ => None,
        }
    }
}

impl FromCell for f64 {
    const KIND: &'static str = "a number";
    fn from_cell(cell: &Cell) -> Option<Self> {
        match cell {
            Cell::Real(value) => Some(*value),
            Cell::Int(value) => Some(*value as Self),
            _ => None,
        }
    }
}

impl FromCell for String {
    const KIND: &'static str = "a text";
    fn from_cell(cell: &Cell) -> Option<Self> {
        match cell {
            Cell::Text(value) => Some(value.clone()),
            _ => None,
        }
    }
}

impl FromCell for Vec<u8> {
    const KIND: &'static str = "bytes";
    fn from_cell(cell: &Cell) -> Option<Self> {
        match cell {
            Cell::Bytes(value) => Some(value.clone()),
            _ => None,
        }
    }
}

impl<const N: usize> FromCell for [u8; N] {
    const KIND: &'static str = "bytes of that length";
    fn from_cell(cell: &Cell) -> Option<Self> {
        match cell {
            Cell::Bytes(value) => value.as_slice().try_into().ok(),
            _ => None,
        }
    }
}

impl<T: FromCell> FromCell for Option<T> {
    const KIND: &'static str = T::KIND;
    fn from_cell(cell: &Cell) -> Option<Self> {
        match cell {
            Cell::Null => Some(None),
            cell => T::from_cell(cell).map(Some),
        }
    }
}
