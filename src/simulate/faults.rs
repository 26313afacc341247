//! What may go wrong between the market and a client, and the seeded chance that decides it.

use rand::{Rng, rngs::StdRng};
use serde::{Deserialize, Deserializer, Serialize, de::Error};
use serde_json::{Map, Value};

/// Lists every fault once, so that its name, its probability and its meaning cannot disagree.
macro_rules! faults {
    ($($(#[$meaning:meta])* $field:ident $variant:ident,)*) => {
        /// One way in which an answer goes wrong, in the order in which they are applied.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Fault {
            $($(#[$meaning])* $variant,)*
        }

        impl Fault {
            /// All of them, in the order in which they are applied.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// The name in configuration, on the command line and in counters.
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => stringify!($field),)*
                }
            }
        }

        /// Probability of each fault per request for candles, 0 to 1; all off by default.
        #[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
        #[serde(deny_unknown_fields, default)]
        pub struct Faults {
            $($(#[$meaning])* #[serde(deserialize_with = "probability")] pub $field: f64,)*
            /// How long `slow` delays an answer, in milliseconds of real time.
            pub slow_millis: u64,
        }

        impl Faults {
            /// How probable `fault` is, 0 to 1.
            pub const fn probability(&self, fault: Fault) -> f64 {
                match fault {
                    $(Fault::$variant => self.$field,)*
                }
            }

            fn slot(&mut self, fault: Fault) -> &mut f64 {
                match fault {
                    $(Fault::$variant => &mut self.$field,)*
                }
            }
        }
    };
}

faults! {
    /// The answer is delayed by `slow_millis`; combines with all others.
    slow Slow,
    /// No answer ever comes; it ends when the client goes away.
    hang Hang,
    /// 429 without any header.
    throttle Throttle,
    /// 429 with `Retry-After: 1`.
    throttle_retry_after ThrottleRetryAfter,
    /// 429 with `Retry-After` as an HTTP date.
    throttle_retry_date ThrottleRetryDate,
    /// 500 with a JSON body.
    server_error ServerError,
    /// 503 with an HTML body.
    unavailable Unavailable,
    /// 200 with the HTML page of somebody's login.
    html Html,
    /// 200 with no rows.
    empty Empty,
    /// The newest closed candle is missing.
    lag Lag,
    /// A row between the first and the last is missing, though it was published.
    drop_row DropRow,
    /// One row comes twice.
    duplicate_row DuplicateRow,
    /// One time comes twice, with different values.
    conflicting_row ConflictingRow,
    /// Rows are out of order.
    shuffled Shuffled,
    /// One row makes no sense.
    bad_row BadRow,
    /// 200 with JSON cut in the middle.
    torn Torn,
}

/// A fault setting that cannot be taken.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum FaultError {
    /// Text on the command line that is no `name=number`.
    #[error("fault {given:?} is not valid: write name=number, like empty=0.2")]
    NotAPair { given: String },
    /// There is no such fault.
    #[error("unknown fault {name:?}: use one of {known}", known = known_names())]
    Unknown { name: String },
    /// A probability or a delay out of bounds, or no number at all.
    #[error("fault {name} cannot be {given}: {fix}")]
    BadValue { name: String, given: String, fix: &'static str },
    /// Settings that are no JSON object.
    #[error("faults are a JSON object, like {{\"empty\":0.2}}: {reason}")]
    NotAnObject { reason: String },
}

fn known_names() -> String {
    let mut names: Vec<_> = Fault::ALL.iter().map(|fault| fault.name()).collect();
    names.push("slow_millis");
    names.join(", ")
}

fn is_probability(given: f64) -> bool {
    (0.0..=1.0).contains(&given)
}

fn probability<'de, D: Deserializer<'de>>(deserializer: D) -> Result<f64, D::Error> {
    let given = f64::deserialize(deserializer)?;
    if is_probability(given) {
        return Ok(given);
    }
    Err(D::Error::custom(format!("a probability is between 0 and 1, not {given}")))
}

impl Faults {
    /// Reads `name=value` pairs; what is not named stays off.
    pub fn from_pairs<'a>(pairs: impl IntoIterator<Item = &'a str>) -> Result<Self, FaultError> {
        let mut faults = Self::default();
        for pair in pairs {
            let not_a_pair = || FaultError::NotAPair { given: pair.to_owned() };
            let (name, value) = pair.split_once('=').ok_or_else(not_a_pair)?;
            // A value that is no number becomes a JSON text, which is then refused by name.
            let value = value.trim();
            let number = value.parse().ok().and_then(serde_json::Number::from_f64);
            faults.set(name.trim(), &number.map_or_else(|| Value::from(value), Value::Number))?;
        }
        Ok(faults)
    }

    /// Reads a JSON object; what is not named is off. Errors name the field, unlike serde's own.
    pub fn from_json(text: &[u8]) -> Result<Self, FaultError> {
        let fields: Map<String, Value> = serde_json::from_slice(text)
            .map_err(|error| FaultError::NotAnObject { reason: error.to_string() })?;
        let mut faults = Self::default();
        for (name, value) in &fields {
            faults.set(name, value)?;
        }
        Ok(faults)
    }

    fn set(&mut self, name: &str, value: &Value) -> Result<(), FaultError> {
        let bad =
            |fix| FaultError::BadValue { name: name.to_owned(), given: value.to_string(), fix };
        let number = value.as_f64();
        if name == "slow_millis" {
            let is_delay = |millis: &f64| (0.0..=86_400_000.0).contains(millis);
            let millis = number.filter(is_delay).ok_or_else(|| bad("use 0 to 86400000"))?;
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "checked to be within a day; parts of milliseconds do not matter"
            )]
            let millis = millis as u64;
            self.slow_millis = millis;
            return Ok(());
        }
        let known = Fault::ALL.iter().find(|fault| fault.name() == name);
        let fault = known.ok_or_else(|| FaultError::Unknown { name: name.to_owned() })?;
        let number = number.filter(|given| is_probability(*given));
        *self.slot(*fault) = number.ok_or_else(|| bad("use a probability from 0 to 1"))?;
        Ok(())
    }

    /// Decides what goes wrong with one request.
    ///
    /// Draws equally often whatever the probabilities are, so switching one fault on does not
    /// move the others to other requests.
    pub fn decide(&self, chance: &mut StdRng) -> Decision {
        let mut hits = Vec::new();
        for fault in Fault::ALL {
            if chance.random::<f64>() < self.probability(*fault) {
                hits.push(*fault);
            }
        }
        Decision { hits, details: chance.random() }
    }
}

/// What was decided to go wrong with one request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decision {
    /// The faults that hit, in the order of [`Fault::ALL`].
    pub hits: Vec<Fault>,
    /// Seed of the details, such as which row is dropped.
    pub details: u64,
}

#[cfg(test)]
mod tests;
