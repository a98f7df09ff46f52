//! Strict JSON (RFC 8259), so that every implementation reads the same thing out of signed bytes.
//!
//! Refused, beyond what RFC 8259 refuses: a member name twice in one object, at any depth; nesting
//! deeper than [`MAX_DEPTH`]; and, in signed payloads, any number that is not an integer between
//! -(2^53-1) and 2^53-1, the range that every JSON reader keeps exact. JSON is never written again:
//! the bytes that were signed are the bytes that are kept.

use std::fmt;

use serde::Serialize;
use serde::de::{DeserializeOwned, DeserializeSeed, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

/// Deepest nesting accepted. Custody metadata needs four; recursion must end somewhere.
pub const MAX_DEPTH: usize = 16;

/// The largest integer that every JSON reader keeps exact.
pub const MAX_INTEGER: u64 = (1 << 53) - 1;

/// Why a text was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("JSON: {0}")]
pub struct JsonError(String);

/// Which numbers are allowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Numbers {
    /// Exact integers only: everything that rules may read.
    Integers,
    /// Fractions too: what people read (a position, a score).
    Any,
}

/// Parses one JSON value, strictly; nothing may follow it.
pub fn parse(text: &[u8], numbers: Numbers) -> Result<Value, JsonError> {
    let mut deserializer = serde_json::Deserializer::from_slice(text);
    let value = Strict { depth: 0, numbers }
        .deserialize(&mut deserializer)
        .map_err(|error| JsonError(error.to_string()))?;
    deserializer
        .end()
        .map_err(|error| JsonError(error.to_string()))?;
    Ok(value)
}

/// Parses one JSON object with exact integers only.
pub fn parse_object(text: &[u8]) -> Result<Map<String, Value>, JsonError> {
    match parse(text, Numbers::Integers)? {
        Value::Object(map) => Ok(map),
        _ => Err(JsonError("an object was expected".to_owned())),
    }
}

/// Reads a value as a type that has one spelling. Derived readers accept more than they write, such as an array
/// for an object or an object for a name of a list: what would be written differently is refused.
pub fn exact<T: DeserializeOwned + Serialize>(value: &Value) -> Result<T, String> {
    let read = T::deserialize(value).map_err(|error| error.to_string())?;
    match serde_json::to_value(&read) {
        Ok(again) if again == *value => Ok(read),
        _ => Err("it is written in another way than this format has it".to_owned()),
    }
}

#[derive(Clone, Copy)]
struct Strict {
    depth: usize,
    numbers: Numbers,
}

impl Strict {
    fn deeper<E: serde::de::Error>(self) -> Result<Strict, E> {
        if self.depth == MAX_DEPTH {
            return Err(E::custom(format!("nested deeper than {MAX_DEPTH}")));
        }
        Ok(Strict {
            depth: self.depth + 1,
            ..self
        })
    }
}

impl<'de> DeserializeSeed<'de> for Strict {
    type Value = Value;
    fn deserialize<D: serde::Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Strict {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value::String(value.to_owned()))
    }

    fn visit_u64<E: serde::de::Error>(self, value: u64) -> Result<Value, E> {
        if value > MAX_INTEGER {
            return Err(E::custom("an integer above 2^53-1"));
        }
        Ok(value.into())
    }

    fn visit_i64<E: serde::de::Error>(self, value: i64) -> Result<Value, E> {
        if value.unsigned_abs() > MAX_INTEGER {
            return Err(E::custom("an integer below -(2^53-1)"));
        }
        Ok(value.into())
    }

    fn visit_f64<E: serde::de::Error>(self, value: f64) -> Result<Value, E> {
        match (self.numbers, Number::from_f64(value)) {
            (Numbers::Any, Some(number)) => Ok(Value::Number(number)),
            _ => Err(E::custom("a number that is not an exact integer")),
        }
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Value, A::Error> {
        let seed = self.deeper()?;
        let mut items = Vec::new();
        while let Some(item) = seq.next_element_seed(seed)? {
            items.push(item);
        }
        Ok(Value::Array(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Value, A::Error> {
        let seed = self.deeper()?;
        let mut map = Map::new();
        while let Some(name) = access.next_key::<String>()? {
            if map.contains_key(&name) {
                return Err(serde::de::Error::custom(format!(
                    "member {name:?} stands twice"
                )));
            }
            let value = access.next_value_seed(seed)?;
            map.insert(name, value);
        }
        Ok(Value::Object(map))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn one_spelling_of_a_type() {
        use crate::protocol::id::{ChainId, Strand};
        let subject = "q83vEjRWeJCrze8SNFZ4kA";
        for bad in [
            serde_json::json!([subject, "custody"]),
            serde_json::json!({"subject": subject, "strand": {"custody": null}}),
        ] {
            assert!(serde_json::from_value::<ChainId>(bad.clone()).is_ok());
            assert!(exact::<ChainId>(&bad).is_err(), "{bad}");
        }
        let good = serde_json::json!({"strand": "custody", "subject": subject});
        assert_eq!(exact::<ChainId>(&good).unwrap().strand, Strand::Custody);
    }

    #[test]
    fn refuses_what_readers_disagree_about() {
        for bad in [
            r#"{"a":1,"a":1}"#,
            r#"{"x":{"a":1,"\u0061":2}}"#,
            r#"{"a":9007199254740992}"#,
            r#"{"a":1.0}"#,
            r#"{"a":1e2}"#,
            r#"{"a":-0}"#,
            r#"{"a":1} "x""#,
            r#"{"a":1,}"#,
            r#"{"a":"\ud800"}"#,
            r#"[1]"#,
        ] {
            assert!(parse_object(bad.as_bytes()).is_err(), "{bad}");
        }
        assert!(parse_object(&[b"[".repeat(40), b"]".repeat(40)].concat()).is_err());
        assert!(parse_object(br#"{"a":[9007199254740991,-9007199254740991,null]}"#).is_ok());
        assert_eq!(parse(b"1.5", Numbers::Any).unwrap(), serde_json::json!(1.5));
    }
}
