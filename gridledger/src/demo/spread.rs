//! Least, middle and most: of numbers, and of what phones needed.

use serde::Serialize;

use super::phone::Traffic;

/// Least, middle and most of some numbers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Spread {
    /// The least.
    pub min: u64,
    /// The middle one.
    pub median: u64,
    /// The most.
    pub max: u64,
}

impl Spread {
    /// The spread of numbers in any order; zeros if there are none.
    pub fn of(numbers: impl IntoIterator<Item = u64>) -> Self {
        let mut all: Vec<u64> = numbers.into_iter().collect();
        all.sort_unstable();
        let at = |at: usize| all.get(at).copied().unwrap_or(0);
        Self { min: at(0), median: at(all.len() / 2), max: at(all.len().saturating_sub(1)) }
    }
}

/// The traffic that phones needed.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub struct Needed {
    /// Bytes of a phone, both ways, HTTP heads and broken attempts included.
    pub bytes: Spread,
    /// … of those, sent.
    pub bytes_up: Spread,
    /// Requests of a phone, broken ones included.
    pub requests: Spread,
}

impl Needed {
    /// The traffic that these phones needed.
    pub fn of(traffic: &[Traffic]) -> Self {
        Self {
            bytes: Spread::of(traffic.iter().map(|t| t.up + t.down)),
            bytes_up: Spread::of(traffic.iter().map(|t| t.up)),
            requests: Spread::of(traffic.iter().map(|t| t.requests)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_spread_names_the_least_the_middle_and_the_most() {
        let spread = |min, median, max| Spread { min, median, max };
        assert_eq!(Spread::of([3, 1, 2]), spread(1, 2, 3));
        assert_eq!(Spread::of([7]), spread(7, 7, 7));
        assert_eq!(Spread::of([]), spread(0, 0, 0));
    }
}
