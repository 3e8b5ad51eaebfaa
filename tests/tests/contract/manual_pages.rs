//! The manual pages and completions of packages: one page for each subcommand, which the manual reader understands.

use std::process::Command;

use steps_tests::{Run, binary, repository};
use tempfile::TempDir;

#[test]
fn each_subcommand_has_a_page() {
    let folder = TempDir::with_prefix("steps-pages-").unwrap();
    Run::of(Command::new(binary("pages")).arg(folder.path())).ok();
    for program in ["steps", "steps-server"] {
        let page = |name: &str| std::fs::read_to_string(folder.path().join(format!("man1/{name}.1"))).unwrap();
        let help = Run::of(Command::new(binary(program)).arg("--help")).ok();
        let commands = help.split("Commands:\n").nth(1).unwrap().split("\n\n").next().unwrap();
        let names = commands.lines().filter_map(|line| line.strip_prefix("  ")?.split(' ').next());
        let names: Vec<&str> = names.filter(|name| !name.is_empty() && *name != "help").collect();
        assert!(names.len() > 8, "{names:?}");
        let whole = page(program);
        for name in names {
            assert!(page(&format!("{program}-{name}")).contains(".SH OPTIONS"), "{program} {name}");
            let listed = format!("{program}-{name}(1)").replace('-', "\\-");
            assert!(whole.contains(&listed), "{listed} is not in {program}.1");
        }
        assert!(!whole.contains("help(1)"), "{program}");
        for nested in ["token-create", "token-list", "token-revoke"] {
            page(&format!("{program}-{nested}"));
        }
    }
    // Those of the command are the same as in the repository.
    for file in ["steps.bash", "_steps", "steps.fish"] {
        let [made, kept] = [folder.path(), &repository()].map(|place| place.join("completions").join(file));
        assert!(std::fs::read(made).unwrap() == std::fs::read(kept).unwrap(), "{file}");
    }
    for file in ["steps-server.bash", "_steps-server", "steps-server.fish"] {
        assert!(folder.path().join("completions").join(file).exists(), "{file}");
    }
}
