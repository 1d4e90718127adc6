/// A file that the binary carries in itself, to be served below `BasePath`.
package struct Asset: Sendable {
    package let fileName: String
    package let bytes: [UInt8]
}

/// The JavaScript client and its types. They are served whatever page stands in the viewer's place.
package let clientAssets: [Asset] = [
    Asset(fileName: "client.js", bytes: PackageResources.client_js),
    Asset(fileName: "client.d.ts", bytes: PackageResources.client_d_ts),
]

/// The viewer page and what it loads beside the client.
package let viewerAssets: [Asset] = [
    Asset(fileName: "index.html", bytes: PackageResources.index_html),
    Asset(fileName: "viewer.css", bytes: PackageResources.viewer_css),
    Asset(fileName: "viewer.js", bytes: PackageResources.viewer_js),
    Asset(fileName: "chart.js", bytes: PackageResources.chart_js),
    Asset(fileName: "chips.js", bytes: PackageResources.chips_js),
    Asset(fileName: "dom.js", bytes: PackageResources.dom_js),
    Asset(fileName: "list.js", bytes: PackageResources.list_js),
    Asset(fileName: "payload.js", bytes: PackageResources.payload_js),
    Asset(fileName: "relay.js", bytes: PackageResources.relay_js),
    Asset(fileName: "screen.js", bytes: PackageResources.screen_js),
    Asset(fileName: "search.js", bytes: PackageResources.search_js),
    Asset(fileName: "timeline.js", bytes: PackageResources.timeline_js),
]
