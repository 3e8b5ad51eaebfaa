//! What was asked and what was answered, as one text, for snapshots.

use std::fmt::Write;

use serde_json::Value;

use crate::{Answer, Cli, Run, Server};

/// A text that grows by each question and its answer.
#[derive(Debug, Default)]
pub struct Transcript {
    text: String,
    replaced: Vec<(String, String)>,
    hidden: Vec<&'static str>,
}

impl Transcript {
    /// An empty one; what varies from one run to the next is replaced: (what, by what).
    #[must_use]
    pub fn replacing(replaced: &[(&str, &str)]) -> Self {
        let owned = |(what, by): &(&str, &str)| ((*what).to_owned(), (*by).to_owned());
        Self { replaced: replaced.iter().map(owned).collect(), ..Self::default() }
    }

    /// One of a command and a server: their folder and address are replaced.
    #[must_use]
    pub fn of(cli: &Cli, server: &Server) -> Self {
        let (home, work) = (cli.home().display().to_string(), cli.work().display().to_string());
        Self::replacing(&[(server.url(), "http://SERVER"), (&home, "HOME"), (&work, "WORK")])
    }

    /// Hides the values of these members of JSON too, beside that of `request_id`.
    #[must_use]
    pub fn hiding(mut self, members: &[&'static str]) -> Self {
        self.hidden.extend(members);
        self
    }

    /// Runs the command and adds what it printed, what it said beside, and its exit code where that is not 0.
    pub fn run(&mut self, cli: &Cli, args: &[&str]) {
        self.ran(args, cli.run(args));
    }

    /// Adds what a command did.
    pub fn ran(&mut self, args: &[&str], run: Run) {
        self.ran_by("steps", args, run);
    }

    /// Adds what a command of a program did.
    pub fn ran_by(&mut self, program: &str, args: &[&str], run: Run) {
        let Run { code, stdout, stderr } = run;
        let word =
            |word: &&str| if word.contains(' ') || word.is_empty() { format!("'{word}'") } else { (*word).to_owned() };
        let args: Vec<String> = args.iter().map(word).collect();
        self.add(&format!("$ {program} {}\n{stdout}", args.join(" ")));
        if !stderr.is_empty() {
            self.add(&format!("--- standard error\n{stderr}"));
        }
        if code != 0 {
            self.add(&format!("--- exit code {code}\n"));
        }
        self.add("\n");
    }

    /// Asks the server with GET and adds the answer.
    pub async fn get(&mut self, server: &Server, path: &str) {
        let answer = server.get(path).await;
        self.answered(&format!("GET {path}"), &answer);
    }

    /// Adds an answer: its status, what its headers say of it, and its body; JSON with a member a line.
    pub fn answered(&mut self, question: &str, answer: &Answer) {
        self.add(&format!("{question}\n{}\n", answer.status));
        for name in ["content-type", "content-disposition", "allow", "retry-after"] {
            if let Some(value) = answer.headers.get(name) {
                self.add(&format!("{name}: {}\n", value.to_str().expect("text")));
            }
        }
        let body = answer.text();
        let json = answer.header("content-type").ends_with("json") && !answer.header("content-type").contains("ndjson");
        let body = match serde_json::from_str::<Value>(body) {
            Ok(mut value) if json => {
                for name in self.hidden.iter().chain(&["request_id"]) {
                    replace_member(&mut value, name);
                }
                format!("{value:#}\n")
            }
            _ => body.to_owned(),
        };
        self.add(&format!("\n{}\n", body.replace("\r\n", "\u{240d}\n")));
    }

    /// Adds a text.
    pub fn add(&mut self, text: &str) {
        let text = self.replaced.iter().fold(text.to_owned(), |text, (what, by)| text.replace(what, by));
        self.text.write_str(&text).expect("a string takes all");
    }

    /// All of it.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }
}

/// Replaces the value of a member, wherever it is.
fn replace_member(value: &mut Value, name: &str) {
    match value {
        Value::Object(members) => {
            for (member, value) in members {
                if member == name {
                    *value = Value::from(format!("[{name}]"));
                } else {
                    replace_member(value, name);
                }
            }
        }
        Value::Array(values) => values.iter_mut().for_each(|value| replace_member(value, name)),
        _ => {}
    }
}

/// Each duration as `[time]`, each run of spaces as one and each bar as one block: for what depends on how long ago
/// something was.
#[must_use]
pub fn without_times(text: &str) -> String {
    let is_time = |word: &&str| {
        let units = word.trim_start_matches(|c: char| c.is_ascii_digit() || ".,".contains(c));
        word.starts_with(|c: char| c.is_ascii_digit()) && units.starts_with(['d', 'h', 'm', 's'])
    };
    let mut plain = String::new();
    for line in text.lines() {
        let short = |word| if is_time(&word) { "[time]" } else { word.strip_suffix('█').map_or(word, |_| "█") };
        let words = line.split_whitespace().map(short);
        let _ = writeln!(plain, "{}", words.collect::<Vec<_>>().join(" "));
    }
    plain
}

/// Lines of a name and a value with the values of these names hidden, and each run of spaces as two: for tables whose
/// columns are as wide as a folder's name.
#[must_use]
pub fn without_values(text: &str, names: &[&str]) -> String {
    let mut plain = String::new();
    for line in text.lines() {
        let cells: Vec<&str> = line.split("  ").map(str::trim).filter(|cell| !cell.is_empty()).collect();
        let _ = match cells.first() {
            Some(name) if names.contains(name) => writeln!(plain, "{name}  […]"),
            _ => writeln!(plain, "{}", cells.join("  ")),
        };
    }
    plain
}
