//! Tenants that the judge makes for its runs: nobody's customers, and gone soon. Whatever is shown or counted of all
//! tenants leaves them out.

/// What their names begin with; 32 hexadecimal digits follow.
const PREFIX: &str = "scim-conformance-";

/// The name of the tenant of a run, of random bytes: nobody else gives it.
pub fn name(random: [u8; 16]) -> String {
    format!("{PREFIX}{}", hex::encode(random))
}

/// Whether a tenant was made for a run.
pub fn is_of_a_run(name: &str) -> bool {
    let digits = name.strip_prefix(PREFIX).unwrap_or_default();
    digits.len() == 32 && digits.bytes().all(|digit| digit.is_ascii_digit() || (b'a'..=b'f').contains(&digit))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tenants_of_runs_are_told_from_others() {
        let made = name([0x5a; 16]);
        assert!(is_of_a_run(&made));
        for other in [PREFIX, "scim-conformance-test", &made[1..], &format!("{made}0"), &made.replace('a', "A")] {
            assert!(!is_of_a_run(other), "{other}");
        }
    }
}
