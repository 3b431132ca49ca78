//! The error of the configuration: all its faults at once.

/// A configuration that nothing can be started with. Permanent until a setting changes; exit code 78.
#[derive(Debug)]
pub struct ConfigError {
    /// What is wrong, one line each.
    pub faults: Vec<String>,
}

impl ConfigError {
    pub(super) fn one(fault: String) -> Self {
        Self {
            faults: vec![fault],
        }
    }
}

impl std::fmt::Display for ConfigError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for (index, fault) in self.faults.iter().enumerate() {
            if index > 0 {
                f.write_str("\n")?;
            }
            write!(f, "configuration: {fault}")?;
        }
        Ok(())
    }
}

impl std::error::Error for ConfigError {}
