//! One container.

use serde_json::{Map, Value};

use super::tree;
use crate::{Error, Quantity};

/// One container of a Job's pods.
#[derive(Debug)]
pub struct Container<'a> {
    value: &'a mut Value,
}

impl<'a> Container<'a> {
    pub(super) fn of(value: &'a mut Value) -> Self {
        Self { value }
    }

    /// Its name; empty where the template gives none.
    pub fn name(&self) -> &str {
        self.text("name").unwrap_or_default()
    }

    /// Its image; none where the template gives none.
    pub fn image(&self) -> Option<&str> {
        self.text("image")
    }

    /// Sets the image. Needs a grant.
    pub fn set_image(&mut self, image: impl Into<String>) -> &mut Self {
        self.set("image", Value::String(image.into()))
    }

    /// Its arguments.
    pub fn args(&self) -> Vec<&str> {
        let list = self.value.get("args").and_then(Value::as_array);
        list.into_iter()
            .flatten()
            .filter_map(Value::as_str)
            .collect()
    }

    /// Sets the arguments, in place of all that there are.
    pub fn set_args<T: Into<String>>(&mut self, args: impl IntoIterator<Item = T>) -> &mut Self {
        let args = args.into_iter().map(|arg| Value::String(arg.into()));
        self.set("args", args.collect())
    }

    /// Adds an argument behind the others.
    pub fn add_arg(&mut self, arg: impl Into<String>) -> &mut Self {
        tree::list(tree::entry(self.value, &["args"])).push(Value::String(arg.into()));
        self
    }

    /// Value of an environment variable; none where it is not set, or comes from somewhere else,
    /// such as a Secret.
    pub fn env(&self, name: &str) -> Option<&str> {
        let list = self.value.get("env")?.as_array()?;
        // Of several of a name the last one counts.
        let variable = list
            .iter()
            .rev()
            .find(|variable| is_named(variable, name))?;
        match variable.get("value") {
            Some(value) => value.as_str(),
            None if variable.get("valueFrom").is_some() => None,
            None => Some(""),
        }
    }

    /// Sets an environment variable: behind the others, or where it is.
    ///
    /// Those that the host gives the container cannot be changed.
    pub fn set_env(&mut self, name: impl Into<String>, value: impl Into<String>) -> &mut Self {
        let (name, value) = (name.into(), Value::String(value.into()));
        let list = tree::list(tree::entry(self.value, &["env"]));
        let mut variable = Map::new();
        variable.insert("value".to_owned(), value);
        let at = list.iter().rposition(|variable| is_named(variable, &name));
        variable.insert("name".to_owned(), Value::String(name));
        match at {
            Some(at) => list[at] = Value::Object(variable),
            None => list.push(Value::Object(variable)),
        }
        self
    }

    /// Removes an environment variable; tells whether it was there.
    pub fn remove_env(&mut self, name: &str) -> bool {
        let Some(list) = self.value.get_mut("env").and_then(Value::as_array_mut) else {
            return false;
        };
        let before = list.len();
        list.retain(|variable| !is_named(variable, name));
        list.len() < before
    }

    /// How much of a resource the container is promised.
    ///
    /// # Errors
    /// The template has no quantity there.
    pub fn request(&self, resource: &str) -> Result<Option<Quantity>, Error> {
        self.quantity("requests", resource)
    }

    /// How much of a resource the container can have.
    ///
    /// # Errors
    /// The template has no quantity there.
    pub fn limit(&self, resource: &str) -> Result<Option<Quantity>, Error> {
        self.quantity("limits", resource)
    }

    /// Sets how much of a resource the container is promised. More than the template gives needs a
    /// grant.
    pub fn set_request(&mut self, resource: &str, amount: Quantity) -> &mut Self {
        self.set_quantity("requests", resource, amount)
    }

    /// Sets how much of a resource the container can have. More than the template gives needs a
    /// grant.
    pub fn set_limit(&mut self, resource: &str, amount: Quantity) -> &mut Self {
        self.set_quantity("limits", resource, amount)
    }

    /// Sets both request and limit of a resource.
    pub fn set_resource(&mut self, resource: &str, amount: Quantity) -> &mut Self {
        self.set_request(resource, amount);
        self.set_limit(resource, amount)
    }

    /// Removes the request of a resource; tells whether it was there.
    pub fn remove_request(&mut self, resource: &str) -> bool {
        tree::remove(self.value, &["resources", "requests"], resource)
    }

    /// Removes the limit of a resource; tells whether it was there.
    pub fn remove_limit(&mut self, resource: &str) -> bool {
        tree::remove(self.value, &["resources", "limits"], resource)
    }

    /// The whole container, as it is now.
    pub fn raw(&self) -> &Value {
        self.value
    }

    /// The whole container, for what has no method here.
    pub fn raw_mut(&mut self) -> &mut Value {
        self.value
    }

    fn text(&self, field: &str) -> Option<&str> {
        self.value.get(field)?.as_str()
    }

    fn set(&mut self, field: &str, value: Value) -> &mut Self {
        tree::object(self.value).insert(field.to_owned(), value);
        self
    }

    fn quantity(&self, kind: &str, resource: &str) -> Result<Option<Quantity>, Error> {
        let found = tree::find(self.value, &["resources", kind, resource]);
        let Some(found) = found.filter(|found| !found.is_null()) else {
            return Ok(None);
        };
        Quantity::of_json(found).map(Some).map_err(|error| {
            let name = self.name();
            Error::from(error).context(format_args!("{kind}.{resource} of container `{name}`"))
        })
    }

    fn set_quantity(&mut self, kind: &str, resource: &str, amount: Quantity) -> &mut Self {
        let map = tree::entry(self.value, &["resources", kind]);
        tree::object(map).insert(resource.to_owned(), Value::String(amount.to_string()));
        self
    }
}

fn is_named(variable: &Value, name: &str) -> bool {
    variable.get("name").and_then(Value::as_str) == Some(name)
}
