//! Numbers in sentences: one member, two members.

/// So many of a thing, in words: `of(1, "member")` is `1 member`, `of(2, "entry")` is `2 entries`.
/// `noun` is the singular of a noun that is regular in English.
pub fn of(number: usize, noun: &str) -> String {
    format!("{number} {}", noun_of(number, noun))
}

/// The noun alone, for a number that stands in a column of its own.
pub fn noun_of(number: usize, noun: &str) -> String {
    match (number, noun.strip_suffix('y')) {
        (1, _) => noun.to_owned(),
        (_, Some(stem)) => format!("{stem}ies"),
        (_, None) => format!("{noun}s"),
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn one_is_singular() {
        let told = [0, 1, 2].map(|number| super::of(number, "member"));
        assert_eq!(told, ["0 members", "1 member", "2 members"]);
        assert_eq!([super::of(1, "entry"), super::of(3, "entry")], ["1 entry", "3 entries"]);
    }
}
