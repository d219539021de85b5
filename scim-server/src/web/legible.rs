//! Texts that others wrote, such as names: a page shows them in signs that can be seen, and gives them the room of a name.
//!
//! Which signs can be seen is the rule of terminals ([`command_page::terminal`]). A page is held to it as a whole, when it
//! is written ([`visible`]), so that no screen and no template can forget to. Only what browsers send back or copy is
//! [`exact`].

use std::fmt::Write as _;

use command_page::terminal;

/// The most characters of a value that stands among others.
const LONGEST: usize = 200;

/// A page whose every sign can be seen.
pub fn visible(html: &str) -> String {
    terminal::lines(html)
}

/// A value in one line.
pub fn one_line(text: &str) -> String {
    terminal::printable(text)
}

/// The beginning of a value, for where others stand beside it: a cell of a table, a heading, a link, an entry of a menu, a
/// sentence.
pub fn clipped(text: &str) -> String {
    terminal::clipped(&one_line(text), LONGEST)
}

/// A sentence, which is shown as a whole, though it may quote what others have made as long as they like, such as the
/// address of a webhook: of each of its words only the beginning.
pub fn worded(text: &str) -> String {
    let clipped = |word: &str| {
        let (word, space) = word.split_at(word.trim_end().len());
        terminal::clipped(word, LONGEST) + space
    };
    text.split_inclusive(char::is_whitespace).map(clipped).collect()
}

/// Whether a value has more than stands among others.
pub fn is_long(text: &str) -> bool {
    text.chars().nth(LONGEST).is_some()
}

/// A value of a form, or one that a button copies, as HTML: all but ASCII is written as numbers, which mean the sign itself
/// and which [`visible`] passes over.
pub fn exact(text: &str) -> String {
    let is_plain = |c: char| (c.is_ascii_graphic() || matches!(c, ' ' | '\n')) && !"&<>\"'".contains(c);
    text.chars().fold(String::with_capacity(text.len()), |mut html, c| {
        if is_plain(c) {
            html.push(c);
        } else {
            // Writing to a `String` cannot fail.
            let _ = write!(html, "&#{};", u32::from(c));
        }
        html
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_among_others_is_in_one_line_and_clipped() {
        for (text, expect) in [
            ("anna", "anna".to_owned()),
            ("user\u{202e}nimda", "user\\u{202e}nimda".to_owned()),
            ("a\nb\u{200b}", "a\\u{a}b\\u{200b}".to_owned()),
            (&"x".repeat(LONGEST), "x".repeat(LONGEST)),
            (&"x".repeat(10_000), format!("{}…", "x".repeat(LONGEST - 1))),
        ] {
            assert_eq!(clipped(text), expect);
            assert_eq!(visible(&expect), expect);
        }
        assert!(is_long(&"ö".repeat(LONGEST + 1)) && !is_long(&"ö".repeat(LONGEST)));
    }

    #[test]
    fn a_sentence_is_whole_and_a_word_of_it_is_clipped() {
        let (long, cut) = ("x".repeat(LONGEST + 1), format!("{}…", "x".repeat(LONGEST - 1)));
        for (text, expect) in [
            ("", String::new()),
            (" Not  taken by it.\n", " Not  taken by it.\n".to_owned()),
            (&"ab ".repeat(LONGEST), "ab ".repeat(LONGEST)),
            (&format!("Not taken by {long}: why {long}"), format!("Not taken by {cut} why {cut}")),
        ] {
            assert_eq!(worded(text), expect);
        }
    }

    #[test]
    fn what_is_exact_is_the_same_after_the_page_is_made_visible() {
        let html = exact("<a href=\"x\">'&\u{202e}\u{200b}Zoë\u{1f600}\r\n");
        assert_eq!(html, "&#60;a href=&#34;x&#34;&#62;&#39;&#38;&#8238;&#8203;Zo&#235;&#128512;&#13;\n");
        assert_eq!(visible(&html), html);
    }
}
