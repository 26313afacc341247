//! What may go wrong between the market and a client, and the seeded chance that decides it.

mod read;

use rand::{Rng, rngs::StdRng};
use serde::Serialize;

pub use self::read::{FaultError, FaultPlan};
use super::SimulatedProvider::{self, AlphaVantage, Coinbase, Oanda};

/// Lists every fault once, so that its name, its probability, its meaning and the providers that
/// know it cannot disagree.
macro_rules! faults {
    ($($(#[$meaning:meta])* $field:ident $variant:ident of $providers:expr,)*) => {
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

            /// The providers with which it may happen.
            pub const fn providers(self) -> &'static [SimulatedProvider] {
                match self {
                    $(Self::$variant => $providers,)*
                }
            }
        }

        /// Probability of each fault per request for data, 0 to 1; all off by default.
        #[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
        pub struct Faults {
            $($(#[$meaning])* pub $field: f64,)*
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

const EVERYBODY: &[SimulatedProvider] = &SimulatedProvider::ALL;
/// Those that say 429; Alpha Vantage says 200 whatever it means.
const BY_STATUS: &[SimulatedProvider] = &[Coinbase, Oanda];

faults! {
    /// The answer is delayed by `slow_millis`; combines with all others.
    slow Slow of EVERYBODY,
    /// No answer ever comes; it ends when the client goes away.
    hang Hang of EVERYBODY,
    /// 429 without any header.
    throttle Throttle of BY_STATUS,
    /// 429 with `Retry-After: 1`.
    throttle_retry_after ThrottleRetryAfter of BY_STATUS,
    /// 429 with `Retry-After` as an HTTP date.
    throttle_retry_date ThrottleRetryDate of BY_STATUS,
    /// 500 with a JSON body.
    server_error ServerError of EVERYBODY,
    /// 503 with an HTML body.
    unavailable Unavailable of EVERYBODY,
    /// 200 with the HTML page of somebody's login.
    html Html of EVERYBODY,
    /// 200 with a `Note` about calls per minute.
    note Note of &[AlphaVantage],
    /// 200 with an `Information` that thanks and does not say what for.
    information Information of &[AlphaVantage],
    /// 200 with an `Information` about too many requests at once.
    burst Burst of &[AlphaVantage],
    /// 200 with an `Information` about the day's quota, which repeats the key.
    day_quota DayQuota of &[AlphaVantage],
    /// 200 with an `Error Message` about the key.
    bad_key BadKey of &[AlphaVantage],
    /// 200 with an `Information` about what only other plans include.
    premium Premium of &[AlphaVantage],
    /// 200 with `{}`.
    empty_object EmptyObject of &[AlphaVantage],
    /// Intraday rows are stamped when they closed.
    close_stamped CloseStamped of &[AlphaVantage],
    /// In a closed session Friday's last candles come again.
    weekend_repeat WeekendRepeat of &[Oanda],
    /// A closed candle still says that it is not complete, until 45 seconds after its close.
    late_complete LateComplete of &[Oanda],
    /// 200 with no rows.
    empty Empty of EVERYBODY,
    /// The newest closed candle is missing.
    lag Lag of EVERYBODY,
    /// A row between the first and the last is missing, though it was published.
    drop_row DropRow of EVERYBODY,
    /// One row comes twice.
    duplicate_row DuplicateRow of EVERYBODY,
    /// One time comes twice, with different values.
    conflicting_row ConflictingRow of EVERYBODY,
    /// Rows are out of order.
    shuffled Shuffled of EVERYBODY,
    /// One row makes no sense.
    bad_row BadRow of EVERYBODY,
    /// 200 with an answer cut in the middle.
    torn Torn of EVERYBODY,
}

impl Fault {
    /// Whether it may happen with `provider`.
    pub fn happens_with(self, provider: SimulatedProvider) -> bool {
        self.providers().contains(&provider)
    }
}

impl Faults {
    /// Decides what goes wrong with one request of `provider`.
    ///
    /// Draws equally often whatever the probabilities are, so switching one fault on does not
    /// move the others to other requests.
    pub fn decide(&self, provider: SimulatedProvider, chance: &mut StdRng) -> Decision {
        let mut hits = Vec::new();
        for fault in Fault::ALL.iter().filter(|fault| fault.happens_with(provider)) {
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
