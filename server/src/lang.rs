//! The two languages of what people read: Chinese and English.

use gridledger_schema::set::Label;

/// A language.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Lang {
    /// 中文.
    #[default]
    Zh,
    /// English.
    En,
}

impl Lang {
    /// Reads `zh` or `en`, whatever region follows.
    pub fn parse(tag: &str) -> Option<Self> {
        let primary = tag.trim().split(['-', '_']).next().unwrap_or_default();
        match primary.to_ascii_lowercase().as_str() {
            "zh" => Some(Self::Zh),
            "en" => Some(Self::En),
            _ => None,
        }
    }

    /// The one of an `Accept-Language` header that is wanted most (RFC 9110, section 12.5.4); Chinese if it names neither.
    pub fn accepted(header: &str) -> Self {
        let mut best = (0.0, Self::default());
        for choice in header.split(',') {
            let (tag, weight) = choice.split_once(';').unwrap_or((choice, ""));
            let weight = weight.trim().strip_prefix("q=");
            let weight = weight.map_or(1.0, |q| q.trim().parse::<f32>().unwrap_or(0.0));
            if let Some(lang) = Self::parse(tag)
                && weight > best.0
            {
                best = (weight, lang);
            }
        }
        best.1
    }

    /// The label in this language.
    pub fn of(self, label: &Label) -> &str {
        self.pick(&label.zh, &label.en)
    }

    /// One of two texts.
    pub fn pick<'a>(self, zh: &'a str, en: &'a str) -> &'a str {
        match self {
            Self::Zh => zh,
            Self::En => en,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_language_wanted_most_is_taken() {
        for (header, lang) in [
            ("", Lang::Zh),
            ("fr", Lang::Zh),
            ("en-GB,en;q=0.9", Lang::En),
            ("zh-CN,en;q=0.9", Lang::Zh),
            ("fr, en;q=0.3, zh;q=0.2", Lang::En),
            ("en;q=0, zh;q=nonsense", Lang::Zh),
        ] {
            assert_eq!(Lang::accepted(header), lang, "{header}");
        }
    }
}
