/// A file of the viewer page, carried in the binary.
package struct Asset: Sendable {
    package let fileName: String
    package let bytes: [UInt8]
}

/// The viewer page and what it loads.
package let assets: [Asset] = [
    Asset(fileName: "index.html", bytes: PackageResources.index_html),
    Asset(fileName: "viewer.css", bytes: PackageResources.viewer_css),
    Asset(fileName: "viewer.js", bytes: PackageResources.viewer_js),
]
