//! JSON that is parsed only when somebody looks at it.

use std::cell::OnceCell;

use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::Error;
use crate::de::Reader;

/// A JSON text that the host gave. It is parsed when it is asked for, once.
#[derive(Debug, Clone)]
pub struct Json {
    text: String,
    value: OnceCell<Value>,
}

impl Json {
    /// The text.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// As a type of the plugin's own.
    ///
    /// # Errors
    /// It is not of that type; the message names the field.
    pub fn parse<T: DeserializeOwned>(&self) -> Result<T, Error> {
        Ok(T::deserialize(Reader(self.value()))?)
    }

    /// As it is.
    ///
    /// ```
    /// # use arcane_plugin_sdk::Json;
    /// let spec = Json::from(r#"{"table": {"name": "orders"}}"#);
    /// assert_eq!(spec.value()["table"]["name"], "orders");
    /// assert!(spec.value()["nothing"].is_null());
    /// ```
    pub fn value(&self) -> &Value {
        // The host gives nothing but valid JSON.
        self.value
            .get_or_init(|| serde_json::from_str(&self.text).unwrap_or_default())
    }
}

impl From<String> for Json {
    fn from(text: String) -> Self {
        Self {
            text,
            value: OnceCell::new(),
        }
    }
}

impl From<&str> for Json {
    fn from(text: &str) -> Self {
        text.to_owned().into()
    }
}

impl PartialEq for Json {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text || self.value() == other.value()
    }
}

/// A value's text.
pub(crate) fn text(value: &Value) -> String {
    // Fails for keys that are no strings, which a value does not have. Its `Display` would do the
    // same in more code.
    serde_json::to_string(value).unwrap_or_default()
}
