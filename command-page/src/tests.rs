use clap::{Arg, ArgAction, Command};

use super::*;

/// A program whose two commands share an option.
fn program() -> Command {
    let store = Arg::new("data").long("data").value_name("DIR").env("TOOL_DATA").help("Where the store is");
    Command::new("tool")
        .after_help("Begin with:\n  tool open --data ./data\n\nThe end.")
        .subcommand(
            Command::new("open")
                .about("Open it")
                .arg(store.clone())
                .arg(Arg::new("mode").help("How").value_parser(["slow", "fast|furious"]).default_value("slow")),
        )
        .subcommand(
            Command::new("item").about("What is in it").subcommand(
                Command::new("list")
                    .about("List the items")
                    .arg(store)
                    .arg(Arg::new("all").long("all").short('a').action(ArgAction::SetTrue).help("The old ones too"))
                    .arg(Arg::new("secret").long("secret").hide(true)),
            ),
        )
        .subcommand(Command::new("internal").hide(true))
}

#[test]
fn a_page_describes_each_command_and_what_is_common_once() {
    let expected = "\
# Tool

It opens things.

Begin with:

```sh
tool open --data ./data
```

The end.

| command | what it does |
| --- | --- |
| [`tool open`](#tool-open) | Open it |
| [`tool item list`](#tool-item-list) | List the items |

## Common options

Most commands take these options.

| argument | variable | what it does |
| --- | --- | --- |
| `--data <DIR>` | `TOOL_DATA` | Where the store is |

## `tool open`

Open it.

```text
tool open [OPTIONS] [mode]
```

| argument | what it does |
| --- | --- |
| `[mode]` | How. Values: `slow`, `fast\\|furious` [default: slow] |

It also takes the [common options](#common-options).

## `tool item`

What is in it.

### `tool item list`

List the items.

```text
tool item list [OPTIONS]
```

| argument | what it does |
| --- | --- |
| `-a, --all` | The old ones too |

It also takes the [common options](#common-options).
";
    assert_eq!(page(program(), "Tool", "It opens things."), expected);
}

#[test]
fn an_option_with_another_meaning_is_not_the_common_one() {
    let json = |help: &'static str| Arg::new("json").long("json").action(ArgAction::SetTrue).help(help);
    let program = Command::new("tool")
        .subcommand(Command::new("one").arg(json("Print JSON")))
        .subcommand(Command::new("two").arg(json("Print JSON")))
        .subcommand(Command::new("serve").arg(json("Say so in JSON")));
    let text = page(program, "Tool", "");
    let (_, serve) = text.split_once("## `tool serve`").expect("a section");
    assert!(serve.contains("| `--json` | Say so in JSON |"), "{serve}");
    assert!(!serve.contains("common options"), "{serve}");
}
