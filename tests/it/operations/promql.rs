//! As much of PromQL as is needed to know which metrics an expression names, and by which labels.
//! Whether it is PromQL at all, promtool says.

use std::collections::BTreeSet;

/// A metric, and the labels it is selected by.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Selector {
    pub(super) name: String,
    pub(super) labels: Vec<String>,
    /// The function around it, like `rate`; empty if there is none.
    pub(super) function: String,
}

fn is_word(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_' || c == ':'
}

/// Words of a text, each with everything that follows it.
fn words(text: &str) -> Vec<(&str, &str)> {
    let mut found = Vec::new();
    let mut rest = text;
    while let Some(at) = rest.find(is_word) {
        let tail = &rest[at..];
        let end = tail.find(|c| !is_word(c)).unwrap_or(tail.len());
        found.push((&tail[..end], &tail[end..]));
        rest = &tail[end..];
    }
    found
}

/// Every metric of ours or of the process that is named in `text`, which may be prose as well.
pub(super) fn selectors(text: &str) -> Vec<Selector> {
    let words = words(text);
    let is_metric = |word: &str| {
        let kinds = ["barkeep_", "barkeep:", "process_"];
        kinds.iter().any(|kind| word.len() > kind.len() && word.starts_with(kind))
    };
    let named = (0..words.len()).filter(|at| is_metric(words[*at].0));
    named
        .map(|at| {
            let (name, rest) = words[at];
            let before = at.checked_sub(1).map(|before| words[before]);
            // Only a bracket stands between a function and its argument.
            let function =
                before.filter(|(word, rest)| rest[..rest.len().min(1)] == *"(" && !word.is_empty());
            Selector {
                name: name.to_owned(),
                labels: rest.strip_prefix('{').map_or(Vec::new(), matched),
                function: function.map_or("", |(word, _)| word).to_owned(),
            }
        })
        .collect()
}

/// The labels of `a="b", c=~"d"} …`, up to the brace.
fn matched(text: &str) -> Vec<String> {
    let (mut labels, mut label, mut is_quoted) = (Vec::new(), String::new(), false);
    for c in text.chars() {
        match c {
            '"' => is_quoted = !is_quoted,
            _ if is_quoted => {}
            '}' => break,
            '=' | '!' if !label.is_empty() => labels.push(std::mem::take(&mut label)),
            c if is_word(c) => label.push(c),
            _ => {}
        }
    }
    labels
}

/// The labels that `by (…)` and its like group by.
pub(super) fn grouped(expression: &str) -> BTreeSet<String> {
    let keywords = ["by", "without", "on", "ignoring", "group_left", "group_right"];
    let groups = words(expression).into_iter().filter(|(word, _)| keywords.contains(word));
    let lists = groups.filter_map(|(_, rest)| rest.trim_start().strip_prefix('('));
    let labels = lists.flat_map(|list| list.split(')').next().unwrap_or_default().split(','));
    labels.map(|label| label.trim().to_owned()).collect()
}

#[test]
fn metrics_are_found_with_their_labels() {
    let text = r#"sum by (instance, le) (rate(barkeep_a_bucket{x="}", y!~"a,b=c"}[5m])) / on (z)
                  barkeep:b:ratio_1h > process_c and see `barkeep_d` by route"#;
    let selector = |name: &str, labels: &[&str], function: &str| Selector {
        name: name.to_owned(),
        labels: labels.iter().map(|label| (*label).to_owned()).collect(),
        function: function.to_owned(),
    };
    let expected = [
        selector("barkeep_a_bucket", &["x", "y"], "rate"),
        selector("barkeep:b:ratio_1h", &[], ""),
        selector("process_c", &[], ""),
        selector("barkeep_d", &[], ""),
    ];
    assert_eq!(selectors(text), expected);
    assert_eq!(grouped(text), ["instance", "le", "z"].map(str::to_owned).into());
}
