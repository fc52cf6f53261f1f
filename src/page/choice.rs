//! What a filter offers.

/// One of the values of a filter.
pub(super) struct Choice<'a> {
    /// As it stands in the address.
    pub value: &'a str,
    pub text: String,
    pub chosen: bool,
}

/// All of a closed list.
pub(super) fn choices<T: Copy + PartialEq>(
    all: &[T],
    chosen: Option<T>,
    label: impl Fn(T) -> &'static str,
    text: impl Fn(T) -> String,
) -> Vec<Choice<'static>> {
    let one = |it: &T| Choice { value: label(*it), text: text(*it), chosen: chosen == Some(*it) };
    all.iter().map(one).collect()
}
