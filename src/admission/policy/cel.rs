//! The comparisons of the webhook in the API server's expression language.
//!
//! They are never stricter than the webhook: what it takes for no change, they do too. Where the language
//! has no words for more they are weaker:
//!
//! | What | Compared |
//! |---|---|
//! | texts, numbers, flags, lists of them | exactly; absent and empty are the same |
//! | lists of objects | as many, and for each old one a new one with the same plain values |
//! | what the schema leaves open | key by key, down to [`DEEPEST`] levels |
//! | a block that counts by its presence | whether it is there |
//!
//! Where something that was stored is no object although there should be one, nothing below it can be
//! named: the comparison is left out ([`unless_illegible`]), so that the object can be mended.
//!
//! Decides nothing about which fields are compared.

use std::collections::BTreeSet;

/// Levels of objects that are compared where the schema does not say what there is.
const DEEPEST: usize = 3;

/// What a field holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Holds {
    /// A text.
    Text,
    /// A number.
    Number,
    /// A flag.
    Flag,
    /// A list of texts, numbers or flags.
    Values,
    /// A list of objects.
    Objects,
    /// A list of objects with quantities in them.
    Sized,
    /// Something that is there or not.
    Presence,
    /// Anything.
    Anything,
}

/// A field in the old and in the new object.
#[derive(Clone, Debug)]
pub(super) struct Leaf {
    path: String,
    holds: Holds,
}

impl Leaf {
    pub(super) const fn new(path: String, holds: Holds) -> Self {
        Self { path, holds }
    }

    pub(super) fn path(&self) -> &str {
        &self.path
    }

    pub(super) fn is_presence(&self) -> bool {
        self.holds == Holds::Presence
    }

    fn of(&self, object: &str) -> String {
        let absent = match self.holds {
            Holds::Text => "''",
            Holds::Number => "0",
            Holds::Flag => "false",
            Holds::Values | Holds::Objects | Holds::Sized => "[]",
            Holds::Anything | Holds::Presence => "null",
        };
        format!(
            "{object}.?{}.orValue({absent})",
            self.path.replace('.', ".?")
        )
    }

    /// The old value.
    pub(super) fn old(&self) -> String {
        self.of("oldObject")
    }

    /// The new value.
    pub(super) fn new_value(&self) -> String {
        self.of("object")
    }

    /// Both say the same.
    pub(super) fn same(&self) -> String {
        let (old, new) = (self.old(), self.new_value());
        match self.holds {
            Holds::Text | Holds::Number | Holds::Flag | Holds::Values => format!("{new} == {old}"),
            Holds::Presence => format!("({new} == null) == ({old} == null)"),
            Holds::Objects | Holds::Sized => {
                // A stored value of another kind must not make the expression fail: it could not be mended.
                let items = same_items("o", "n", self.holds == Holds::Sized);
                format!(
                    "[{old}].all(o, [{new}].all(n, type(o) == list && type(n) == list && {items}))"
                )
            }
            Holds::Anything => format!(
                "[{old}].all(o, [{new}].all(n, {}))",
                same("o", "n", DEEPEST)
            ),
        }
    }

    /// The old one says something.
    pub(super) fn was(&self) -> String {
        self.present(&self.old())
    }

    /// The new one says something.
    pub(super) fn is(&self) -> String {
        self.present(&self.new_value())
    }

    fn present(&self, value: &str) -> String {
        match self.holds {
            Holds::Text => format!("{value} != ''"),
            Holds::Number => format!("{value} != 0"),
            Holds::Flag => format!("{value} == true"),
            Holds::Values | Holds::Objects | Holds::Sized => format!("{value} != []"),
            Holds::Presence => format!("{value} != null"),
            Holds::Anything => format!("![{value}].all(v, {})", empty("v", DEEPEST)),
        }
    }
}

/// A value that says no more than its absence; below `depth` levels an object counts for nothing.
fn empty(value: &str, depth: usize) -> String {
    let plain = format!(
        "{value} == null || {value} == false || {value} == 0 || {value} == '' || {value} == []"
    );
    match depth.checked_sub(1) {
        None => format!("({plain} || type({value}) == map)"),
        Some(below) => {
            // A list of one gives the value a short name.
            let inner = format!(
                "[{value}[k{below}]].all(v{below}, {})",
                empty(&format!("v{below}"), below)
            );
            format!("({plain} || type({value}) == map && {value}.all(k{below}, {inner}))")
        }
    }
}

fn same(old: &str, new: &str, depth: usize) -> String {
    let both = |kind: &str| format!("type({old}) == {kind} && type({new}) == {kind}");
    let objects = match depth.checked_sub(1) {
        None => both("map"),
        Some(below) => {
            let (k, o, n) = (
                format!("k{below}"),
                format!("o{below}"),
                format!("n{below}"),
            );
            format!(
                "{} && {old}.all({k}, {k} in {new} ? [{old}[{k}]].all({o}, [{new}[{k}]].all({n}, {})) : \
                 [{old}[{k}]].all({o}, {})) && {new}.all({k}, {k} in {old} || [{new}[{k}]].all({n}, {}))",
                both("map"),
                same(&o, &n, below),
                empty(&o, below),
                empty(&n, below),
            )
        }
    };
    let empty = format!("{} && {}", empty(old, depth), empty(new, depth));
    let lists = format!("{} && {}", both("list"), same_items(old, new, false));
    format!("({old} == {new} || {empty} || {objects} || {lists})")
}

/// Plain values of objects in lists are compared, what is nested in them is not.
fn same_items(old: &str, new: &str, sized: bool) -> String {
    let equal = if sized {
        format!("(e[k] == f[k] || {})", same_quantity("e[k]", "f[k]"))
    } else {
        "e[k] == f[k]".to_owned()
    };
    format!(
        "size({old}) == size({new}) && {old}.all(e, {new}.exists(f, e == f || type(e) == map && type(f) == map && \
         e.all(k, type(e[k]) == map || type(e[k]) == list || (k in f ? {equal} : {}))))",
        empty("e[k]", 0),
    )
}

/// Two spellings of one quantity.
fn same_quantity(old: &str, new: &str) -> String {
    // Types of a list must agree, those of an expression need not.
    let is_one = |value: &str| {
        format!("(type({value}) == string || type({value}) == int) && isQuantity(string({value}))")
    };
    format!(
        "{} && {} && quantity(string({old})).compareTo(quantity(string({new}))) == 0",
        is_one(old),
        is_one(new),
    )
}

/// The expression, or one of the objects that lead to the old values is none.
pub(super) fn unless_illegible<'a>(
    expression: String,
    paths: impl Iterator<Item = &'a str>,
) -> String {
    let mut above = BTreeSet::new();
    for path in paths {
        let ends = path.match_indices('.').map(|(at, _)| at).skip(1);
        above.extend(ends.filter_map(|end| path.get(..end)));
    }
    above.into_iter().fold(expression, |expression, path| {
        let path = path.replace('.', ".?");
        format!("{expression} || type(oldObject.?{path}.orValue({{}})) != map")
    })
}
