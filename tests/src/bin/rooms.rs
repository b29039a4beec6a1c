//! Counts the rooms of the crates that have some: `rooms [FOLDER]`, the workspace's root by default.

use std::path::Path;

use gridledger_tests::tidy::Tree;
use gridledger_tests::tidy::rooms::{list_arrows, survey};

fn main() -> std::io::Result<()> {
    let here = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let folder = std::env::args_os().nth(1).map_or(here, Into::into);
    let tree = Tree::read(&folder)?;
    println!("server: {:?}", survey(&tree, "server/src/", &[]));
    println!("the phone's engine: {:?}", survey(&tree, "client-sdk/src/", &["engine"]));
    for root in ["server/src", "client-sdk/src"] {
        println!("\n[{root}]");
        for (room, uses) in list_arrows(&tree, root) {
            println!("{room}: {}", uses.join(", "));
        }
    }
    Ok(())
}
