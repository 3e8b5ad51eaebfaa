//! The commands of the README, run as they stand there.
//!
//! A block that cannot be run here has `<!-- not run: why -->` in the line before it.

use std::fs::File;
use std::process::Command;

use steps_tests::server::Builder;
use steps_tests::{Cli, DatabaseKind, TestDb, binaries, block_on, eventually, repository};

/// A block of shell commands.
#[derive(Debug, PartialEq)]
struct Block {
    /// The line of its first command.
    line: usize,
    /// Its commands.
    commands: String,
}

/// The ```sh blocks that are to be run.
fn blocks(markdown: &str) -> Vec<Block> {
    let mut blocks = Vec::new();
    let mut before = "";
    let mut lines = markdown.lines().enumerate();
    while let Some((number, line)) = lines.next() {
        if line.starts_with("```") {
            let commands: Vec<&str> = lines.by_ref().map(|(_, line)| line).take_while(|line| *line != "```").collect();
            if line == "```sh" && !before.starts_with("<!-- not run: ") {
                blocks.push(Block { line: number + 2, commands: commands.join("\n") });
            }
        }
        if !line.trim().is_empty() {
            before = line;
        }
    }
    blocks
}

#[test]
fn finds_the_blocks_to_run() {
    let markdown =
        "# x\n```sh\na\nb\n```\n<!-- not run: needs a cluster -->\n\n```sh\nc\n```\n```yaml\nd\n```\n\n```sh\ne\n```\n";
    let found: Vec<_> = blocks(markdown).into_iter().map(|block| (block.line, block.commands)).collect();
    assert_eq!(found, [(3, "a\nb".to_owned()), (16, "e".to_owned())]);
}

#[test]
fn the_commands_of_the_readme_run() {
    let path = repository().join("README.md");
    let readme = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let blocks = blocks(&readme);
    assert!(!blocks.is_empty(), "the README has no commands");
    let db = TestDb::new(DatabaseKind::Sqlite);
    block_on(async {
        // With the settings of a user, who has given none: `verify` must have the same.
        let server = Builder::on(&db.url()).env("STEPS_ABANDON_AFTER", "24h").start().await;
        let search = format!("{}:/usr/local/bin:/usr/bin:/bin", binaries().display());
        let cli = Cli::of(&server).env("PATH", &search).env("STEPS_DATABASE_URL", &db.url());
        let cli = cli.env("STEPS_LISTEN", server.url().trim_start_matches("http://"));
        for Block { line, commands } in blocks {
            let output = cli.work().join(".output");
            let kept = File::create(&output).unwrap();
            let mut bash: Command = cli.program("bash".as_ref(), &["-euo", "pipefail", "-c", &commands]);
            let mut child = bash.stdout(kept.try_clone().unwrap()).stderr(kept).spawn().unwrap();
            let what = format!("README.md, line {line}, ends");
            let status = eventually(&what, async || child.try_wait().unwrap()).await;
            let said = std::fs::read_to_string(&output).unwrap();
            assert!(status.success(), "README.md, line {line}: {status}\n{commands}\n---\n{said}");
        }
    });
}
