//! Deviations that are accepted without a rewrite: how paths, filters, queries and values are read.

use super::Strict::{self, Refused, Taken};

/// A way of reading requests that the RFCs do not ask for.
#[derive(Debug, Clone, Copy)]
pub struct Courtesy {
    /// A short name, for documentation and comments.
    pub name: &'static str,
    /// What is taken, and for what.
    pub taken: &'static str,
    /// Why the server does it, in one sentence.
    pub because: &'static str,
    /// What happens to it if requests are read strictly.
    pub in_strict: Strict,
}

/// Every courtesy, in the order of the reference page.
pub fn courtesies() -> &'static [Courtesy] {
    COURTESIES
}

const COURTESIES: &[Courtesy] = &[
    Courtesy {
        name: "remove-of-what-is-not-there",
        taken: "A `remove` whose filter selects nothing (`phoneNumbers[type eq \"mobile\"].value`) changes nothing, and the operations beside it are done.",
        because: "RFC 7644 §3.5.2.2 says so of members, and a person who left must not stay active because a number was gone before.",
        in_strict: Refused,
    },
    Courtesy {
        name: "replace-of-an-element-that-is-not-there",
        taken: "A `replace` of a sub-attribute of an element that the filter does not find creates the element, when the filter says nothing but `eq` and `and` and names no `value`. A `replace` of a whole element is `noTarget`, as RFC 7644 §3.5.2.3 wants it.",
        because: "Entra ID sends `emails[type eq \"work\"].value` for the first address of a person, too.",
        in_strict: Refused,
    },
    Courtesy {
        name: "extension-attributes-without-their-urn",
        taken: "In paths, filters, `sortBy` and `attributes`: the name of an attribute that one extension alone defines (`manager`) means that one.",
        because: "Entra ID and many an administrator write `manager` and `department` so; RFC 7644 §3.10 wants the URN.",
        in_strict: Refused,
    },
    Courtesy {
        name: "values-in-quotes-in-filters",
        taken: "In filters: booleans and numbers in quotes (`active eq \"True\"`, `level eq \"3\"`), and a number without quotes for a text (`employeeNumber eq 701984`).",
        because: "Entra ID writes all values in quotes; in bodies the same is taken.",
        in_strict: Refused,
    },
    Courtesy {
        name: "unknown-attributes",
        taken: "Attributes that no schema defines are dropped, unless something would be lost or left undone by it: an element of a list of which nothing is left, a value that is wrapped in its own name, and what a PUT would unassign or a PATCH has a path for are refused.",
        because: "One attribute too many in a provider's mapping must not stop the provisioning of a whole organisation.",
        in_strict: Refused,
    },
    Courtesy {
        name: "unknown-schemas",
        taken: "`schemas` of a resource may name URNs that are old or unknown: it is computed from the content.",
        because: "Providers keep URNs of schemas that a server does not have.",
        in_strict: Refused,
    },
    Courtesy {
        name: "schemas-left-out",
        taken: "`schemas` of a resource may be left out.",
        because: "The endpoint says which resource it is.",
        in_strict: Taken,
    },
    Courtesy {
        name: "names-in-any-case",
        taken: "Attributes, sub-attributes, URNs, parameters of the URL, members of messages.",
        because: "RFC 7643 §2.1 says so of attributes, and clients take it to hold for all.",
        in_strict: Taken,
    },
    Courtesy {
        name: "read-only-attributes",
        taken: "`readOnly` attributes in bodies (`id`, `meta`, `groups`) are ignored.",
        because: "RFC 7644 §3.3 and §3.5.1 say so, and Okta sends the `id` in each PATCH.",
        in_strict: Taken,
    },
    Courtesy {
        name: "unknown-parameters",
        taken: "Unknown parameters of the URL, such as Entra ID's `aadOptscim062020`, are ignored; so is an `&` or `?` at the end.",
        because: "Providers append flags of their own.",
        in_strict: Taken,
    },
    Courtesy {
        name: "plain-json",
        taken: "`application/json` is as good as `application/scim+json`; the answer has the type that `Accept` asks for.",
        because: "RFC 7644 §3.1 and §8.1 leave room for it.",
        in_strict: Taken,
    },
    Courtesy {
        name: "words-without-quotes-in-filters",
        taken: "In filters: a word without quotes is a string (`meta.resourceType eq User`), unless a quotation mark is in it: `'x'`, `` `x` ``, `“x”` and their like are refused with their place, for they are no part of the value and were meant as quotes.",
        because: "RFC 7644 §3.4.2.1 prints such a word itself.",
        in_strict: Taken,
    },
    Courtesy {
        name: "comparison-behind-brackets",
        taken: "In filters: `emails[type eq \"work\"].value eq \"a@b\"` means that one element satisfies both.",
        because: "Entra ID looks people up so.",
        in_strict: Taken,
    },
    Courtesy {
        name: "value-paths-in-attributes",
        taken: "`attributes` may name a value path (`emails[type eq \"work\"].value`), which stands for the whole attribute, and the URN of the core schema, which stands for all of its attributes.",
        because: "Microsoft's collection for Postman sends value paths, and more is better than nothing.",
        in_strict: Taken,
    },
    Courtesy {
        name: "numbers-as-text-in-messages",
        taken: "`startIndex` and `count` in the body of a `/.search` may be numbers in quotes.",
        because: "In a URL they are text, and clients build both from one map.",
        in_strict: Taken,
    },
    Courtesy {
        name: "no-error-accepted",
        taken: "`failOnErrors: 0` of a bulk request ends it at the first error, as 1 does.",
        because: "RFC 7644 §3.7 counts the errors that are accepted; before the first there is nothing to end.",
        in_strict: Taken,
    },
    Courtesy {
        name: "add-of-an-element-that-is-not-there",
        taken: "An `add` whose filter finds no element creates the one that its `eq` terms describe.",
        because: "RFC 7644 §3.5.2.1 adds what does not exist.",
        in_strict: Taken,
    },
    Courtesy {
        name: "remove-of-listed-values",
        taken: "`remove` of a list with a `value`: the elements that a list names go, and those that are not there are no error; an empty list names none. Where there is no list (no `value`, `null`, `\"\"`), all go, as RFC 7644 §3.5.2.2 says.",
        because: "Entra ID and JumpCloud name the members who leave so, and a list that came out empty must not empty a group.",
        in_strict: Taken,
    },
    Courtesy {
        name: "references-that-are-no-uris",
        taken: "References that are no URIs (`profileUrl`) and locales that are none are kept as they are.",
        because: "Providers put user names and keys there.",
        in_strict: Taken,
    },
];
