//! A phone whose lease has ended works on, and is killed around the next one: what it saved in the dark is there.

use crate::kills::{Place, each, nothing_is_lost};

/// A lease ends, work goes on in the dark, and the phone dies somewhere around the next lease.
fn survives(point: &str) {
    let place = Place::new();
    let node = place.node(None);
    let (mut heard, _) = place.phone(&node, None, &["sync", "a", "sync"]);
    let (more, killed) = place.phone_ahead(8, &node, Some(point), &["b", "c", "sync", "d", "sync"]);
    assert!(killed && !node.end(), "{point}: it was not reached");
    heard.extend(more);
    nothing_is_lost(&place, heard, point);
}

#[test]
fn a_phone_killed_around_a_lease_keeps_what_it_saved_in_the_dark() {
    each(
        &[
            ("phone.before_dark", 1),
            ("phone.after_dark", 1),
            ("phone.before_save", 2),
            ("phone.after_save", 2),
            ("phone.before_lease", 1),
            ("phone.after_lease", 1),
            ("phone.before_fresh", 1),
            ("phone.after_fresh", 1),
            ("phone.before_receipt", 1),
            ("phone.before_frame_commit", 1),
        ],
        survives,
    );
}
