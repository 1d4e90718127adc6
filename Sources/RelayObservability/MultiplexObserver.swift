package import RelayCore

/// Tells several observers, in their order.
package struct MultiplexObserver: Observer {
    private let observers: [any Observer]

    package init(_ observers: [any Observer]) {
        self.observers = observers
    }

    package func observe(_ observation: Observation) {
        for observer in self.observers { observer.observe(observation) }
    }
}
