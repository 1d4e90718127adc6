import Glibc
import NIOCore

/// The socket of a connection, for live events: one system call for each, and nothing of the pipeline's way of several
/// times its own cost.
///
/// It may be used only while the channel is active and has nothing pending, on its event loop, where neither can change
/// meanwhile. What the kernel does not take goes the ordinary way, and so does every error, which the channel then meets
/// itself.
struct DirectSocket {
    private let descriptor: CInt

    /// - Returns: nil where what is written does not go to a socket as it is.
    init?(_ pipeline: ChannelPipeline.SynchronousOperations) {
        let descriptor = try? pipeline.withUnsafeTransportIfAvailable(of: CInt.self) { $0 }
        guard let descriptor else { return nil }
        self.descriptor = descriptor
    }

    /// - Returns: how many bytes were taken.
    func send(_ bytes: UnsafeRawBufferPointer) -> Int {
        let flags = CInt(MSG_DONTWAIT) | CInt(MSG_NOSIGNAL)
        return max(0, Glibc.send(self.descriptor, bytes.baseAddress, bytes.count, flags))
    }
}
