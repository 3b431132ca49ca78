//! The layers of the configuration, and where each value came from:
//! defaults < file < aliases < environment (`ORDERMILL__SECTION__KEY`) < flags. Names and kinds of values are those of the
//! defaults. Called while a configuration is loaded and checked.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

use order_json::did_you_mean;
use serde::de::DeserializeOwned;
use toml::{Table, Value};

use super::deserializer::Raw;
use super::error::ConfigError;
use super::file::Entry;
use super::{defaults, file, text};

/// Names of the environment that are settings begin so.
const ENVIRONMENT_PREFIX: &str = "ORDERMILL__";

/// Where a value came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// The commented defaults.
    Default,
    /// The configuration file, at this line (0 if it could not be told).
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

/// One setting with its uppermost value.
#[derive(Debug, Clone)]
pub struct Setting {
    /// Its value.
    pub value: Value,
    /// Where it came from.
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
    faults: Vec<String>,
}

impl Layers {
    /// Every setting at its default.
    pub fn defaults() -> Self {
        let defaults = defaults::values();
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
            faults: Vec::new(),
        }
    }

    /// Adds a configuration file as the uppermost layer.
    ///
    /// # Errors
    /// If the file cannot be read or is not TOML; unknown keys become faults.
    pub fn add_file(&mut self, path: &Path) -> Result<(), ConfigError> {
        for entry in file::read(path)? {
            let (name, line, keys) = match entry {
                Entry::Section { name, line, keys } => (name, line, keys),
                Entry::Stray { name } => {
                    let fault = self.unknown_section(&name);
                    self.faults.push(format!("{fault} ({})", path.display()));
                    continue;
                }
            };
            let origin = |line| Origin::File {
                path: path.to_owned(),
                line,
            };
            if !self.sections().any(|known| known == name) {
                let fault = self.unknown_section(&name);
                self.faults.push(format!("{fault} ({})", origin(line)));
                continue;
            }
            for (key, value, line) in keys {
                self.set(&format!("{name}.{key}"), value, origin(line));
            }
        }
        Ok(())
    }

    /// Adds the environment as the uppermost layer.
    pub fn add_environment(&mut self, variables: impl IntoIterator<Item = (String, String)>) {
        for (variable, text) in variables {
            let Some(rest) = variable.strip_prefix(ENVIRONMENT_PREFIX) else {
                continue;
            };
            let name = rest.to_lowercase().replacen("__", ".", 1);
            self.set_text(&name, &text, Origin::Environment(variable.clone()));
        }
    }

    /// Adds a flag as the uppermost layer.
    pub fn add_flag(&mut self, given: &Override) {
        self.set_text(&given.name, &given.text, Origin::Flag(given.flag.clone()));
    }

    /// Sets a list from whole texts, whatever they hold.
    pub fn set_list(&mut self, name: &str, items: &[&str], origin: Origin) {
        let items = items.iter().map(|item| Value::String((*item).to_owned()));
        self.set(name, Value::Array(items.collect()), origin);
    }

    /// Sets a value from a text, by the type of the setting's default.
    pub fn set_text(&mut self, name: &str, given: &str, origin: Origin) {
        let Some(like) = self.defaults.get(name) else {
            self.report_unknown(name, &origin);
            return;
        };
        match text::from_text(given, like) {
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
        let hint = did_you_mean(name, self.defaults.keys().map(String::as_str));
        self.faults
            .push(format!("{name} is no setting{hint} ({origin})"));
    }

    fn sections(&self) -> impl Iterator<Item = &str> {
        self.defaults
            .keys()
            .filter_map(|name| name.split_once('.').map(|(section, _)| section))
    }

    fn unknown_section(&self, section: &str) -> String {
        let hint = did_you_mean(section, self.sections());
        format!("[{section}] is no section{hint}")
    }

    /// Reads all settings as their types. Each fault is remembered and the default stands in for the setting, so that all are
    /// found at once.
    pub fn read<T: DeserializeOwned>(&mut self) -> T {
        let mut values: BTreeMap<String, Value> = self
            .settings
            .iter()
            .map(|(name, setting)| (name.clone(), setting.value.clone()))
            .collect();
        loop {
            let fault = match T::deserialize(Raw(Value::Table(in_sections(&values)))) {
                Ok(read) => return read,
                Err(fault) => fault,
            };
            let default = self.defaults.get(&fault.name);
            let default = default.filter(|default| values.get(&fault.name) != Some(default));
            let default = default
                .unwrap_or_else(|| panic!("the defaults and the sections do not fit: {fault}"))
                .clone();
            self.refuse(&fault.name, &fault.reason);
            values.insert(fault.name, default);
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
    pub fn complain(&mut self, fault: String) {
        self.faults.push(fault);
    }

    /// Whether no layer above the defaults sets this setting.
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

/// The settings as a table of sections.
fn in_sections(values: &BTreeMap<String, Value>) -> Table {
    let mut sections = Table::new();
    for (name, value) in values {
        let (section, key) = name.split_once('.').expect("a setting is section.key");
        let section = sections
            .entry(section)
            .or_insert_with(|| Value::Table(Table::new()));
        if let Value::Table(keys) = section {
            keys.insert(key.to_owned(), value.clone());
        }
    }
    sections
}
