//! Chinese or English: which one, and how a sentence is said in both.

use gridledger_schema::code::Code;
use gridledger_schema::set::Label;

/// The language of what is printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Lang {
    /// 中文
    Zh,
    /// English
    En,
}

/// A sentence in the language asked for: `say!(lang, "中文 {x}", "English {x}")`.
macro_rules! say {
    ($lang:expr, $zh:literal, $en:literal) => {
        match $lang {
            $crate::lang::Lang::Zh => format!($zh),
            $crate::lang::Lang::En => format!($en),
        }
    };
}

impl Lang {
    /// As the first of `LC_ALL`, `LC_MESSAGES` and `LANG` that says anything says.
    pub fn of_environment() -> Self {
        let said = ["LC_ALL", "LC_MESSAGES", "LANG"].into_iter().find_map(|name| {
            let value = std::env::var(name).ok()?;
            (!value.is_empty()).then_some(value)
        });
        match said {
            Some(locale) if locale.to_ascii_lowercase().starts_with("zh") => Self::Zh,
            _ => Self::En,
        }
    }

    /// One of two words.
    pub fn pick<'a>(self, zh: &'a str, en: &'a str) -> &'a str {
        match self {
            Self::Zh => zh,
            Self::En => en,
        }
    }

    /// A label's word.
    pub fn label(self, label: &Label) -> &str {
        self.pick(&label.zh, &label.en)
    }

    /// A code's sentence.
    pub fn code(self, code: Code) -> &'static str {
        self.pick(code.zh(), code.en())
    }

    /// What stands between the items of a list.
    pub fn comma(self) -> &'static str {
        self.pick("、", ", ")
    }
}
