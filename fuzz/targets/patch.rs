//! PATCH bodies: the rewrites of dialects are made once and for all, and what comes out of a patch
//! is a document that would be accepted as it is.

#![no_main]

use libfuzzer_sys::fuzz_target;
use scim_protocol::{Resource, dialect::standardise_patch, patch};

fuzz_target!(|input: &[u8]| {
    let Some(body) = fuzz::json(input) else { return };
    for (rt, resource) in fuzz::RESOURCES.iter() {
        let mut standard = body.clone();
        standardise_patch(&mut standard, rt);
        let mut twice = standard.clone();
        standardise_patch(&mut twice, rt);
        assert_eq!(twice, standard);
        let Ok(operations) = patch::parse(standard) else { continue };
        let Ok(patched) = patch::apply(resource, &operations, rt) else { continue };
        match Resource::create(patched.document().clone().into(), rt) {
            Ok(created) => assert_eq!(created, patched),
            Err(error) => panic!("{error}: {:?}", patched.document()),
        }
    }
});
