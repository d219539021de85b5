//! Where a value stands in a document, and what is done there.

use scim_protocol::value::fold;
use serde_json::{Map, Value};

/// A path in a document: the URN of an extension, an attribute, a sub-attribute.
pub(super) struct Steps<'a>(Vec<&'a str>);

impl<'a> Steps<'a> {
    /// The steps of `userName`, `name.givenName`, `urn:…:User:department`.
    pub fn of(path: &'a str) -> Self {
        let (extension, names) = match path.rsplit_once(':') {
            Some((urn, names)) => (Some(urn), names),
            None => (None, path),
        };
        Self(extension.into_iter().chain(names.splitn(2, '.')).collect())
    }

    /// The value there.
    pub fn find<'d>(&self, document: &'d Map<String, Value>) -> Option<&'d Value> {
        let (last, before) = self.0.split_last()?;
        let object = before.iter().try_fold(document, |object, name| member(object, name)?.1.as_object())?;
        member(object, last).map(|(_, value)| value)
    }

    /// The value there, to be changed.
    pub fn find_mut<'d>(&self, document: &'d mut Map<String, Value>) -> Option<&'d mut Value> {
        let (last, before) = self.0.split_last()?;
        let object = before.iter().try_fold(document, |object, name| {
            let key = member(object, name)?.0.clone();
            object.get_mut(&key)?.as_object_mut()
        })?;
        let key = member(object, last)?.0.clone();
        object.get_mut(&key)
    }

    /// Takes the value out.
    pub fn take(&self, document: &mut Map<String, Value>) -> Option<Value> {
        let (last, before) = self.0.split_last()?;
        let object =
            if before.is_empty() { document } else { Steps(before.to_vec()).find_mut(document)?.as_object_mut()? };
        let key = member(object, last)?.0.clone();
        object.shift_remove(&key)
    }

    /// Sets the value, and the objects around it. Gives whether that is a change.
    pub fn set(&self, document: &mut Map<String, Value>, value: &Value) -> bool {
        let Some((last, before)) = self.0.split_last() else { return false };
        let mut object = document;
        for name in before {
            let key = member(object, name).map_or_else(|| (*name).to_owned(), |(key, _)| key.clone());
            let inner = object.entry(key).or_insert_with(|| Map::new().into());
            if !inner.is_object() {
                *inner = Map::new().into();
            }
            let Some(inner) = inner.as_object_mut() else { return false };
            object = inner;
        }
        let key = member(object, last).map_or_else(|| (*last).to_owned(), |(key, _)| key.clone());
        object.insert(key, value.clone()).as_ref() != Some(value)
    }

    /// Changes each value that is found, also the elements of a list. Gives whether one changed.
    pub fn each(&self, document: &mut Map<String, Value>, change: &mut dyn FnMut(&mut Value) -> bool) -> bool {
        if let Some(value) = self.find_mut(document) {
            return match value {
                Value::Array(elements) => elements.iter_mut().fold(false, |changed, one| change(one) | changed),
                value => change(value),
            };
        }
        // `emails.value`: a sub-attribute of each element.
        let Some((last, before)) = self.0.split_last() else { return false };
        let list = Steps(before.to_vec()).find_mut(document).and_then(Value::as_array_mut);
        let mut changed = false;
        for element in list.into_iter().flatten().filter_map(Value::as_object_mut) {
            changed |= Steps(vec![last]).find_mut(element).is_some_and(&mut *change);
        }
        changed
    }
}

/// A member of an object by its name, in any case.
fn member<'d>(object: &'d Map<String, Value>, name: &str) -> Option<(&'d String, &'d Value)> {
    object.get_key_value(name).or_else(|| object.iter().find(|(key, _)| fold(key) == fold(name)))
}
