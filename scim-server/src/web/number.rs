//! Numbers as people read them.

/// A number with its thousands apart: `1,000,000`.
pub fn thousands(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            // No narrow space: one in a name is written out, as everything that looks like another sign.
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A number that was measured, with no more places than say something: `0.42`, `9.7`, `1,234`.
pub fn measured(number: f64) -> String {
    let places = match number {
        number if number.fract() == 0.0 || number >= 100.0 => 0,
        number if number >= 10.0 => 1,
        _ => 2,
    };
    let text = format!("{number:.places$}");
    match text.parse() {
        Ok(whole) => thousands(whole),
        Err(_) => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_in_threes() {
        for (number, text) in [(0, "0"), (999, "999"), (1000, "1,000"), (1_234_567, "1,234,567")] {
            assert_eq!(thousands(number), text);
        }
    }

    #[test]
    fn what_was_measured_has_few_places() {
        for (number, text) in [(0.0, "0"), (0.4249, "0.42"), (12.34, "12.3"), (250.6, "251"), (1234.5, "1,234")] {
            assert_eq!(measured(number), text);
        }
    }
}
