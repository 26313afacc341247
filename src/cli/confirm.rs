//! The question before something is changed. Only a person at a terminal can be asked.

use std::io::{self, BufRead, IsTerminal, Write};

use super::refusal::unfit;

/// Whether to go on. `is_sure` is `--yes`; without a terminal nothing else counts.
pub(super) fn confirm(question: &str, is_sure: bool) -> anyhow::Result<bool> {
    if is_sure {
        return Ok(true);
    }
    let input = io::stdin();
    if !input.is_terminal() {
        let what = format!("nobody is at a terminal to be asked: {question}");
        return Err(unfit(what, "say --yes if this is to be done"));
    }
    let says_yes = ask(question, &mut input.lock(), &mut io::stderr())?;
    if !says_yes {
        eprintln!("nothing was done");
    }
    Ok(says_yes)
}

/// Anything but a yes is a no, and so is the end of the input.
fn ask(question: &str, input: &mut impl BufRead, output: &mut impl Write) -> io::Result<bool> {
    write!(output, "{question} [y/N] ")?;
    output.flush()?;
    let mut line = String::new();
    input.read_line(&mut line)?;
    Ok(matches!(line.trim().to_lowercase().as_str(), "y" | "yes"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_yes_is_a_yes() {
        for (said, expected) in [
            ("y\n", true),
            (" YES \n", true),
            ("\n", false),
            ("n\n", false),
            ("yeah\n", false),
            ("", false),
            ("no\ny\n", false),
        ] {
            let mut shown = Vec::new();
            assert_eq!(ask("Proceed?", &mut said.as_bytes(), &mut shown).unwrap(), expected);
            assert_eq!(shown, b"Proceed? [y/N] ");
        }
    }
}
