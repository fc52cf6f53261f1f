//! The files that views refer to, built into the program.
//!
//! Why the digest is in the name: a browser may keep a file for ever, and a new release is a new name. Nothing is fetched
//! from elsewhere, so the page works without the internet and tells nobody who looks at it.

/// A file of the page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Asset {
    stem: &'static str,
    extension: &'static str,
    pub content_type: &'static str,
    pub bytes: &'static [u8],
    digest: u64,
}

pub(super) const STYLE: Asset =
    Asset::new("style", "css", "text/css; charset=utf-8", include_bytes!("assets/style.css"));
/// Loaded before anything is drawn, so that a chosen theme does not flash.
pub(super) const THEME: Asset =
    Asset::new("theme", "js", "text/javascript; charset=utf-8", include_bytes!("assets/theme.js"));
pub(super) const LIVE: Asset =
    Asset::new("live", "js", "text/javascript; charset=utf-8", include_bytes!("assets/live.js"));
/// Of the form for a new tenant alone.
pub(super) const PREFLIGHT: Asset = Asset::new(
    "preflight",
    "js",
    "text/javascript; charset=utf-8",
    include_bytes!("assets/preflight.js"),
);
pub(super) const FAVICON: Asset =
    Asset::new("favicon", "svg", "image/svg+xml", include_bytes!("assets/favicon.svg"));

const ALL: [Asset; 5] = [STYLE, THEME, LIVE, PREFLIGHT, FAVICON];

/// The file of this name, the digest included. It never changes, and may be kept for ever.
pub fn asset(name: &str) -> Option<Asset> {
    ALL.into_iter().find(|it| it.name() == name)
}

impl Asset {
    const fn new(
        stem: &'static str,
        extension: &'static str,
        content_type: &'static str,
        bytes: &'static [u8],
    ) -> Self {
        Self { stem, extension, content_type, bytes, digest: digest(bytes) }
    }

    pub fn name(&self) -> String {
        format!("{}.{:016x}.{}", self.stem, self.digest, self.extension)
    }

    /// As it stands in a view.
    pub fn path(&self) -> String {
        format!("/assets/{}", self.name())
    }

    /// In quotes, as the header wants it.
    pub fn etag(&self) -> String {
        format!("\"{:016x}\"", self.digest)
    }
}

/// FNV-1a: it tells releases apart and guards against nothing, and it runs while the program is compiled.
const fn digest(bytes: &[u8]) -> u64 {
    let mut digest = 0xcbf2_9ce4_8422_2325_u64;
    let mut at = 0;
    while at < bytes.len() {
        digest ^= bytes[at] as u64;
        digest = digest.wrapping_mul(0x0100_0000_01b3);
        at += 1;
    }
    digest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_found_by_its_full_name_alone() {
        for it in ALL {
            assert_eq!(asset(&it.name()), Some(it));
            assert!(it.etag().contains(&format!("{:016x}", it.digest)));
        }
        assert_eq!(asset("style.css"), None);
        assert_eq!(asset("../Cargo.toml"), None);
    }

    #[test]
    fn the_digest_is_fnv_1a() {
        assert_eq!(digest(b""), 0xcbf2_9ce4_8422_2325);
        assert_eq!(digest(b"a"), 0xaf63_dc4c_8601_ec8c);
    }
}
