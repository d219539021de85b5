//! Bodies of POST and PUT: the rewrites of dialects are made once and for all, and a document that
//! was accepted is in the form in which it would be accepted again, unchanged.

#![no_main]

use libfuzzer_sys::fuzz_target;
use scim_protocol::{Resource, dialect::standardise_resource};

fuzz_target!(|input: &[u8]| {
    let Some(body) = fuzz::json(input) else { return };
    for (rt, resource) in fuzz::RESOURCES.iter() {
        let mut standard = body.clone();
        standardise_resource(&mut standard, rt);
        let mut twice = standard.clone();
        standardise_resource(&mut twice, rt);
        assert_eq!(twice, standard);
        let _ = resource.replace(standard.clone(), rt);
        let Ok(created) = Resource::create(standard, rt) else { continue };
        match Resource::create(created.document().clone().into(), rt) {
            Ok(again) => assert_eq!(again, created),
            Err(error) => panic!("{error}: {:?}", created.document()),
        }
    }
});
