//! `${name}` in what is sent and expected: what earlier answers gave, and what differs in each run.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

#[cfg(test)]
use super::Turn;
use crate::{
    context::{Context, LIST, PATCH_OP},
    discovery::{ENTERPRISE, GROUP, USER},
    exchange::ERROR,
};

/// What is known before the first step, as [`Variables::new`] makes it.
#[cfg(test)]
pub(super) const PRESET: [&str; 11] =
    ["mark", "MARK", "guid", "base", "n", "U", "G", "ENT", "PATCHOP", "LIST", "ERROR"];

#[derive(Debug, Clone)]
pub(super) struct Variables(BTreeMap<String, Value>);

impl Variables {
    pub(super) fn new(scim: &Context) -> Self {
        let mark = scim.fresh_name();
        let digits = u128::from(rand::random::<u64>()) << 64 | u128::from(rand::random::<u64>());
        let hex = format!("{digits:032x}");
        let part = |from: usize, to: usize| hex.get(from..to).unwrap_or_default();
        let guid = format!("{}-{}-4{}-a{}-{}", part(0, 8), part(8, 12), part(13, 16), part(17, 20), part(20, 32));
        let preset = [
            ("MARK", mark.to_uppercase()),
            ("mark", mark),
            ("guid", guid),
            ("base", scim.base().to_owned()),
            ("n", "1".to_owned()),
            ("U", USER.to_owned()),
            ("G", GROUP.to_owned()),
            ("ENT", ENTERPRISE.to_owned()),
            ("PATCHOP", PATCH_OP.to_owned()),
            ("LIST", LIST.to_owned()),
            ("ERROR", ERROR.to_owned()),
        ];
        Self(preset.into_iter().map(|(name, value)| (name.to_owned(), value.into())).collect())
    }

    pub(super) fn set(&mut self, name: &str, value: &Value) {
        self.0.insert(name.to_owned(), value.clone());
    }

    /// The text with its variables filled in, the innermost first, or the first that has no value.
    pub(super) fn fill(&self, text: &str) -> Result<String, String> {
        let mut text = text.to_owned();
        while let Some((before, after)) = text.rsplit_once("${") {
            let Some((name, after)) = after.split_once('}') else { break };
            let value = self.value(name)?;
            let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            text = [before, &value, after].concat();
        }
        Ok(text)
    }

    /// A document with the variables in its names and texts filled in. A text that is one variable becomes
    /// that variable's value, of whatever type: what was read can be sent again.
    pub(super) fn fill_all(&self, document: &Value) -> Result<Value, String> {
        Ok(match document {
            Value::String(text) => match text.strip_prefix("${").and_then(|rest| rest.strip_suffix('}')) {
                Some(name) if !name.contains('$') => self.value(name)?.clone(),
                _ => Value::String(self.fill(text)?),
            },
            Value::Array(elements) => elements.iter().map(|one| self.fill_all(one)).collect::<Result<_, _>>()?,
            Value::Object(members) => {
                let filled = members.iter().map(|(name, value)| Ok((self.fill(name)?, self.fill_all(value)?)));
                Value::Object(filled.collect::<Result<Map<_, _>, String>>()?)
            }
            other => other.clone(),
        })
    }

    fn value(&self, name: &str) -> Result<&Value, String> {
        self.0.get(name).ok_or_else(|| name.to_owned())
    }
}

/// The variables that an exchange uses.
#[cfg(test)]
pub(super) fn names(exchange: &Turn) -> Vec<String> {
    let documents = [exchange.body.as_ref(), exchange.needs.holds.as_ref()];
    let texts = documents.into_iter().flatten().map(Value::to_string);
    let texts = texts.chain([exchange.send.clone(), exchange.filter.clone().unwrap_or_default()]);
    let found = texts.flat_map(|text| {
        let text = text.replace("${n}", "1");
        let names = text.split("${").skip(1).filter_map(|rest| Some(rest.split_once('}')?.0.to_owned()));
        names.collect::<Vec<_>>()
    });
    found.collect()
}
