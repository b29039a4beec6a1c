//! Decodes bytes into text: UTF-8, UTF-16 with a byte order mark, or GB18030, which Chinese spreadsheet programs still write.

use encoding_rs::{DecoderResult, Encoding, GB18030, UTF_8, UTF_16BE, UTF_16LE};

use super::fault::{Fault, Report, Wrong};

/// Bytes of one file.
pub const FILE_BYTES_MAX: usize = 256 * 1024 * 1024;

/// Bytes decoded between two looks at what went wrong.
const CHUNK_BYTES: usize = 64 * 1024;

/// The text of a file, without byte order mark.
///
/// Bytes that are no text in the file's encoding are faults, one a line: a file that is
/// half legible is not imported by half.
pub fn decode(bytes: &[u8]) -> Result<String, Vec<Fault>> {
    if bytes.len() > FILE_BYTES_MAX {
        return Err(vec![too_large(bytes.len()).at(0, None)]);
    }
    let (encoding, body) = match bytes {
        [0xEF, 0xBB, 0xBF, body @ ..] => (UTF_8, body),
        [0xFF, 0xFE, body @ ..] => (UTF_16LE, body),
        [0xFE, 0xFF, body @ ..] => (UTF_16BE, body),
        _ if std::str::from_utf8(bytes).is_ok() || is_damaged_utf8(bytes) => (UTF_8, bytes),
        _ => (GB18030, bytes),
    };
    strict(encoding, body)
}

/// Whether bytes that are not UTF-8 were meant to be: a few broken places among many sound characters. Read as
/// GB18030 such a file would become nonsense without a word, because nearly any two bytes are a character there.
fn is_damaged_utf8(bytes: &[u8]) -> bool {
    let (mut sound, mut broken) = (0_usize, 0_usize);
    for chunk in bytes.utf8_chunks() {
        sound += chunk.valid().chars().filter(|c| !c.is_ascii()).count();
        broken += usize::from(!chunk.invalid().is_empty());
    }
    sound > 4 * broken
}

fn strict(encoding: &'static Encoding, bytes: &[u8]) -> Result<String, Vec<Fault>> {
    let mut decoder = encoding.new_decoder_without_bom_handling();
    let mut report = Report::default();
    let mut text = String::with_capacity(bytes.len());
    let (mut at, mut line, mut counted, mut told) = (0, 1, 0, 0);
    loop {
        text.reserve(CHUNK_BYTES);
        let (result, read) = decoder.decode_to_string_without_replacement(&bytes[at..], &mut text, true);
        at += read;
        match result {
            DecoderResult::InputEmpty => break,
            DecoderResult::OutputFull => {}
            DecoderResult::Malformed(_, _) => {
                line += super::text::line_ends(&text.as_bytes()[counted..]);
                counted = text.len();
                if told < line {
                    report.fault(line, None, illegible(encoding));
                    told = line;
                }
            }
        }
    }
    report.finish(()).map(|_| text)
}

fn too_large(bytes: usize) -> Wrong {
    let (mib, max) = (bytes.div_ceil(1024 * 1024), FILE_BYTES_MAX / 1024 / 1024);
    Wrong::new(
        "file_too_large",
        format!("文件有 {mib} MiB，最多 {max} MiB，请分成几个文件"),
        format!("the file has {mib} MiB, {max} MiB at most; split it"),
    )
}

fn illegible(encoding: &'static Encoding) -> Wrong {
    let name = encoding.name();
    Wrong::new(
        "illegible",
        format!("有无法按 {name} 识别的字节，请另存为 UTF-8 的 CSV 文件"),
        format!("bytes that are no {name} text; save the file as CSV in UTF-8"),
    )
}
