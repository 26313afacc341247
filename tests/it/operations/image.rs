//! The image and the composition, as far as they can be judged without a container engine.

use super::file;
use crate::architecture::root;

/// The rest of the lines that begin so.
fn after<'a>(text: &'a str, start: &'a str) -> impl Iterator<Item = &'a str> {
    text.lines().filter_map(move |line| line.trim().strip_prefix(start))
}

#[test]
fn the_image_is_built_from_what_is_there_with_the_compiler_that_is_asked_for() {
    let dockerfile = file("Dockerfile");
    let manifest = file("Cargo.toml");
    let version = after(&manifest, "rust-version = ").next().unwrap().trim_matches('"');
    let image = format!("FROM rust:{version}-bookworm AS build");
    assert!(dockerfile.lines().any(|line| line == image), "{image}");
    let sent = file(".dockerignore");
    let sent: Vec<&str> = after(&sent, "!").collect();
    let mut copied = Vec::new();
    for line in after(&dockerfile, "COPY ").filter(|line| !line.starts_with("--from")) {
        let words: Vec<&str> = line.split_whitespace().collect();
        copied.extend_from_slice(&words[..words.len() - 1]);
    }
    assert_eq!(copied, sent, ".dockerignore lets through what the Dockerfile copies");
    assert!(copied.iter().all(|path| root().join(path).exists()), "{copied:?}");
    let targets = after(&manifest, "path = ").map(|path| path.trim_matches('"'));
    for target in targets {
        assert!(dockerfile.contains(target), "the manifest names {target}: it needs a stand-in");
    }
    assert!(after(&dockerfile, "USER ").last().is_some_and(|user| user != "0" && user != "root"));
    assert!(dockerfile.contains("CMD [\"barkeep\", \"health\"]"));
}

#[test]
fn the_composition_keeps_to_this_machine() {
    let compose = file("deploy/compose.yaml");
    let services = compose.split("\nservices:\n").nth(1).unwrap().split("\nvolumes:\n").next();
    let services: Vec<&str> = services.unwrap().split("\n\n").collect();
    assert_eq!(services.len(), 6);
    for service in &services {
        let name = service.trim().lines().next().unwrap();
        let shares = service.contains("network_mode: \"service:loopback\"");
        let publishes = service.contains("ports:");
        assert!(shares != publishes, "{name} is on the one loopback, or is it");
        assert!(service.contains("restart: unless-stopped"), "{name}");
        for image in after(service, "image: ").filter(|image| *image != "barkeep") {
            let tag = image.split_once(':').map(|(_, tag)| tag);
            assert!(tag.is_some_and(|tag| tag != "latest"), "{image} has no version");
        }
    }
    for line in after(&compose, "- ") {
        let port = line.trim_matches('"');
        if port.ends_with(|c: char| c.is_ascii_digit()) && port.contains(':') {
            assert!(port.starts_with("127.0.0.1:"), "{port} is open to the world");
        }
        if let Some((path, _)) = line.split_once(':').filter(|(path, _)| path.starts_with('.')) {
            assert!(root().join("deploy").join(path).exists(), "{path} is not there");
        }
    }
}
