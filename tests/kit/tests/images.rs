//! Images: the same definition gives the same bytes, with owners, modes and links as defined.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::Read;

use skep_kit::images::{self, Entry, Image};
use skep_kit::progress::Progress;

fn sample(reference: &str) -> Image {
    let text = |mode, text: &str| Entry::Text {
        mode,
        text: text.to_owned(),
    };
    Image {
        user: "65532:65532".to_owned(),
        entrypoint: vec!["/usr/bin/run".to_owned()],
        files: BTreeMap::from([
            ("/usr/bin/run".to_owned(), text(0o755, "#!/bin/sh\n")),
            (
                "/bin".to_owned(),
                Entry::Link {
                    to: "usr/bin".to_owned(),
                },
            ),
            ("/tmp".to_owned(), Entry::Folder { mode: 0o1777 }),
        ]),
        ..Image::empty(reference)
    }
}

/// All members of an archive, by name.
fn members(archive: impl Read) -> BTreeMap<String, Vec<u8>> {
    let mut members = BTreeMap::new();
    for entry in tar::Archive::new(archive).entries().unwrap() {
        let mut entry = entry.unwrap();
        let name = entry.path().unwrap().display().to_string();
        let mut bytes = Vec::new();
        entry.read_to_end(&mut bytes).unwrap();
        members.insert(name, bytes);
    }
    members
}

#[test]
fn an_archive_holds_what_was_defined() {
    let image = sample("localhost/sample:holds");
    let archive = image.archive(&Progress::silent()).unwrap();
    let members = members(File::open(&archive.path).unwrap());
    let manifest: serde_json::Value = serde_json::from_slice(&members["manifest.json"]).unwrap();
    assert_eq!(manifest[0]["RepoTags"][0], "localhost/sample:holds");

    let config: serde_json::Value =
        serde_json::from_slice(&members[manifest[0]["Config"].as_str().unwrap()]).unwrap();
    assert_eq!(config["config"]["User"], "65532:65532");
    assert_eq!(config["config"]["Entrypoint"][0], "/usr/bin/run");

    let layer = &members[manifest[0]["Layers"][0].as_str().unwrap()];
    let mut seen = Vec::new();
    for entry in tar::Archive::new(layer.as_slice()).entries().unwrap() {
        let entry = entry.unwrap();
        let header = entry.header();
        assert_eq!((header.uid().unwrap(), header.mtime().unwrap()), (0, 0));
        let link = header
            .link_name()
            .unwrap()
            .map(|to| to.display().to_string());
        let name = entry.path().unwrap().display().to_string();
        seen.push((name, header.mode().unwrap(), link.unwrap_or_default()));
    }
    let expected = [
        ("bin", 0o777, "usr/bin"),
        ("tmp/", 0o1777, ""),
        ("usr/", 0o755, ""),
        ("usr/bin/", 0o755, ""),
        ("usr/bin/run", 0o755, ""),
    ];
    assert_eq!(
        seen,
        expected.map(|(n, mode, to)| (n.to_owned(), mode, to.to_owned()))
    );
}

#[test]
fn the_same_definition_gives_the_same_bytes() {
    let image = sample("localhost/sample:same");
    let first = image.archive(&Progress::silent()).unwrap();
    let bytes = fs::read(&first.path).unwrap();
    fs::remove_file(&first.path).unwrap();
    let second = image.archive(&Progress::silent()).unwrap();
    assert_eq!((&first.path, &first.digest), (&second.path, &second.digest));
    assert!(bytes == fs::read(&second.path).unwrap(), "the bytes differ");

    let other = sample("localhost/sample:other")
        .archive(&Progress::silent())
        .unwrap();
    assert_ne!(first.path, other.path);
}

#[test]
fn the_operator_image_holds_its_binary_and_no_shell() {
    let files: Vec<String> = images::operator_definition().files.into_keys().collect();
    let expected = [
        "/etc/passwd",
        "/etc/ssl/certs/ca-certificates.crt",
        "/usr/bin/skep",
    ];
    assert_eq!(files, expected);
}

/// What the last stage of a Dockerfile puts into the image: modes by path, `USER` and `ENTRYPOINT`.
#[derive(Debug, Default, PartialEq)]
struct Stage {
    base: String,
    modes: BTreeMap<String, u32>,
    user: String,
    entrypoint: Vec<String>,
}

fn last_stage(dockerfile: &str) -> Stage {
    let mut stage = Stage::default();
    for line in dockerfile.lines() {
        let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
        match word {
            "FROM" => {
                stage = Stage {
                    base: rest.to_owned(),
                    ..Stage::default()
                }
            }
            "COPY" => {
                let mode = rest
                    .split(' ')
                    .find_map(|flag| flag.strip_prefix("--chmod="));
                let mode = mode.map_or(0, |mode| u32::from_str_radix(mode, 8).unwrap());
                let to = rest.split(' ').next_back().unwrap().to_owned();
                stage.modes.insert(to, mode);
            }
            "USER" => rest.clone_into(&mut stage.user),
            "ENTRYPOINT" => stage.entrypoint = serde_json::from_str(rest).unwrap(),
            // Of earlier stages, or a comment.
            _ => {}
        }
    }
    stage
}

#[test]
fn the_dockerfile_makes_the_image_that_the_hub_runs() {
    let dockerfile = fs::read_to_string(skep_kit::cache::checkout().join("Dockerfile")).unwrap();
    let image = images::operator_definition();
    let mode = |entry: &Entry| match entry {
        Entry::Text { mode, .. } | Entry::Copy { mode, .. } | Entry::Folder { mode } => *mode,
        Entry::Link { .. } => 0o777,
    };
    let modes = image.files.iter();
    let expected = Stage {
        base: "scratch".to_owned(),
        modes: modes
            .map(|(path, entry)| (path.clone(), mode(entry)))
            .collect(),
        user: image.user.clone(),
        entrypoint: image.entrypoint.clone(),
    };
    assert_eq!(last_stage(&dockerfile), expected);
    assert_eq!((image.command.len(), image.env.len()), (0, 0));
    // The one file whose text the Dockerfile writes itself.
    let Some(Entry::Text { text, .. }) = image.files.get("/etc/passwd") else {
        unreachable!("the user's file is not a text");
    };
    let printed = format!("printf '{}' > /passwd", text.replace('\n', "\\n"));
    assert!(dockerfile.contains(&printed), "{printed}");
}
