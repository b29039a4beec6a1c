//! gridledger-field: the field command line.

#[path = "gridledger-field/exec.rs"]
mod exec;

fn main() -> std::process::ExitCode {
    let args: Vec<String> = std::env::args().collect();
    let dir = args.iter().position(|a| a == "--schema").and_then(|i| args.get(i + 1));
    let schema = dir.map(|d| std::sync::Arc::new(gridledger_schema::set::SchemaSet::load_dir(d.as_ref()).expect("schema")));
    exec::run(schema)
}
