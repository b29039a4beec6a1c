//! This file reads JSON in its order, refuses doubled keys, and has a cursor that knows its place.

use super::SchemaError;
use serde::de::{Deserialize, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use serde::ser::{Serialize, SerializeMap, Serializer};
use serde_json::Number;
use std::collections::BTreeSet;
use std::fmt;

/// A JSON value whose objects keep the order of their keys.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Node {
    Null,
    Bool(bool),
    Number(Number),
    Text(String),
    List(Vec<Node>),
    Map(Vec<(String, Node)>),
}

impl Node {
    /// Reads one text. serde_json bounds the depth (128).
    pub(super) fn parse(file: &str, text: &str) -> Result<Self, SchemaError> {
        serde_json::from_str(text)
            .map_err(|error| SchemaError::in_file(file, format!("not readable as JSON: {error}")))
    }
}

impl Serialize for Node {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Null => serializer.serialize_unit(),
            Self::Bool(value) => serializer.serialize_bool(*value),
            Self::Number(value) => value.serialize(serializer),
            Self::Text(value) => serializer.serialize_str(value),
            Self::List(items) => items.serialize(serializer),
            Self::Map(entries) => {
                let mut map = serializer.serialize_map(Some(entries.len()))?;
                for (key, value) in entries {
                    map.serialize_entry(key, value)?;
                }
                map.end()
            }
        }
    }
}

impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(NodeVisitor)
    }
}

struct NodeVisitor;

impl<'de> Visitor<'de> for NodeVisitor {
    type Value = Node;

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Node, E> {
        Ok(Node::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Node, E> {
        Ok(Node::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Node, E> {
        Ok(Node::Number(value.into()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Node, E> {
        Ok(Node::Number(value.into()))
    }

    fn visit_f64<E: serde::de::Error>(self, value: f64) -> Result<Node, E> {
        Number::from_f64(value).map(Node::Number).ok_or_else(|| E::custom("number out of range"))
    }

    fn visit_str<E>(self, value: &str) -> Result<Node, E> {
        Ok(Node::Text(value.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut access: A) -> Result<Node, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = access.next_element()? {
            items.push(item);
        }
        Ok(Node::List(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Node, A::Error> {
        let mut entries = Vec::new();
        let mut keys = BTreeSet::new();
        while let Some(key) = access.next_key::<String>()? {
            if !keys.insert(key.clone()) {
                return Err(A::Error::custom(format!("key `{key}` appears twice")));
            }
            entries.push((key, access.next_value()?));
        }
        Ok(Node::Map(entries))
    }
}

/// A cursor: a value, the file it is in, and the pointer to it.
#[derive(Clone)]
pub(super) struct At<'a> {
    pub(super) file: &'a str,
    pub(super) pointer: String,
    pub(super) node: &'a Node,
}

impl<'a> At<'a> {
    pub(super) fn root(file: &'a str, node: &'a Node) -> Self {
        Self { file, pointer: String::new(), node }
    }

    /// Fails with an error at this value.
    pub(super) fn fail<T>(&self, reason: impl Into<String>) -> Result<T, SchemaError> {
        Err(SchemaError { file: self.file.to_owned(), pointer: self.pointer.clone(), reason: reason.into() })
    }

    fn step(&self, step: &str, node: &'a Node) -> Self {
        let step = step.replace('~', "~0").replace('/', "~1");
        Self { file: self.file, pointer: format!("{}/{step}", self.pointer), node }
    }

    /// Reads the members of an object, in file order.
    pub(super) fn entries(&self) -> Result<Vec<(&'a str, At<'a>)>, SchemaError> {
        let Node::Map(entries) = self.node else {
            return self.fail("must be an object");
        };
        Ok(entries.iter().map(|(key, node)| (key.as_str(), self.step(key, node))).collect())
    }

    /// Refuses every key that is not among `keys`.
    pub(super) fn allow_only(&self, keys: &[&str]) -> Result<(), SchemaError> {
        for (key, at) in self.entries()? {
            if !keys.contains(&key) {
                return at.fail(format!("keyword `{key}` is not supported here"));
            }
        }
        Ok(())
    }

    pub(super) fn get(&self, key: &str) -> Option<At<'a>> {
        let Node::Map(entries) = self.node else {
            return None;
        };
        let (_, node) = entries.iter().find(|(name, _)| name == key)?;
        Some(self.step(key, node))
    }

    pub(super) fn need(&self, key: &str) -> Result<At<'a>, SchemaError> {
        if !matches!(self.node, Node::Map(_)) {
            return self.fail("must be an object");
        }
        match self.get(key) {
            Some(at) => Ok(at),
            None => self.fail(format!("`{key}` is missing")),
        }
    }

    pub(super) fn items(&self) -> Result<Vec<At<'a>>, SchemaError> {
        let Node::List(items) = self.node else {
            return self.fail("must be a list");
        };
        let step = |(index, node): (usize, &'a Node)| self.step(&index.to_string(), node);
        Ok(items.iter().enumerate().map(step).collect())
    }

    pub(super) fn text(&self) -> Result<&'a str, SchemaError> {
        match self.node {
            Node::Text(text) if !text.is_empty() => Ok(text),
            _ => self.fail("must be a text that is not empty"),
        }
    }

    pub(super) fn boolean(&self) -> Result<bool, SchemaError> {
        match self.node {
            Node::Bool(value) => Ok(*value),
            _ => self.fail("must be true or false"),
        }
    }

    pub(super) fn number(&self) -> Result<f64, SchemaError> {
        match self.node {
            Node::Number(number) => Ok(number.as_f64().unwrap_or_default()),
            _ => self.fail("must be a number"),
        }
    }

    /// Reads a whole number from `min` to `max`.
    pub(super) fn integer(&self, min: i64, max: i64) -> Result<i64, SchemaError> {
        let number = match self.node {
            Node::Number(number) => number.as_i64(),
            _ => None,
        };
        match number.filter(|number| (min..=max).contains(number)) {
            Some(number) => Ok(number),
            None => self.fail(format!("must be a whole number from {min} to {max}")),
        }
    }
}
