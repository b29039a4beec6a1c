//! One-time enrolment codes: short enough to be read out, kept only as a hash.

use sha2::{Digest as _, Sha256};

use super::random;

/// Crockford's base 32: no I, L, O, U, so that a code survives being read out and typed.
const ALPHABET: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";
/// Characters of a code, 5 bits each.
const CHARS: usize = 12;
/// Days a code is good for by default.
pub const DAYS: u32 = 7;
/// Days a code may be good for at most.
pub const MOST_DAYS: u32 = 90;

/// A new code, as `XXXX-XXXX-XXXX`.
pub fn make() -> Result<String, getrandom::Error> {
    let bytes = random::<CHARS>()?;
    let digits: Vec<char> = bytes.iter().map(|b| char::from(ALPHABET[usize::from(b & 31)])).collect();
    let groups: Vec<String> = digits.chunks(4).map(|group| group.iter().collect()).collect();
    Ok(groups.join("-"))
}

/// The stored hash of a code, however it was typed; `None` if it cannot be one.
pub fn hash(typed: &str) -> Option<[u8; 32]> {
    let mut digits = String::with_capacity(CHARS);
    for c in typed.chars().take(64).filter(|c| !c.is_whitespace() && !is_dash(*c)) {
        digits.push(digit(c)?);
    }
    (digits.len() == CHARS).then(|| Sha256::digest(digits.as_bytes()).into())
}

fn is_dash(c: char) -> bool {
    matches!(c, '-' | '\u{2010}'..='\u{2015}' | '\u{2212}' | '－')
}

fn digit(c: char) -> Option<char> {
    // A Chinese keyboard may give the full-width forms.
    let c = match c {
        '\u{ff01}'..='\u{ff5e}' => char::from_u32(u32::from(c) - 0xfee0)?,
        c => c,
    };
    let c = match c.to_ascii_uppercase() {
        'O' => '0',
        'I' | 'L' => '1',
        c => c,
    };
    ALPHABET.iter().any(|&known| char::from(known) == c).then_some(c)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_grouped_and_hashes_alike_however_it_is_typed() {
        let code = make().expect("random bytes");
        assert_eq!(code.len(), 14);
        assert_eq!((code.as_bytes()[4], code.as_bytes()[9]), (b'-', b'-'));
        let wanted = hash(&code);
        assert!(wanted.is_some());
        let typed =
            [code.to_lowercase(), code.replace('-', " "), code.replace('-', "－"), format!(" {code} ")];
        for typed in typed {
            assert_eq!(hash(&typed), wanted, "{typed}");
        }
    }

    #[test]
    fn letters_that_look_like_digits_are_digits() {
        assert_eq!(hash("OIl0-1111-２ＡＢＣ"), hash("0110-1111-2abc"));
    }

    #[test]
    fn what_is_no_code_has_no_hash() {
        for typed in
            ["", "0000", "0000-0000-000", "0000-0000-00000", "0000-0000-000U", "网格网格网格网格网格网格"]
        {
            assert_eq!(hash(typed), None, "{typed}");
        }
    }
}
