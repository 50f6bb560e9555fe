//! Where a cell stands, for the reader of progress and of a trace.

use tracing::Span;

/// A phase and its span, which is within the one that was current when it began.
pub(super) struct Phase {
    name: &'static str,
    span: Span,
}

impl Phase {
    pub(super) fn begin(name: &'static str) -> Self {
        Self { name, span: tracing::info_span!(target: "rpycbench", "phase", otel.name = name) }
    }

    /// Ends this phase and begins the next.
    pub(super) fn enter(&mut self, name: &'static str) {
        // A span ends when it is let go, and this one has to before the next begins.
        self.span = Span::none();
        *self = Self::begin(name);
    }

    pub(super) fn name(&self) -> &'static str {
        self.name
    }
}
