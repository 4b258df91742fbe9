//! `rs-peft reference`: pages of the book that say what this program can do, made from the program itself.

use std::fmt::Write;

use clap::ValueEnum;
use clap::builder::StyledStr;

use super::{methods, models};

/// Arguments of `reference`.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Which page.
    #[arg(value_enum)]
    page: Page,
}

#[derive(Clone, Copy, ValueEnum)]
enum Page {
    /// Every command with its help.
    Commands,
    /// Methods with what each trains.
    Methods,
    /// Published weights that load.
    Models,
}

/// `program`: the parser of the command line.
pub(crate) fn run(args: &Args, program: clap::Command) -> anyhow::Result<()> {
    let text = match args.page {
        Page::Commands => commands(program)?,
        Page::Methods => methods::page()?,
        Page::Models => models::page(),
    };
    print!("{text}");
    Ok(())
}

fn commands(program: clap::Command) -> anyhow::Result<String> {
    let mut program = program.disable_help_subcommand(true);
    program.build();
    let mut page = String::from(
        "# Commands\n\nWhat `--help` says, command by command. Made by `cargo xtask book`.\n",
    );
    describe(&mut program, "", &mut page)?;
    Ok(page)
}

fn describe(command: &mut clap::Command, above: &str, page: &mut String) -> anyhow::Result<()> {
    let name = format!("{above}{}", command.get_name());
    let help: StyledStr = command.render_long_help();
    let help: Vec<String> = help
        .to_string()
        .lines()
        .map(|line| line.trim_end().to_owned())
        .collect();
    write!(
        page,
        "\n## `{name}`\n\n```text\n{}\n```\n",
        help.join("\n").trim_end()
    )?;
    for below in command.get_subcommands_mut() {
        if !below.is_hide_set() {
            describe(below, &format!("{name} "), page)?;
        }
    }
    Ok(())
}
