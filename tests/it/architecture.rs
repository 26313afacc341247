//! The rules about the source itself: who may import whom, how long a file may be, what it is made of.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

/// Bottom to top. A module imports lower layers only, never its own.
const LAYERS: [&[&str]; 20] = [
    &["clock", "error", "formats", "indicators", "lifecycle", "measures", "crash"],
    &["market"],
    &["functions", "quality", "records"],
    &["config"],
    &["telemetry"],
    &["files", "lineage", "providers", "lake", "store"],
    &["fleet"],
    &["access", "ingest"],
    &["query", "sql"],
    &["models"],
    &["features"],
    &["app"],
    &["verify"],
    &["jobs"],
    &["backfill"],
    &["api"],
    &["serve"],
    &["simulate"],
    &["client"],
    &["cli"],
];

/// Importing file, imported path, why it may.
const EXCEPTIONS: [(&str, &str, &str); 1] = [(
    "src/app.rs",
    "jobs::Queue",
    "the queue is a handle like the others; jobs/queue.rs imports nothing above providers",
)];

/// What stands for an exception must keep what its reason promises.
const QUEUE_IMPORTS: [&str; 3] = ["market", "providers", "telemetry"];

const LONGEST_FILE: usize = 400;

pub(crate) struct Source {
    /// From the root of the repository.
    pub(crate) path: String,
    pub(crate) text: String,
}

pub(crate) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn files_below(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files_below(&path, found);
        } else {
            found.push(path);
        }
    }
}

/// Every file of `folder` that is text, by path.
pub(crate) fn texts(folder: &str) -> Vec<Source> {
    let mut paths = Vec::new();
    files_below(&root().join(folder), &mut paths);
    paths.sort();
    let read = |path: PathBuf| {
        let text = String::from_utf8(fs::read(&path).unwrap()).ok()?;
        let path = path.strip_prefix(root()).unwrap().to_str().unwrap().to_owned();
        Some(Source { path, text })
    };
    paths.into_iter().filter_map(read).collect()
}

fn is_rust(source: &Source) -> bool {
    Path::new(&source.path).extension().is_some_and(|extension| extension == "rs")
}

fn sources() -> Vec<Source> {
    let sources: Vec<_> = texts("src").into_iter().filter(is_rust).collect();
    assert!(sources.len() > 50, "the source is not where it is looked for");
    sources
}

/// Without comments, and without the unit tests at the end of a file.
fn code(text: &str) -> String {
    let without_tests = text.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default();
    let lines = without_tests.lines().map(|line| line.split("//").next().unwrap_or_default());
    lines.collect::<Vec<_>>().join("\n")
}

/// Every path after `crate::`, to the depth at which groups are opened, like `jobs::Queue`.
fn imports(code: &str) -> BTreeSet<String> {
    code.match_indices("crate::")
        .flat_map(|(at, prefix)| {
            let rest = &code[at + prefix.len()..];
            match rest.strip_prefix('{') {
                Some(group) => items(group),
                None => vec![path_at(rest)],
            }
        })
        .collect()
}

/// The items of a group up to its closing brace; what is nested in an item belongs to it.
fn items(group: &str) -> Vec<String> {
    let (mut depth, mut item, mut items) = (0, String::new(), Vec::new());
    for c in group.chars() {
        match c {
            '{' => depth += 1,
            '}' if depth == 0 => break,
            '}' => depth -= 1,
            ',' if depth == 0 => items.push(std::mem::take(&mut item)),
            _ if depth == 0 => item.push(c),
            _ => {}
        }
    }
    items.push(item);
    items.iter().map(|item| path_at(item.trim())).filter(|item| !item.is_empty()).collect()
}

fn path_at(text: &str) -> String {
    let is_path = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == ':';
    let end = text.find(|c| !is_path(c)).unwrap_or(text.len());
    text[..end].trim_end_matches(':').to_owned()
}

fn layer(module: &str) -> Option<usize> {
    LAYERS.iter().position(|layer| layer.contains(&module))
}

/// `src/jobs/queue.rs` and `src/jobs.rs` are of `jobs`.
fn module_of(path: &str) -> &str {
    path.strip_prefix("src/").unwrap().split('/').next().unwrap().trim_end_matches(".rs")
}

#[test]
fn imports_only_go_down() {
    let mut violations = Vec::new();
    let mut excepted = BTreeSet::new();
    for Source { path, text } in sources() {
        let module = module_of(&path);
        if matches!(module, "lib" | "main") {
            continue;
        }
        let Some(from) = layer(module) else {
            violations.push(format!("{path}: {module} is in no layer; give it one"));
            continue;
        };
        for import in imports(&code(&text)) {
            let target = import.split("::").next().unwrap();
            let is_excepted = |rule: &&(_, _, _)| (rule.0, rule.1) == (&*path, &*import);
            if let Some((_, allowed, _)) = EXCEPTIONS.iter().find(is_excepted) {
                excepted.insert(*allowed);
            } else if target != module && layer(target).is_none_or(|to| to >= from) {
                violations.push(format!("{path} imports {import}"));
            }
        }
    }
    assert!(violations.is_empty(), "{violations:#?}");
    assert_eq!(excepted.len(), EXCEPTIONS.len(), "an exception is no longer needed");
    let queue = fs::read_to_string(root().join("src/jobs/queue.rs")).unwrap();
    let of_queue = imports(&code(&queue));
    let heads: BTreeSet<_> = of_queue.iter().map(|path| path.split("::").next().unwrap()).collect();
    assert_eq!(heads, BTreeSet::from(QUEUE_IMPORTS), "{}", EXCEPTIONS[0].2);
}

#[test]
fn imports_are_found_however_they_are_written() {
    let code = "use crate::{app::App, market::{self, Series}, error};\nlet x = crate::crash::point;\
                pub(crate) fn f(a: crate::lake::Lake) {} use crate::{\n    clock::Clock,\n};";
    let expected = ["app::App", "clock::Clock", "crash::point", "error", "lake::Lake", "market"];
    assert_eq!(imports(code), expected.map(str::to_owned).into());
}

#[test]
fn every_file_says_what_it_is_about_and_is_short() {
    let mut lengths = Vec::new();
    let tests = texts("tests").into_iter().filter(is_rust);
    for Source { path, text } in sources().into_iter().chain(tests) {
        let length = text.lines().count();
        assert!(length <= LONGEST_FILE, "{path} has {length} lines");
        lengths.push(length);
        let says = text.trim().is_empty() || text.starts_with("//! ");
        assert!(says, "{path} does not begin with a line of //!");
    }
    lengths.sort_unstable();
    let (files, median) = (lengths.len(), lengths[lengths.len() / 2]);
    println!("{files} files, median {median} lines, longest {}", lengths[files - 1]);
}

#[test]
fn nothing_is_silenced_and_macros_are_rare() {
    let mut macros = 0;
    let needles = [concat!("#[al", "low("), concat!("#![al", "low(")];
    for Source { path, text } in sources().into_iter().chain(texts("tests")) {
        for needle in needles {
            assert!(!text.contains(needle), "{path} has {needle}; use #[expect(…, reason = …)]");
        }
        macros += text.matches(concat!("macro_", "rules!")).count();
    }
    assert!(macros <= 2, "{macros} macros");
}

#[test]
fn no_machine_is_named_in_the_tree() {
    let places = [
        concat!("/ro", "ot/"),
        concat!("/ho", "me/"),
        concat!("/Us", "ers/"),
        concat!("/wo", "rk/"),
    ];
    let top = [
        "Cargo.toml",
        "config.toml",
        "README.md",
        "Dockerfile",
        ".dockerignore",
        ".clippy.toml",
        ".rustfmt.toml",
    ];
    let top = top.iter().filter_map(|name| {
        let text = fs::read_to_string(root().join(name)).ok()?;
        Some(Source { path: (*name).to_owned(), text })
    });
    let folders = ["src", "tests", "migrations", "deploy", "grafana"].into_iter().flat_map(texts);
    for Source { path, text } in folders.chain(top) {
        for place in places {
            assert!(!text.contains(place), "{path} names {place}");
        }
    }
}
