//! Numbers and free text as a reader sees them.

/// Three significant digits, and never less than the digits before the point.
pub(crate) fn significant(value: f64) -> String {
    if value == 0.0 || !value.is_finite() {
        return if value == 0.0 { "0".to_owned() } else { "–".to_owned() };
    }
    let decimals = (2.0 - value.abs().log10().floor()).clamp(0.0, 7.0) as usize;
    format!("{value:.decimals$}")
}

/// [`significant`] with the sign in front, also where it is plus.
pub(crate) fn signed(value: f64) -> String {
    let sign = if value > 0.0 { "+" } else { "" };
    format!("{sign}{}", significant(value))
}

/// Free text such that Markdown shows it as it is, on one line, also within a table.
pub(crate) fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    // At the start of a line these begin a list or underline a heading.
    if text.starts_with(['-', '+', '=']) {
        escaped.push('\\');
    }
    for character in text.chars() {
        match character {
            '\\' | '`' | '*' | '_' | '{' | '}' | '[' | ']' | '<' | '>' | '#' | '|' | '~' | '$' => {
                escaped.push('\\');
                escaped.push(character);
            }
            '&' => escaped.push_str("&amp;"),
            // Some turn the direction in which the rest is written.
            '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => escaped.push(' '),
            character if character.is_control() => escaped.push(' '),
            character => escaped.push(character),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_keep_three_significant_digits() {
        let shown = [0.0, 0.000_020_34, 0.0203, 0.271_49, 2.7149, 27.149, 271.49, 2714.9].map(significant);
        assert_eq!(shown, ["0", "0.0000203", "0.0203", "0.271", "2.71", "27.1", "271", "2715"]);
        assert_eq!([1.5, -1.5, 0.0].map(signed), ["+1.50", "-1.50", "0"]);
    }

    #[test]
    fn r25_free_text_cannot_break_out_of_a_table_or_become_markup() {
        assert_eq!(escape("a|b\n<b>*x*_y_`z` &lt;"), "a\\|b \\<b\\>\\*x\\*\\_y\\_\\`z\\` &amp;lt;");
        assert_eq!(escape("\\|"), "\\\\\\|");
        assert_eq!(escape("- a - b"), "\\- a - b");
    }
}
