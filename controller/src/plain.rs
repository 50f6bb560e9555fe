//! What agents, servers and files say, such that a terminal shows it and does not obey it.

/// The text with every control character but the line feed written out, and those that turn the direction of writing.
pub(crate) fn plain(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for character in text.chars() {
        let turns = matches!(character, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
        if turns || (character.is_control() && character != '\n') {
            shown.extend(character.escape_default());
        } else {
            shown.push(character);
        }
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn r25_a_terminal_is_given_nothing_that_it_would_obey() {
        assert_eq!(plain("µs: \x1b[2J\u{9b}1A\r\u{202e}\x07\n"), "µs: \\u{1b}[2J\\u{9b}1A\\r\\u{202e}\\u{7}\n");
    }
}
