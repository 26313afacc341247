//! An amount of memory as people write it: `64KiB`, `1MiB`.

use serde::{Deserialize, Deserializer, de::Error};

/// So many bytes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Size(pub(super) usize);

const UNITS: [(&str, usize); 4] = [("KiB", 1 << 10), ("MiB", 1 << 20), ("GiB", 1 << 30), ("B", 1)];

impl<'de> Deserialize<'de> for Size {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = String::deserialize(from)?;
        let of_unit = |(unit, bytes): (&str, usize)| {
            let number: usize = text.strip_suffix(unit)?.trim().parse().ok()?;
            number.checked_mul(bytes)
        };
        UNITS.into_iter().find_map(of_unit).map(Self).ok_or_else(|| {
            D::Error::custom(format!("{text:?} is not a size; write 500B, 64KiB or 1MiB"))
        })
    }
}
