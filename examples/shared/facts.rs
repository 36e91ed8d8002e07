//! [`Facts`]: a JSON object of what is known, with the reasons for what is not.

#![allow(dead_code)] // no program uses all of it

use std::collections::BTreeMap;

use gpu_accounting::{Absence, Known};
use serde::Serialize;

/// Facts by name; those that are not known are null, with their reasons under `absent`.
#[derive(Default, Serialize)]
pub struct Facts {
    #[serde(flatten)]
    known: BTreeMap<&'static str, serde_json::Value>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    absent: BTreeMap<&'static str, String>,
}

impl Facts {
    pub fn with(mut self, name: &'static str, value: impl Serialize) -> Self {
        // Plain numbers, texts and lists of them: they always have a JSON form.
        self.known.insert(name, serde_json::to_value(value).unwrap_or_default());
        self
    }

    pub fn known<T: Serialize>(self, name: &'static str, fact: &Known<T>) -> Self {
        self.result(name, fact.get())
    }

    pub fn result<T: Serialize>(mut self, name: &'static str, fact: Result<T, Absence>) -> Self {
        match fact {
            Ok(value) => self.with(name, value),
            Err(absence) => {
                self.absent.insert(name, absence.to_string());
                self.with(name, serde_json::Value::Null)
            }
        }
    }
}
