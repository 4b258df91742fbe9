//! One fact per line.

/// Facts in order, as text.
#[derive(Default)]
pub(super) struct Facts(String);

impl Facts {
    /// Begins with what is looked at.
    pub(super) fn of(what: impl std::fmt::Display) -> Self {
        Self(format!("{what}\n"))
    }

    /// Adds a fact; one without a value is left out.
    pub(super) fn add(&mut self, name: &str, value: impl ToString) -> &mut Self {
        let value = value.to_string();
        if !value.is_empty() {
            self.0.push_str(&format!("{name:<14}{value}\n"));
        }
        self
    }

    /// Adds text as it is.
    pub(super) fn text(&mut self, text: &str) -> &mut Self {
        self.0.push_str(text);
        self
    }

    pub(super) fn print(&self) {
        print!("{}", self.0);
    }
}
