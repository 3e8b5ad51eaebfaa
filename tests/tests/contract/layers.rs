//! The layers of ARCHITECTURE.md: which folder may import which, which know no I/O, and that no files of different folders
//! import each other in a circle. It reads the sources, so that a wrong import fails here, however useful it would be.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use steps_tests::repository;

/// Folders of the server, and what each may import beside itself, `shared` and other crates. `lib.rs` puts them together.
const SERVER: &[(&str, &[&str])] = &[
    ("store", &[]),
    ("analysis", &[]),
    ("projection", &["store"]),
    ("app", &["projection", "analysis", "store"]),
    ("http", &["app"]),
    ("maintenance", &["app", "projection", "store"]),
    ("setup", &["app", "maintenance", "projection", "store", "http"]),
];

/// Folders and files of the command: each may import what stands before it.
const COMMAND: [&str; 11] = [
    "exit",
    "clock",
    "error",
    "files",
    "flags",
    "settings",
    "credentials",
    "client",
    "delivery",
    "terminal",
    "commands",
];

/// Files of the repository (those whose path begins so), and what no line of them may say.
const FORBIDDEN: &[(&str, &[&str])] = &[
    ("shared/src/", PURE),
    ("steps-server/src/analysis/", PURE),
    ("steps-server/src/projection/fold/", PURE),
    ("steps-server/src/app/", &["warp", "hyper", "sqlx", "tower", "StatusCode"]),
    ("steps-server/src/store/", &["warp", "hyper", "tower"]),
    ("steps-server/src/http/", &["sqlx"]),
    // Only `terminal` writes to the standard output and error, where everything is escaped for people.
    ("steps-cli/src/main.rs", OUTPUT),
    ("steps-cli/src/lib.rs", OUTPUT),
    ("steps-cli/src/error.rs", OUTPUT),
    ("steps-cli/src/settings/", OUTPUT),
    ("steps-cli/src/flags/", OUTPUT),
    ("steps-cli/src/credentials/", OUTPUT),
    ("steps-cli/src/client/", OUTPUT),
    ("steps-cli/src/delivery/", OUTPUT),
    ("steps-cli/src/commands/", OUTPUT),
    ("shared/src/view/", &["anstyle", "anstream", "ratatui", "comfy_table", "\\x1b", "<svg"]),
];

/// Nothing is written past `terminal`.
const OUTPUT: &[&str] = &["println!", "print!(", "eprint", "stdout().lock", "io::stderr()", "AutoStream", "of_escaped"];

/// No I/O, no clock, no HTTP, no SQL.
const PURE: &[&str] = &[
    "std::fs",
    "std::net",
    "std::process",
    "std::env",
    "std::thread",
    "std::time::SystemTime",
    "Instant::now",
    "::now()",
    "tokio",
    "sqlx",
    "reqwest",
    "warp",
    "hyper",
    "tracing",
    "println!",
    "std::io",
];

/// A source file: where it is in its crate, and the paths of its crate that it names.
#[derive(Debug)]
struct Source {
    /// Such as `http/handlers/list.rs`.
    file: String,
    /// Such as `http`, `handlers`, `list`; the file of a folder is `http`, and the root is empty.
    module: Vec<String>,
    /// Whole paths from the root of the crate.
    paths: BTreeSet<Vec<String>>,
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut found: Vec<PathBuf> = Vec::new();
    for path in entries.map(|entry| entry.unwrap().path()) {
        if path.is_dir() {
            found.extend(files(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
    found.sort();
    found
}

/// The code of a file without its comments and its tests, which may know more.
fn code(path: &Path) -> String {
    let text = fs::read_to_string(path).unwrap();
    let text = text.split("#[cfg(test)]\n").next().unwrap_or_default();
    text.lines().map(|line| line.split("//").next().unwrap_or_default()).collect::<Vec<_>>().join("\n")
}

fn is_test(path: &Path) -> bool {
    path.file_stem()
        .is_some_and(|stem| stem.to_string_lossy().ends_with("_tests") || stem == "samples" || stem == "trend_samples")
}

fn sources(of: &str) -> Vec<Source> {
    let root = repository().join(of).join("src");
    let read = |path: PathBuf| {
        let file = path.strip_prefix(&root).unwrap().display().to_string();
        let mut module: Vec<String> = file.trim_end_matches(".rs").split('/').map(str::to_owned).collect();
        if ["mod", "lib", "main"].contains(&module.last().unwrap().as_str()) {
            module.pop();
        }
        let paths = paths(&code(&path), &module);
        Source { file, module, paths }
    };
    files(&root).into_iter().filter(|path| !is_test(path)).map(read).collect()
}

/// Every path that begins with `crate`, `super` or `self`, from the root of the crate.
fn paths(code: &str, module: &[String]) -> BTreeSet<Vec<String>> {
    let mut found = BTreeSet::new();
    for start in ["crate::", "super::", "self::"] {
        for (at, _) in code.match_indices(start) {
            let before = code[..at].chars().next_back();
            if before.is_none_or(|before| !(before.is_alphanumeric() || before == '_' || before == ':')) {
                let mut tree = Vec::new();
                expand(&code[at..], &mut Vec::new(), &mut tree);
                found.extend(tree.into_iter().map(|path| absolute(&path, module)));
            }
        }
    }
    found
}

/// Reads a tree of paths, `a::{b, c::d}`; what is left after it.
fn expand<'a>(text: &'a str, prefix: &mut Vec<String>, found: &mut Vec<Vec<String>>) -> &'a str {
    let name_ends = |text: &str| text.find(|c: char| !(c.is_alphanumeric() || c == '_')).unwrap_or(text.len());
    let (name, mut rest) = text.split_at(name_ends(text));
    prefix.push(name.to_owned());
    match rest.strip_prefix("::") {
        Some(more) if more.starts_with('{') => {
            rest = &more[1..];
            loop {
                rest = rest.trim_start_matches([' ', '\n', ',']);
                if rest.is_empty() || rest.starts_with('}') {
                    break;
                }
                let before = rest.len();
                rest = expand(rest, prefix, found).trim_start();
                if let Some(renamed) = rest.strip_prefix("as ") {
                    rest = &renamed[name_ends(renamed)..];
                }
                if rest.len() == before {
                    rest = &rest[1..];
                }
            }
            rest = rest.get(1..).unwrap_or_default();
        }
        Some(more) if more.starts_with(|c: char| c.is_alphabetic() || c == '_') => rest = expand(more, prefix, found),
        _ => found.push(prefix.clone()),
    }
    prefix.pop();
    rest
}

fn absolute(path: &[String], module: &[String]) -> Vec<String> {
    let mut whole = if path[0] == "crate" { Vec::new() } else { module.to_vec() };
    for name in path {
        match name.as_str() {
            "crate" | "self" => {}
            "super" => drop(whole.pop()),
            name => whole.push(name.to_owned()),
        }
    }
    whole
}

/// Fails with every edge between layers that `allowed` does not know.
#[track_caller]
fn assert_layers(of: &str, names: &[&str], allowed: impl Fn(&str, &str) -> bool) {
    let mut wrong = Vec::new();
    for Source { file, module, paths } in sources(of) {
        let Some(from) = module.first() else { continue };
        assert!(names.contains(&from.as_str()), "{of}/src/{file} is in no layer of this test");
        let to: BTreeSet<&String> = paths.iter().filter_map(|path| path.first()).collect();
        let layers = to.into_iter().filter(|to| names.contains(&to.as_str()) && *to != from);
        wrong.extend(layers.filter(|to| !allowed(from, to)).map(|to| format!("{of}/src/{file} imports {to}")));
    }
    assert!(wrong.is_empty(), "not allowed:\n{}", wrong.join("\n"));
}

#[test]
fn the_server_imports_downwards() {
    let names: Vec<&str> = SERVER.iter().map(|(name, _)| *name).chain(["lib", "main"]).collect();
    let may = |from: &str| SERVER.iter().find(|(name, _)| *name == from).map_or(&[][..], |(_, may)| may);
    assert_layers("steps-server", &names, |from, to| may(from).contains(&to));
}

#[test]
fn the_command_imports_what_stands_before() {
    let place = |name: &str| COMMAND.iter().position(|layer| *layer == name);
    assert_layers("steps-cli", &COMMAND, |from, to| place(to) < place(from));
}

#[test]
fn the_view_is_not_known_to_what_it_shows() {
    for Source { file, module, paths } in sources("shared") {
        let inside = module.first().is_none_or(|name| name == "view");
        let imports = paths.iter().any(|path| path.first().is_some_and(|name| name == "view"));
        assert!(inside || !imports, "shared/src/{file} imports view");
    }
}

#[test]
fn what_is_pure_does_no_io() {
    let root = repository();
    let mut wrong = Vec::new();
    for (place, words) in FORBIDDEN {
        let place = root.join(place);
        let found = if place.is_dir() { files(&place) } else { vec![place] };
        for path in found.iter().filter(|path| !is_test(path)) {
            let code = code(path);
            let name = path.strip_prefix(&root).unwrap().display();
            wrong.extend(words.iter().filter(|word| code.contains(**word)).map(|word| format!("{name} says {word}")));
        }
    }
    assert!(wrong.is_empty(), "not allowed:\n{}", wrong.join("\n"));
}

/// The folder that a file belongs to: `a/mod.rs` and `a.rs`, where there is a folder `a`, belong to it.
fn folder_of<'a>(source: &'a Source, folders: &BTreeSet<&[String]>) -> &'a [String] {
    let module = source.module.as_slice();
    if folders.contains(module) { module } else { &module[..module.len().saturating_sub(1)] }
}

#[test]
fn no_circle_crosses_folders() {
    let mut circles = Vec::new();
    for of in ["shared", "steps-server", "steps-cli"] {
        let sources: Vec<Source> = sources(of).into_iter().filter(|source| !source.module.is_empty()).collect();
        let at: BTreeMap<&[String], usize> =
            sources.iter().enumerate().map(|(at, s)| (s.module.as_slice(), at)).collect();
        let folders: BTreeSet<&[String]> =
            sources.iter().filter(|source| source.module.len() > 1).map(|s| &s.module[..s.module.len() - 1]).collect();
        // The file of the longest part of each path that is a module.
        let target = |path: &Vec<String>| (1..=path.len()).rev().find_map(|len| at.get(&path[..len]).copied());
        let edges: Vec<BTreeSet<usize>> =
            sources.iter().map(|source| source.paths.iter().filter_map(target).collect()).collect();
        let reach = |from: usize| {
            let (mut seen, mut next) = (BTreeSet::new(), vec![from]);
            while let Some(at) = next.pop() {
                next.extend(edges[at].iter().filter(|to| seen.insert(**to)));
            }
            seen
        };
        let reached: Vec<BTreeSet<usize>> = (0..sources.len()).map(reach).collect();
        for (from, to) in (0..sources.len()).flat_map(|from| edges[from].iter().map(move |to| (from, *to))) {
            let (one, other) = (&sources[from], &sources[to]);
            if reached[to].contains(&from) && folder_of(one, &folders) != folder_of(other, &folders) {
                circles.push(format!("{of}: {} imports {}, which leads back to it", one.file, other.file));
            }
        }
    }
    assert!(circles.is_empty(), "circles:\n{}", circles.join("\n"));
}

#[test]
fn paths_are_read_as_rust_reads_them() {
    let module = ["http".to_owned(), "list".to_owned()];
    let found = paths(
        "use crate::app::{self, read::Read as R, Error};\nlet x = super::json(1); use super::super::store;",
        &module,
    );
    let found: Vec<String> = found.iter().map(|path| path.join("::")).collect();
    assert_eq!(found, ["app", "app::Error", "app::read::Read", "http::json", "store"]);
}
