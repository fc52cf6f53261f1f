//! A verdict as a small picture, for a readme, a wiki or a wall.
//!
//! Why the width is counted and not measured: the picture is drawn without a browser. Each text is told how wide it is, so
//! that it fits in any font.

use askama::Template;

use super::words;
use crate::model::finding::Verdict;
use crate::report::visible::clipped;

/// Characters of a label.
const LONGEST: usize = 60;
/// Of a character in an eleven pixel font, in tenths of a pixel, on average and rounded up.
const CHARACTER: usize = 65;
const PADDING: usize = 18;
/// The picture that tells the verdict without its colour.
const MARK: usize = 16;

#[derive(Template)]
#[template(path = "badge.svg", config = "src/page/askama.toml")]
struct Svg<'a> {
    label: &'a str,
    verdict: Verdict,
    /// In pixels: of the label's text, of its field, of the verdict's text and of the whole.
    label_text: usize,
    label_width: usize,
    verdict_text: usize,
    width: usize,
}

/// `verdict` is what may be said now, see `verdict::of_fleet` and `verdict::of_tenant`.
pub fn render(label: &str, verdict: Verdict) -> Result<String, askama::Error> {
    let label = clipped(label, LONGEST);
    let label_text = text_width(&label);
    let verdict_text = text_width(words::verdict(verdict));
    let svg = Svg {
        label: &label,
        verdict,
        label_text,
        label_width: label_text + PADDING,
        verdict_text,
        width: label_text + PADDING + MARK + verdict_text + PADDING,
    };
    svg.render()
}

fn text_width(text: &str) -> usize {
    text.chars().count() * CHARACTER / 10
}
