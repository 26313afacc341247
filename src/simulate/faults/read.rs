//! Reading faults by name, from the command line and over HTTP.

use serde_json::{Map, Value};

use super::{Fault, Faults};
use crate::{market::ParseError, simulate::SimulatedProvider};

/// A fault setting that cannot be taken.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum FaultError {
    /// Text on the command line that is no `name=number`.
    #[error("fault {given:?} is not valid: write name=number, like empty=0.2")]
    NotAPair { given: String },
    /// There is no such fault.
    #[error("unknown fault {name:?}: use one of {known}", known = known_names(None))]
    Unknown { name: String },
    /// It never happens with this provider.
    #[error(
        "fault {name} has no meaning for {provider}: use one of {known}",
        known = known_names(Some(*provider))
    )]
    Meaningless { name: String, provider: SimulatedProvider },
    /// A probability or a delay out of bounds, or no number at all.
    #[error("fault {name} cannot be {given}: {fix}")]
    BadValue { name: String, given: String, fix: &'static str },
    /// Settings that are no JSON object.
    #[error("faults are a JSON object, like {{\"empty\":0.2}}: {reason}")]
    NotAnObject { reason: String },
    /// `provider:name=number` with a provider that is not simulated.
    #[error(transparent)]
    Provider(#[from] ParseError),
}

const SLOW_MILLIS: &str = "slow_millis";

fn known_names(provider: Option<SimulatedProvider>) -> String {
    let happens = |fault: &&Fault| provider.is_none_or(|provider| fault.happens_with(provider));
    let mut names: Vec<_> = Fault::ALL.iter().filter(happens).map(|fault| fault.name()).collect();
    names.push(SLOW_MILLIS);
    names.join(", ")
}

/// What goes wrong with each provider.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct FaultPlan([Faults; SimulatedProvider::ALL.len()]);

impl FaultPlan {
    /// Reads `provider:name=value`, or `name=value` for every provider that knows it; what is not
    /// named stays off.
    pub fn from_pairs<'a>(pairs: impl IntoIterator<Item = &'a str>) -> Result<Self, FaultError> {
        let mut plan = Self::default();
        for pair in pairs {
            let not_a_pair = || FaultError::NotAPair { given: pair.to_owned() };
            let (name, value) = pair.split_once('=').ok_or_else(not_a_pair)?;
            // A value that is no number becomes a JSON text, which is then refused by name.
            let value = value.trim();
            let number = value.parse().ok().and_then(serde_json::Number::from_f64);
            let value = number.map_or_else(|| Value::from(value), Value::Number);
            match name.split_once(':') {
                Some((provider, name)) => {
                    let provider: SimulatedProvider = provider.trim().parse()?;
                    plan.0[provider as usize].set(provider, name.trim(), &value)?;
                }
                None => plan.set_everywhere(name.trim(), &value)?,
            }
        }
        Ok(plan)
    }

    pub fn of(&self, provider: SimulatedProvider) -> Faults {
        self.0[provider as usize]
    }

    fn set_everywhere(&mut self, name: &str, value: &Value) -> Result<(), FaultError> {
        let mut known_to = SimulatedProvider::ALL.to_vec();
        if name != SLOW_MILLIS {
            known_to.retain(|provider| find(name).is_ok_and(|fault| fault.happens_with(*provider)));
        }
        if known_to.is_empty() {
            return Err(FaultError::Unknown { name: name.to_owned() });
        }
        for provider in known_to {
            self.0[provider as usize].set(provider, name, value)?;
        }
        Ok(())
    }
}

fn find(name: &str) -> Result<Fault, FaultError> {
    let known = Fault::ALL.iter().find(|fault| fault.name() == name);
    known.copied().ok_or_else(|| FaultError::Unknown { name: name.to_owned() })
}

impl Faults {
    /// Reads a JSON object for `provider`; what is not named is off. Errors name the field.
    pub fn from_json(provider: SimulatedProvider, text: &[u8]) -> Result<Self, FaultError> {
        let fields: Map<String, Value> = serde_json::from_slice(text)
            .map_err(|error| FaultError::NotAnObject { reason: error.to_string() })?;
        let mut faults = Self::default();
        for (name, value) in &fields {
            faults.set(provider, name, value)?;
        }
        Ok(faults)
    }

    fn set(
        &mut self,
        provider: SimulatedProvider,
        name: &str,
        value: &Value,
    ) -> Result<(), FaultError> {
        let bad =
            |fix| FaultError::BadValue { name: name.to_owned(), given: value.to_string(), fix };
        let number = value.as_f64();
        if name == SLOW_MILLIS {
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
        let fault = find(name)?;
        let number = number.filter(|given| (0.0..=1.0).contains(given));
        let number = number.ok_or_else(|| bad("use a probability from 0 to 1"))?;
        // A fault that is off is off everywhere: what one provider answers may be put to another.
        if number > 0.0 && !fault.happens_with(provider) {
            return Err(FaultError::Meaningless { name: name.to_owned(), provider });
        }
        *self.slot(fault) = number;
        Ok(())
    }
}
