//! Whether a value is what a schema of the document says: as much of JSON Schema as we use.

use chrono::DateTime;
use serde_json::Value;

/// Everything in which `value` is not what `schema` says, with where it is.
pub(super) fn faults(document: &Value, schema: &Value, value: &Value) -> Vec<String> {
    let mut found = Vec::new();
    Reader { document, found: &mut found }.read(schema, value, "$");
    found
}

struct Reader<'a> {
    document: &'a Value,
    found: &'a mut Vec<String>,
}

impl Reader<'_> {
    fn read(&mut self, schema: &Value, value: &Value, at: &str) {
        if let Some(reference) = schema["$ref"].as_str() {
            let document = self.document;
            let target = document.pointer(reference.trim_start_matches('#'));
            return self.read(target.expect(reference), value, at);
        }
        if let Some(alternatives) = schema["oneOf"].as_array() {
            let fits = |one: &&Value| faults(self.document, one, value).is_empty();
            let fitting = alternatives.iter().filter(fits).count();
            self.expect(fitting == 1, at, &format!("fits {fitting} alternatives"));
            return;
        }
        let types = &schema["type"];
        let kinds = types.as_array().map_or(std::slice::from_ref(types), Vec::as_slice);
        let is_kind = |kind: &Value| kind.is_null() || kind == kind_of(value) || fits(kind, value);
        self.expect(kinds.iter().any(is_kind), at, &format!("is no {types}: {value}"));
        if let Some(words) = schema["enum"].as_array() {
            self.expect(words.contains(value), at, &format!("is none of {words:?}: {value}"));
        }
        match value {
            Value::Object(_) => self.members(schema, value, at),
            Value::Array(items) => {
                for (n, item) in items.iter().enumerate() {
                    self.read(&schema["items"], item, &format!("{at}[{n}]"));
                }
            }
            Value::String(text) if schema["format"] == "date-time" => {
                self.expect(DateTime::parse_from_rfc3339(text).is_ok(), at, "is no instant");
            }
            Value::Number(number) => {
                let least = schema["minimum"].as_f64().unwrap_or(f64::MIN);
                self.expect(number.as_f64() >= Some(least), at, "is too small");
            }
            _ => {}
        }
    }

    fn members(&mut self, schema: &Value, value: &Value, at: &str) {
        for name in schema["required"].as_array().into_iter().flatten() {
            let is_there = value.get(name.as_str().unwrap()).is_some();
            self.expect(is_there, at, &format!("lacks {name}"));
        }
        for (name, member) in value.as_object().into_iter().flatten() {
            let at = format!("{at}.{name}");
            let of_map = &schema["additionalProperties"];
            match &schema["properties"][name] {
                Value::Null if of_map.is_object() => {
                    self.read(&schema["propertyNames"], &Value::from(name.as_str()), &at);
                    self.read(of_map, member, &at);
                }
                // Any object will do.
                Value::Null if schema["properties"].is_null() => {}
                Value::Null => self.expect(false, &at, "is not in the document"),
                schema => self.read(schema, member, &at),
            }
        }
    }

    fn expect(&mut self, holds: bool, at: &str, fault: &str) {
        if !holds {
            self.found.push(format!("{at} {fault}"));
        }
    }
}

fn kind_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(number) if number.is_f64() => "number",
        Value::Number(_) => "integer",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}

/// Whole numbers are numbers too.
fn fits(kind: &Value, value: &Value) -> bool {
    kind == "number" && value.is_number()
}
