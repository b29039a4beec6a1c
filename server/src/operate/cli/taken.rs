//! The parts that imports of staff and registers share: places, words, printed faults, rows set aside.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use gridledger_core::rights::AreaTree;

use super::args::ImportArgs;
use super::say::{CliError, Speaker};
use crate::office::import::{Fault, Places, Taken, Words, aside};

/// The account that imports a register when the command names nobody: a data steward of the whole territory.
/// Nobody can sign in as it.
pub(crate) const OFFICE: &str = "office";
/// Files of set-aside rows that may lie beside one spreadsheet.
const ASIDE_FILES: u32 = 999;

/// Collects the areas by code and by name; a grid also by its community's name followed by its own.
pub(crate) fn places<'a>(tree: &AreaTree, known: &'a dyn Fn(&str) -> bool) -> Places<'a> {
    let mut places = Places::of_codes(known);
    for area in tree.iter() {
        places.name(&area.name, &area.code);
        let mut name = area.name.clone();
        let mut above = area.parent.and_then(|parent| tree.get(parent));
        while let Some(one) = above {
            name = format!("{}{name}", one.name);
            places.name(&name, &area.code);
            above = one.parent.and_then(|parent| tree.get(parent));
        }
    }
    places
}

/// Loads the words that offices use, with those of the deployment.
pub(crate) fn words(args: &ImportArgs) -> Result<Arc<Words>, CliError> {
    let Some(path) = &args.words else {
        return Ok(Words::builtin());
    };
    let text = std::fs::read_to_string(path).map_err(|error| CliError::File { path: path.clone(), error })?;
    let words = Words::clone(&Words::builtin()).and(&text);
    words.map(Arc::new).map_err(|error| {
        let path = path.display();
        CliError::named(
            format!("词表 {path} 无法读取：{error}"),
            format!("the table of words {path} cannot be read: {error}"),
        )
    })
}

/// Prints the faults of a file to the standard error and gives the rows that can be imported.
pub(crate) fn print_faults<T>(
    taken: Result<Taken<T>, Vec<Fault>>,
    speaker: Speaker,
) -> Result<Taken<T>, CliError> {
    let taken = taken.map_err(CliError::Faults)?;
    for note in taken.warnings.iter().chain(&taken.faults) {
        crate::note_line!("{}", speaker.describe_fault(note));
    }
    Ok(taken)
}

/// Ends an import: rows that were set aside are written to a file, and the command fails with where they are.
pub(crate) fn set_aside<T>(taken: &Taken<T>, args: &ImportArgs, speaker: Speaker) -> Result<(), CliError> {
    let Some(aside) = &taken.aside else {
        return Ok(());
    };
    let rows = aside.rows.len();
    if args.dry_run {
        return Err(CliError::named(
            format!("有 {rows} 行不能导入，原因见上；正式导入时写入单独的文件，其余照常导入"),
            format!(
                "{rows} rows cannot be imported, see above; an import writes them to a separate file and imports the others"
            ),
        ));
    }
    let bytes = aside::write(aside, &taken.faults, speaker.is_chinese());
    let bytes = bytes.map_err(|error| CliError::named(error.to_string(), error.to_string()))?;
    let path = args.aside.clone().unwrap_or_else(|| beside(&args.file));
    let written = std::fs::File::create_new(&path).and_then(|mut file| file.write_all(&bytes));
    written.map_err(|error| CliError::File { path: path.clone(), error })?;
    let path = path.display();
    Err(CliError::named(
        format!("有 {rows} 行未导入，已连同原因写入 {path}；更正后导入该文件即可。其余已导入"),
        format!(
            "{rows} rows were not imported; {path} holds them with the reasons: correct and import that file. The other rows were imported"
        ),
    ))
}

/// Finds a name beside the spreadsheet that no file has yet.
fn beside(file: &Path) -> PathBuf {
    let name = |n: u32| {
        let stem = file.file_stem().unwrap_or_default().to_string_lossy();
        let number = if n == 1 { String::new() } else { format!("-{n}") };
        file.with_file_name(format!("{stem}.set-aside{number}.csv"))
    };
    (1..=ASIDE_FILES).map(name).find(|path| !path.exists()).unwrap_or_else(|| name(1))
}
