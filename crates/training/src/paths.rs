//! Names of parameters: the path through the module, joined by dots.

/// Follows `enter_module` / `exit_module` of a visitor or mapper.
#[derive(Debug, Default)]
pub(crate) struct PathStack(Vec<String>);

impl PathStack {
    pub(crate) fn enter(&mut self, name: &str) {
        self.0.push(name.to_owned());
    }

    pub(crate) fn exit(&mut self) {
        self.0.pop();
    }

    /// The current name, as `blocks.3.attn.qkv.weight`; a bare parameter without a module around it is `value`.
    pub(crate) fn name(&self) -> String {
        if self.0.is_empty() {
            return "value".into();
        }
        self.0.join(".")
    }
}
