//! The language of the output, Chinese or English.

use gridledger_schema::code::Code;
use gridledger_schema::set::Label;

/// The language of the output.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Lang {
    /// 中文
    Zh,
    /// English
    En,
}

/// Formats a sentence in a language: `say!(lang, "中文 {x}", "English {x}")`.
macro_rules! say {
    ($lang:expr, $zh:literal, $en:literal) => {
        match $lang {
            $crate::lang::Lang::Zh => format!($zh),
            $crate::lang::Lang::En => format!($en),
        }
    };
}

impl Lang {
    /// Reads the language of the environment: the first of `LC_ALL`, `LC_MESSAGES` and `LANG` that is not empty.
    pub fn of_environment() -> Self {
        let locale = ["LC_ALL", "LC_MESSAGES", "LANG"].into_iter().find_map(|name| {
            let value = std::env::var(name).ok()?;
            (!value.is_empty()).then_some(value)
        });
        match locale {
            Some(locale) if locale.to_ascii_lowercase().starts_with("zh") => Self::Zh,
            _ => Self::En,
        }
    }

    /// Picks one of two texts.
    pub fn pick<'a>(self, zh: &'a str, en: &'a str) -> &'a str {
        match self {
            Self::Zh => zh,
            Self::En => en,
        }
    }

    /// Picks the text of a label.
    pub fn label(self, label: &Label) -> &str {
        self.pick(&label.zh, &label.en)
    }

    /// Picks the sentence of a code.
    pub fn code(self, code: Code) -> &'static str {
        self.pick(code.zh(), code.en())
    }

    /// The separator of a list.
    pub fn comma(self) -> &'static str {
        self.pick("、", ", ")
    }
}
