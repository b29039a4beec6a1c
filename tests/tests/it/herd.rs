//! Phones that come back after an outage come one after another.

use gridledger_tests::herd::{Outage, summary};
use proptest::prelude::*;

const PHONES: usize = 3_218;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn nobody_is_left_out_and_nobody_is_overrun(seconds in 30_u64..4_000, capacity in 10_u64..400, seed: u64) {
        let outage = Outage { phones: PHONES, seconds, capacity, seed, careless: None };
        let sum = summary(&outage.play());
        // Whoever failed for as long waits in a window of about as long, up to five minutes.
        let spread = PHONES as u64 / seconds.min(300);
        prop_assert!(sum.most_came as u64 <= 3 * spread.max(capacity) + 25, "{outage:?} {sum:?}");
        prop_assert!(sum.most_waiting as u64 <= 15 * (3 * spread.max(capacity) + 25), "{outage:?} {sum:?}");
        let at_best = PHONES as u64 / capacity;
        prop_assert!(sum.all as u64 <= 330 + 3 * at_best, "{outage:?} {sum:?}");
    }
}

#[test]
fn phones_that_try_again_at_fixed_times_come_all_at_once() {
    let outage = Outage { phones: PHONES, seconds: 600, capacity: 50, seed: 1, careless: Some(30) };
    assert_eq!(summary(&outage.play()).most_came, PHONES);
}
