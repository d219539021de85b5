//! An image for a README: whether the server conforms, in the shape that such images have.

use super::Report;
use crate::verdict::Verdict;

/// Pixels for a character, of the font and size below.
const WIDTH: usize = 7;

pub(super) fn render(report: &Report) -> String {
    let name = if report.profile == "rfc" { "SCIM 2.0".to_owned() } else { format!("SCIM: {}", report.profile) };
    let (result, colour) = match (report.count(Verdict::Fail), report.count(Verdict::Error)) {
        (0, 0) if report.count(Verdict::Pass) == 0 => ("not tested".to_owned(), "#666"),
        (0, 0) => (format!("{} passed", report.count(Verdict::Pass)), "#1f7a3d"),
        (0, errors) => (format!("{errors} could not be run"), "#7b3fa0"),
        (failures, _) => (format!("{failures} of {} failed", report.findings.len()), "#c0262d"),
    };
    let of = |text: &str| text.chars().count() * WIDTH + 12;
    let (left, right) = (of(&name), of(&result));
    let (all, first, second) = (left + right, left / 2, left + right / 2);
    // The names of profiles and the numbers have no character that XML would need escaped.
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{all}\" height=\"20\" role=\"img\" aria-label=\"{name}: {result}\">\n\
         <title>{name}: {result}</title>\n\
         <rect width=\"{all}\" height=\"20\" rx=\"3\" fill=\"#444\"/>\n\
         <path d=\"M{left} 0h{}a3 3 0 0 1 3 3v14a3 3 0 0 1 -3 3h-{}z\" fill=\"{colour}\"/>\n\
         <g fill=\"#fff\" text-anchor=\"middle\" font-family=\"Verdana,DejaVu Sans,sans-serif\" font-size=\"11\">\n\
         <text x=\"{first}\" y=\"14\">{name}</text>\n<text x=\"{second}\" y=\"14\">{result}</text>\n</g>\n</svg>\n",
        right - 3,
        right - 3
    )
}

#[cfg(test)]
mod tests {
    use super::{
        super::tests::{finding, report},
        *,
    };

    #[test]
    fn the_image_says_whether_it_conforms() {
        let good = render(&report(vec![finding("a", Verdict::Pass, "")]));
        assert!(good.contains("<title>SCIM 2.0: 1 passed</title>") && good.contains("#1f7a3d"), "{good}");
        let bad = render(&report(vec![finding("a", Verdict::Pass, ""), finding("b", Verdict::Fail, "x")]));
        assert!(bad.contains("SCIM 2.0: 1 of 2 failed"), "{bad}");
        let nothing = render(&report(vec![finding("a", Verdict::Skip, "x")]));
        assert!(nothing.contains("SCIM 2.0: not tested"), "{nothing}");
    }
}
