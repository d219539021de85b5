//! How long what is made lasts, and what it replaces: what a form offers, and what is read of the form that was sent.

use crate::web::{Field, Kind, Parameters};

const DAY: u64 = 86_400;

/// Times of which a visitor chooses one. All of them are within what commands of administrators allow.
pub(super) struct Lasting {
    /// The name of the field.
    name: &'static str,
    label: &'static str,
    hint: &'static str,
    /// As a form sends it, in seconds, and as it is shown; the first is the usual one.
    choices: [(&'static str, u64, &'static str); 3],
}

/// How long a token or a client's secret lives.
pub(super) const LIFETIME: Lasting = Lasting {
    name: "days",
    label: "It ends after",
    hint: "Before that it is replaced, so that nothing stops.",
    choices: [("365", 365 * DAY, "a year"), ("180", 180 * DAY, "180 days"), ("90", 90 * DAY, "90 days")],
};

/// How long the old of two goes on.
pub(super) const OVERLAP: Lasting = Lasting {
    name: "overlap",
    label: "The old one goes on for",
    hint: "Time enough to paste the new one.",
    choices: [("86400", DAY, "a day"), ("3600", 3600, "an hour"), ("604800", 7 * DAY, "a week")],
};

impl Lasting {
    /// The field that offers them.
    pub(super) fn field(&self) -> Field {
        let offered = self.choices.map(|(sent, _, shown)| (sent.to_owned(), shown.to_owned()));
        Field::of(Kind::Choice(offered.to_vec()), self.name, self.label).hint(self.hint)
    }

    /// The seconds that a form says; else, what it may say.
    pub(super) fn read(&self, form: &Parameters) -> Result<u64, String> {
        let given = form.text(self.name);
        let found = self.choices.iter().find(|(sent, ..)| *sent == given).map(|(_, seconds, _)| *seconds);
        found.ok_or_else(|| {
            let [first, second, third] = self.choices.map(|(_, _, shown)| shown);
            format!("“{}” can be {first}, {second} or {third}. Nothing was made: go back and choose one.", self.label)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{admin::lifetime, token::ledger};

    #[test]
    fn what_is_offered_is_allowed() {
        let usual = LIFETIME.read(&Parameters::parse("days=365"));
        assert_eq!(usual, Ok(ledger::LIFETIME.as_secs()));
        for (_, seconds, _) in LIFETIME.choices {
            let lifetime = std::time::Duration::from_secs(seconds);
            assert!(lifetime::OF_TOKENS.contains(&lifetime) && lifetime::OF_SECRETS.contains(&lifetime), "{seconds}");
        }
        for wrong in ["", "overlap=0", "overlap=-1", "overlap=1", "overlap=604801", "overlap=1h"] {
            let why = OVERLAP.read(&Parameters::parse(wrong)).unwrap_err();
            assert!(why.contains("a day, an hour or a week"), "{wrong}: {why}");
        }
    }
}
