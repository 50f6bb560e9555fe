//! Sentences of the summary, which are Markdown, as HTML.

/// `**strong**` and what [`escape`](super::super::number::escape) writes; every other character is itself.
pub(super) fn html(markdown: &str) -> String {
    let mut html = String::with_capacity(markdown.len());
    let mut strong = false;
    let mut rest = markdown.chars().peekable();
    let mut text = String::new();
    while let Some(character) = rest.next() {
        match character {
            '\\' => text.extend(rest.next()),
            '*' if rest.peek() == Some(&'*') => {
                rest.next();
                push_text(&mut html, &mut text);
                html.push_str(if strong { "</strong>" } else { "<strong>" });
                strong = !strong;
            }
            _ => text.push(character),
        }
    }
    push_text(&mut html, &mut text);
    if strong {
        html.push_str("</strong>");
    }
    html
}

fn push_text(html: &mut String, text: &mut String) {
    for character in std::mem::take(text).replace("&amp;", "&").chars() {
        match character {
            '&' => html.push_str("&amp;"),
            '<' => html.push_str("&lt;"),
            '>' => html.push_str("&gt;"),
            _ => html.push(character),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::super::number::escape;
    use super::*;

    #[test]
    fn what_is_strong_in_one_is_strong_in_the_other_and_nothing_else_is_markup() {
        assert_eq!(html("**a** on b: <i>1 & 2"), "<strong>a</strong> on b: &lt;i&gt;1 &amp; 2");
        assert_eq!(html("**open"), "<strong>open</strong>");
        assert_eq!(html("a\\"), "a");
    }

    proptest! {
        #[test]
        fn what_was_escaped_is_shown_as_it_was(text in "[ -~]*") {
            let shown = html(&escape(&text));
            prop_assert!(!shown.contains(['<', '>']));
            prop_assert_eq!(shown.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&"), text);
        }
    }
}
