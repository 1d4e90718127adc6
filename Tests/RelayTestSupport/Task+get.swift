extension Task where Failure == any Error {
    /// The value. Who stops waiting for it, as by a test's time limit, cancels the task too: `value` alone is waited for
    /// in vain for ever.
    package func get() async throws -> Success {
        try await withTaskCancellationHandler {
            try await self.value
        } onCancel: {
            self.cancel()
        }
    }
}
