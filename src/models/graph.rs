//! Which model is built before which.

use std::collections::{BTreeMap, BTreeSet};

use super::{Model, ModelError};

/// The models, each after those that build what it reads. Fails with `Cycle`, or with `Twice` if two
/// build the same table.
pub(super) fn in_order(models: Vec<Model>) -> Result<Vec<Model>, ModelError> {
    let mut left: BTreeMap<String, Model> = BTreeMap::new();
    for model in models {
        let name = model.name.to_string();
        if left.insert(name.clone(), model).is_some() {
            return Err(ModelError::Twice(name));
        }
    }
    let mut ordered = Vec::new();
    while !left.is_empty() {
        let waits = |model: &Model| reads(model).any(|name| left.contains_key(name));
        let ready = left.iter().find(|(_, model)| !waits(model)).map(|(name, _)| name.clone());
        let Some(model) = ready.and_then(|name| left.remove(&name)) else {
            return Err(ModelError::Cycle(cycle(&left)));
        };
        ordered.push(model);
    }
    Ok(ordered)
}

/// Everything a model reads.
pub(super) fn reads(model: &Model) -> impl Iterator<Item = &str> {
    model.from.iter().chain(&model.with).map(String::as_str)
}

/// Everything that the table is made of: the sources by name, then what is built of them, as `models` are
/// in order.
pub(super) fn upstream(models: &[Model], table: &str) -> Vec<String> {
    let mut wanted = BTreeSet::from([table.to_owned()]);
    let mut built = Vec::new();
    for model in models.iter().rev() {
        if wanted.remove(model.name.as_str()) {
            built.push(model.name.to_string());
            wanted.extend(reads(model).map(str::to_owned));
        }
    }
    let sources = wanted.into_iter().chain(built.into_iter().rev());
    sources.filter(|name| name != table).collect()
}

/// Everything that is made of the table, as `models` are in order.
pub(super) fn downstream(models: &[Model], table: &str) -> Vec<String> {
    let mut sources = BTreeSet::from([table.to_owned()]);
    let mut built = Vec::new();
    for model in models {
        if reads(model).any(|name| sources.contains(name)) {
            sources.insert(model.name.to_string());
            built.push(model.name.to_string());
        }
    }
    built
}

/// Some model, what it reads, what that reads, and so on until it comes round.
fn cycle(left: &BTreeMap<String, Model>) -> Vec<String> {
    let mut path: Vec<String> = left.keys().take(1).cloned().collect();
    let mut seen = BTreeSet::new();
    while let Some(last) = path.last().cloned() {
        if !seen.insert(last.clone()) {
            let start = path.iter().position(|name| *name == last).unwrap_or(0);
            return path.split_off(start);
        }
        let next =
            left.get(&last).and_then(|model| reads(model).find(|name| left.contains_key(*name)));
        path.extend(next.map(str::to_owned));
    }
    path
}

#[cfg(test)]
mod tests {
    use super::*;

    fn model(name: &str, from: &str) -> Model {
        format!("-- builds: {name}\n-- from: {from}\n-- key: a\nselect 1").parse().unwrap()
    }

    fn names(models: Vec<Model>) -> Result<Vec<String>, ModelError> {
        Ok(in_order(models)?.iter().map(|model| model.name.to_string()).collect())
    }

    #[test]
    fn what_is_read_is_built_before() {
        let models = vec![
            model("gold.a", "silver.c, silver.b"),
            model("silver.b", "silver.c"),
            model("silver.c", "bronze.candles"),
        ];
        assert_eq!(names(models).unwrap(), ["silver.c", "silver.b", "gold.a"]);
    }

    #[test]
    fn what_a_table_is_made_of_is_told_back_to_the_sources() {
        let models = in_order(vec![
            model("gold.a", "silver.c, silver.b"),
            model("silver.b", "silver.c"),
            model("silver.c", "bronze.candles"),
            model("silver.d", "bronze.news"),
        ]);
        let models = models.unwrap();
        assert_eq!(upstream(&models, "gold.a"), ["bronze.candles", "silver.c", "silver.b"]);
        assert_eq!(downstream(&models, "bronze.candles"), ["silver.c", "silver.b", "gold.a"]);
        assert_eq!(upstream(&models, "bronze.news"), [""; 0]);
    }

    #[test]
    fn a_circle_is_named_and_so_is_a_table_with_two_models() {
        let round = vec![
            model("silver.z", "silver.b"),
            model("silver.a", "silver.z"),
            model("silver.b", "silver.a"),
        ];
        let said = names(round).unwrap_err().to_string();
        assert!(said.contains("silver.a reads silver.z reads silver.b reads silver.a"), "{said}");
        let twice = vec![model("silver.a", "bronze.x"), model("silver.a", "bronze.y")];
        assert!(matches!(names(twice), Err(ModelError::Twice(name)) if name == "silver.a"));
        let own = vec![model("silver.a", "silver.a")];
        assert!(matches!(names(own), Err(ModelError::Cycle(_))));
    }
}
