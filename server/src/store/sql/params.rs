//! The values that can stand for `?1`, `?2` and so on: single values in arrays and tuples.

use super::Cell;

/// A value that can be a parameter.
pub trait ToCell {
    /// The value as it is sent.
    fn cell(&self) -> Cell;
}

macro_rules! integers {
    ($($int:ty),*) => {$(
        impl ToCell for $int {
            fn cell(&self) -> Cell {
                Cell::Int(i64::from(*self))
            }
        }
    )*};
}

integers!(i64, i32, u8, u16, u32, bool);

impl ToCell for f64 {
    fn cell(&self) -> Cell {
        Cell::Real(*self)
    }
}

impl ToCell for str {
    fn cell(&self) -> Cell {
        Cell::Text(self.to_owned())
    }
}

impl ToCell for String {
    fn cell(&self) -> Cell {
        Cell::Text(self.clone())
    }
}

impl ToCell for [u8] {
    fn cell(&self) -> Cell {
        Cell::Bytes(self.to_vec())
    }
}

impl ToCell for Vec<u8> {
    fn cell(&self) -> Cell {
        Cell::Bytes(self.clone())
    }
}

impl<const N: usize> ToCell for [u8; N] {
    fn cell(&self) -> Cell {
        Cell::Bytes(self.to_vec())
    }
}

impl<T: ToCell> ToCell for Option<T> {
    fn cell(&self) -> Cell {
        self.as_ref().map_or(Cell::Null, ToCell::cell)
    }
}

impl<T: ToCell + ?Sized> ToCell for &T {
    fn cell(&self) -> Cell {
        (*self).cell()
    }
}

impl ToCell for Cell {
    fn cell(&self) -> Cell {
        self.clone()
    }
}

/// A statement's parameters, in order.
pub trait Params {
    /// Each as it is sent.
    fn cells(&self) -> Vec<Cell>;
}

impl Params for () {
    fn cells(&self) -> Vec<Cell> {
        Vec::new()
    }
}

impl<T: ToCell, const N: usize> Params for [T; N] {
    fn cells(&self) -> Vec<Cell> {
        self.iter().map(ToCell::cell).collect()
    }
}

impl Params for Vec<Cell> {
    fn cells(&self) -> Vec<Cell> {
        self.clone()
    }
}

macro_rules! tuples {
    ($($name:ident)+) => {
        impl<$($name: ToCell),+> Params for ($($name,)+) {
            #[expect(non_snake_case, reason = "a type's name serves as its value's")]
            fn cells(&self) -> Vec<Cell> {
                let ($($name,)+) = self;
                vec![$($name.cell()),+]
            }
        }
    };
}

tuples!(A);
tuples!(A B);
tuples!(A B C);
tuples!(A B C D);
tuples!(A B C D E);
tuples!(A B C D E F);
tuples!(A B C D E F G);
tuples!(A B C D E F G H);
tuples!(A B C D E F G H I);
tuples!(A B C D E F G H I J);
tuples!(A B C D E F G H I J K);
tuples!(A B C D E F G H I J K L);

/// More parameters than a tuple takes.
#[macro_export]
macro_rules! cells {
    ($($value:expr),* $(,)?) => {
        vec![$($crate::store::sql::ToCell::cell(&$value)),*]
    };
}
