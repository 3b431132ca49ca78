//! Puts the layers of the configuration on top of each other and remembers where each value came from:
//! defaults < file < aliases < environment (`ORDERMILL__SECTION__KEY`) < flags. Knows names and types from the defaults
//! alone.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

use toml::{Table, Value};

use super::aliases::Alias;
use super::value::{self, FromValue};
use super::{ConfigError, DEFAULTS};
use crate::nearest::suggestion;

/// Names of the environment that are settings begin so.
const ENVIRONMENT_PREFIX: &str = "ORDERMILL__";

/// Where a value came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// The commented defaults.
    Default,
    /// The configuration file, at this line (0 where it could not be told).
    File {
        /// The file.
        path: PathBuf,
        /// Counted from 1.
        line: usize,
    },
    /// A variable of the environment.
    Environment(String),
    /// A flag, as a person types it.
    Flag(String),
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::File { path, line: 0 } => write!(f, "{}", path.display()),
            Self::File { path, line } => write!(f, "{}:{line}", path.display()),
            Self::Environment(name) => f.write_str(name),
            Self::Flag(flag) => f.write_str(flag),
        }
    }
}

/// One setting as it stands.
#[derive(Debug, Clone)]
pub struct Setting {
    /// Its value.
    pub value: Value,
    /// Who said so.
    pub origin: Origin,
}

/// A value that a flag sets: `section.key`, the text, and the flag as typed.
#[derive(Debug, Clone)]
pub struct Override {
    /// `section.key`.
    pub name: String,
    /// The text after the flag.
    pub text: String,
    /// How the flag is called, for messages.
    pub flag: String,
}

impl Override {
    /// A flag of its own, such as `--data-dir`.
    pub fn new(name: &str, text: impl Into<String>, flag: &str) -> Self {
        Self {
            name: name.to_owned(),
            text: text.into(),
            flag: flag.to_owned(),
        }
    }
}

/// All settings, each with its origin, and the faults found so far.
#[derive(Debug)]
pub struct Layers {
    settings: BTreeMap<String, Setting>,
    defaults: BTreeMap<String, Value>,
    aliases: Vec<Alias>,
    faults: Vec<String>,
}

impl Layers {
    /// Every setting at its default.
    pub fn defaults() -> Self {
        let table: Table = toml::from_str(DEFAULTS).expect("the embedded defaults are valid TOML");
        let mut defaults = BTreeMap::new();
        for (section, keys) in &table {
            let keys = keys.as_table().expect("every default stands in a section");
            for (key, value) in keys {
                defaults.insert(format!("{section}.{key}"), value.clone());
            }
        }
        let settings = defaults
            .iter()
            .map(|(name, value)| {
                let setting = Setting {
                    value: value.clone(),
                    origin: Origin::Default,
                };
                (name.clone(), setting)
            })
            .collect();
        Self {
            settings,
            defaults,
            aliases: Vec::new(),
            faults: Vec::new(),
        }
    }

    /// Lays a configuration file on top.
    ///
    /// # Errors
    /// Where the file cannot be read or is not TOML; unknown keys become faults.
    pub fn add_file(&mut self, path: &Path) -> Result<(), ConfigError> {
        let text = std::fs::read_to_string(path).map_err(|error| {
            ConfigError::one(format!(
                "cannot read the configuration file {}: {error}",
                path.display()
            ))
        })?;
        let table: Table = toml::from_str(&text).map_err(|error| {
            let line = error.span().map_or(0, |span| line_at(&text, span.start));
            let message = error.message().replace('\n', " ");
            ConfigError::one(format!("{}:{line}: {message}", path.display()))
        })?;
        for (section, value) in table {
            let origin = |key: &str| Origin::File {
                path: path.to_owned(),
                line: line_of(&text, &section, key),
            };
            let Value::Table(keys) = value else {
                let name = self.unknown_section(&section);
                self.faults.push(format!("{} ({})", name, path.display()));
                continue;
            };
            if !self.sections().any(|known| known == section) {
                let name = self.unknown_section(&section);
                self.faults.push(format!("{} ({})", name, origin("")));
                continue;
            }
            for (key, value) in keys {
                let origin = origin(&key);
                self.set(&format!("{section}.{key}"), value, origin);
            }
        }
        Ok(())
    }

    /// Lays the environment on top.
    pub fn add_environment(&mut self, variables: impl IntoIterator<Item = (String, String)>) {
        for (variable, text) in variables {
            let Some(rest) = variable.strip_prefix(ENVIRONMENT_PREFIX) else {
                continue;
            };
            let name = rest.to_lowercase().replacen("__", ".", 1);
            self.set_text(&name, &text, Origin::Environment(variable.clone()));
        }
    }

    /// Lays a flag on top.
    pub fn add_flag(&mut self, given: &Override) {
        self.set_text(&given.name, &given.text, Origin::Flag(given.flag.clone()));
    }

    /// Sets a list from whole texts, whatever they hold.
    pub(super) fn set_list(&mut self, name: &str, items: &[&str], origin: Origin) {
        let items = items.iter().map(|item| Value::String((*item).to_owned()));
        self.set(name, Value::Array(items.collect()), origin);
    }

    /// Sets a value from a text, by the type of the setting's default.
    pub(super) fn set_text(&mut self, name: &str, text: &str, origin: Origin) {
        let Some(like) = self.defaults.get(name) else {
            self.report_unknown(name, &origin);
            return;
        };
        match value::from_text(text, like) {
            Ok(value) => self.set(name, value, origin),
            Err(reason) => self.faults.push(format!("{name} {reason} ({origin})")),
        }
    }

    fn set(&mut self, name: &str, value: Value, origin: Origin) {
        match self.settings.get_mut(name) {
            Some(setting) => *setting = Setting { value, origin },
            None => self.report_unknown(name, &origin),
        }
    }

    fn report_unknown(&mut self, name: &str, origin: &Origin) {
        let hint = suggestion(name, self.defaults.keys().map(String::as_str));
        self.faults
            .push(format!("{name} is no setting{hint} ({origin})"));
    }

    fn sections(&self) -> impl Iterator<Item = &str> {
        self.defaults
            .keys()
            .filter_map(|name| name.split_once('.').map(|(section, _)| section))
    }

    fn unknown_section(&self, section: &str) -> String {
        let hint = suggestion(section, self.sections());
        format!("[{section}] is no section{hint}")
    }

    /// Reads one setting as its type. A fault is remembered, and the default stands in so that all are found at once.
    pub fn read<T: FromValue>(&mut self, name: &str) -> T {
        let setting = self
            .settings
            .get(name)
            .expect("every setting that is read has a default");
        match T::from_value(&setting.value) {
            Ok(value) => value,
            Err(reason) => {
                self.faults
                    .push(format!("{name} {reason} ({})", setting.origin));
                T::from_value(&self.defaults[name]).expect("every default is of its setting's type")
            }
        }
    }

    /// Remembers a fault about one setting, with its origin.
    pub fn refuse(&mut self, name: &str, reason: &str) {
        let origin = &self
            .settings
            .get(name)
            .expect("only known settings are refused")
            .origin;
        self.faults.push(format!("{name} {reason} ({origin})"));
    }

    /// Remembers a fault that is no setting's own.
    pub(super) fn complain(&mut self, fault: String) {
        self.faults.push(fault);
    }

    /// Remembers an alias that the environment has.
    pub(super) fn note(&mut self, alias: Alias) {
        self.aliases.push(alias);
    }

    /// What became of each alias, a line each: which settings it sets, or why it has no effect.
    pub fn alias_lines(&self) -> impl Iterator<Item = String> {
        self.aliases.iter().map(|alias| {
            let name = alias.name;
            if let Some(why) = alias.without_effect {
                return format!("{name} has no effect: {why}");
            }
            let overridden = alias.settings.iter().find_map(|setting| {
                let origin = &self.settings.get(*setting)?.origin;
                match origin {
                    Origin::Environment(names) if names.split(", ").any(|n| n == name) => None,
                    other => Some(format!("{setting} is set by {other}")),
                }
            });
            match overridden {
                Some(by) => format!("{name} has no effect: {by}"),
                None => format!("{name} sets {}", alias.settings.join(", ")),
            }
        })
    }

    /// Whether anybody said anything about this setting.
    pub fn is_default(&self, name: &str) -> bool {
        self.settings
            .get(name)
            .is_none_or(|setting| setting.origin == Origin::Default)
    }

    /// Whether a setting has the value of its default, which a file made by `config default` states.
    pub fn has_default_value(&self, name: &str) -> bool {
        let value = self.settings.get(name).map(|setting| &setting.value);
        value == self.defaults.get(name)
    }

    /// Every setting, by name.
    pub const fn settings(&self) -> &BTreeMap<String, Setting> {
        &self.settings
    }

    /// Ends the reading.
    ///
    /// # Errors
    /// All faults that were found.
    pub fn finish(&mut self) -> Result<(), ConfigError> {
        let faults = std::mem::take(&mut self.faults);
        if faults.is_empty() {
            Ok(())
        } else {
            Err(ConfigError { faults })
        }
    }
}

fn line_at(text: &str, offset: usize) -> usize {
    text.as_bytes()
        .iter()
        .take(offset)
        .filter(|byte| **byte == b'\n')
        .count()
        + 1
}

/// The line where a key of a section is set, by the usual layout; 0 where it is written in another way.
fn line_of(text: &str, section: &str, key: &str) -> usize {
    let mut here = String::new();
    for (index, line) in text.lines().enumerate() {
        let line = line.trim();
        if let Some(header) = line.strip_prefix('[') {
            here = header
                .split(']')
                .next()
                .unwrap_or_default()
                .trim()
                .to_owned();
            if key.is_empty() && here == section {
                return index + 1;
            }
        } else if let Some((name, _)) = line.split_once('=') {
            let name = name.trim().trim_matches('"');
            let full = if here.is_empty() {
                name.to_owned()
            } else {
                format!("{here}.{name}")
            };
            if full == format!("{section}.{key}") {
                return index + 1;
            }
        }
    }
    0
}
