//! The rules: one table per kind, and the chain that runs a table over a request.
//!
//! A chain runs every rule, so that everything that is wrong is told at once. A rule is a plain
//! function of a [`Case`]. Which of them bind an update:
//!
//! - none, if the specification is what it was: what is stored can always be relabelled, and its
//!   finalizers removed (rules about metadata only warn);
//! - only the table of [`fields`], if the object is being deleted;
//! - rules that Hive does not have, or has in a weaker form, bind only what the update changed
//!   ([`Binds::Changes`]): what they find in the old object as well is not held against the new one;
//! - only the table of [`fields`], with a warning, if the object does not decode for the same reason as
//!   the stored one: the API server's schema lets stay what was stored, and so do we.
//!
//! A restore (the label that Hive knows for it) is spared by rules that ask for what Hive never asked for.
//!
//! Mirrors docs/spec/41 §2–11.

mod cluster_deployment;
mod cluster_image_set;
mod cluster_pool;
mod cluster_provision;
mod customization;
mod diff;
mod dns_zone;
pub mod fields;
mod gates;
mod machine_pool;
mod names;
mod patches;
mod platform;
mod quantity;
mod sync_set;
#[cfg(test)]
mod tests;

use serde::de::DeserializeOwned;
use skep_crds::names::{annotation, label};

pub(super) use self::diff::{PRESENCE_BELOW, PRESENCE_OF};
pub use self::fields::{Change, FIELDS, FREE, Field, Since};
use super::decode::{Meta, Object, Unreadable};
use super::review::{Hook, Operation, Request};
use super::settings::Settings;
use super::verdict::{Findings, Style, Verdict};

/// What a rule looks at.
struct Case<'a, S> {
    settings: &'a Settings,
    /// Metadata of the object as it will be; of the object as it is when it is deleted.
    meta: &'a Meta,
    /// Specification of the object as it will be.
    spec: &'a S,
    /// The object as it is; none when it is made, or when it does not decode.
    old: Option<(&'a Meta, &'a S)>,
}

/// When a rule is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum On {
    /// When the object is made.
    Create,
    /// When its specification is changed.
    Update,
    /// Both.
    Write,
    /// When it is made or anything in it is changed, labels included.
    Any,
    /// When it is deleted.
    Delete,
}

/// What of an update a rule binds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Binds {
    /// The new object.
    Object,
    /// What was not as wrong in the old object.
    Changes,
}

/// Where a rule comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// Hive has it.
    Hive,
    /// Hive has it in a weaker form or not at all; the weakness of docs/spec/41 §15 that it mends.
    Weakness(u8),
    /// It only warns.
    Advice,
}

/// One rule.
struct Rule<S: 'static> {
    id: &'static str,
    says: &'static str,
    on: On,
    style: Style,
    binds: Binds,
    origin: Origin,
    /// Whether an object that is restored from a backup is spared.
    spares_restored: bool,
    check: Check<S>,
}

type Check<S> = fn(&Case<'_, S>, &mut Findings);

impl<S> Rule<S> {
    const fn new(on: On, id: &'static str, says: &'static str, check: Check<S>) -> Self {
        Self {
            id,
            says,
            on,
            style: Style::Invalid,
            binds: Binds::Object,
            origin: Origin::Hive,
            spares_restored: false,
            check,
        }
    }

    /// The refusal is a bad request.
    const fn bad_request(mut self) -> Self {
        self.style = Style::BadRequest;
        self
    }

    /// The rule binds only what an update changed.
    const fn changes(mut self) -> Self {
        self.binds = Binds::Changes;
        self
    }

    /// The rule mends a weakness of docs/spec/41 §15.
    const fn mends(mut self, weakness: u8) -> Self {
        self.origin = Origin::Weakness(weakness);
        self.changes()
    }

    /// The rule asks for what Hive never asked for: a restore brings back what Hive took.
    const fn spares_restored(mut self) -> Self {
        self.spares_restored = true;
        self
    }

    /// The rule only warns.
    const fn advice(mut self) -> Self {
        self.origin = Origin::Advice;
        self.changes()
    }
}

/// The rules of one kind.
struct Table<S: 'static>(&'static [&'static [Rule<S>]]);

impl<S> Table<S> {
    fn rules(&self) -> impl Iterator<Item = &'static Rule<S>> {
        self.0.iter().flat_map(|part| part.iter())
    }
}

/// Judges a request about the hook's own resource.
pub(super) fn judge(
    hook: &Hook,
    request: &Request<'_>,
    settings: &Settings,
    without: Option<&str>,
) -> Verdict {
    let ask = Ask {
        hook,
        request,
        settings,
        without,
    };
    let answer = match (hook.resource, request.part()) {
        ("clusterdeployments", None) => ask.run(&cluster_deployment::TABLE),
        ("clusterdeploymentcustomizations", None) => ask.run(&customization::TABLE),
        ("clusterimagesets", None) => ask.run(&cluster_image_set::TABLE),
        ("clusterpools", None) => ask.run(&cluster_pool::TABLE),
        ("clusterprovisions", None) => ask.run(&cluster_provision::TABLE),
        ("dnszones", None) => ask.run(&dns_zone::TABLE),
        ("machinepools", None) => ask.run(&machine_pool::TABLE),
        ("selectorsyncsets", None) => ask.run(&sync_set::SELECTOR_TABLE),
        ("syncsets", None) => ask.run(&sync_set::TABLE),
        _ => Ok(Verdict::allowed()),
    };
    answer.unwrap_or_else(|error| {
        let message = match error.field.as_str() {
            whole @ ("object" | "oldObject") => format!("the request's {whole} {}", error.message),
            field => format!("{field} {}", error.message),
        };
        Verdict::unreadable(message, Some(error.field))
    })
}

/// Whether the object says that it is made by a restore.
fn is_restored(meta: &Meta) -> bool {
    annotation::is_true(meta.label(label::DISABLE_CREATION_WEBHOOK_FOR_DR))
}

/// A request and everything that its judgement depends on.
struct Ask<'a> {
    hook: &'a Hook,
    request: &'a Request<'a>,
    settings: &'a Settings,
    without: Option<&'a str>,
}

impl Ask<'_> {
    fn run<S: DeserializeOwned + Default + 'static>(
        &self,
        table: &Table<S>,
    ) -> Result<Verdict, Unreadable> {
        let mut found = Findings::new();
        match self.request.operation {
            Operation::Create => self.create(table, &mut found)?,
            Operation::Update => self.update(table, &mut found)?,
            Operation::Delete => self.delete(table, &mut found)?,
            Operation::Connect => {}
        }
        Ok(found.into_verdict(self.request))
    }

    fn create<S: DeserializeOwned + Default>(
        &self,
        table: &Table<S>,
        found: &mut Findings,
    ) -> Result<(), Unreadable> {
        let object = Object::read(self.request.object, "object")?;
        if self.is_gated(&object, found)? {
            return Ok(());
        }
        let case = Case {
            settings: self.settings,
            meta: &object.meta,
            spec: &object.spec()?,
            old: None,
        };
        self.check(table, &[On::Create, On::Write, On::Any], &case, found);
        Ok(())
    }

    fn update<S: DeserializeOwned + Default>(
        &self,
        table: &Table<S>,
        found: &mut Findings,
    ) -> Result<(), Unreadable> {
        let new = Object::read(self.request.object, "object")?;
        let old = Object::read(self.request.old_object, "oldObject")?;
        let unchanged = new.spec_is_that_of(&old);
        let leaving = new.meta.is_being_deleted() || old.meta.is_being_deleted();
        if !unchanged && !leaving && self.is_gated(&new, found)? {
            return Ok(());
        }
        if !unchanged && fields::any_for(self.hook.resource) {
            let trees = (old.tree()?, new.tree()?);
            fields::judge(
                self.hook.resource,
                (&trees.0, &trees.1),
                &new.meta,
                self.without,
                found,
            );
        }
        if leaving {
            return Ok(());
        }
        if unchanged {
            self.check_metadata(table, &new, &old, found);
            return Ok(());
        }
        // A stored object that does not decode is repaired by an update, not guarded from it.
        let old_spec = old.spec::<S>();
        let spec: S = match (new.spec(), &old_spec) {
            (Ok(spec), _) => spec,
            // Nor is one guarded from a change of something else: the schema lets stay what was stored.
            (Err(error), Err(before)) if error == *before => {
                let what = format!(
                    "{}; the object was stored so, and is not judged",
                    error.message
                );
                found.warn(&error.field, &what);
                self.check_metadata(table, &new, &old, found);
                return Ok(());
            }
            (Err(error), _) => return Err(error),
        };
        let old_spec = old_spec.ok();
        let case = Case {
            settings: self.settings,
            meta: &new.meta,
            spec: &spec,
            old: old_spec.as_ref().map(|spec| (&old.meta, spec)),
        };
        self.check(table, &[On::Update, On::Write, On::Any], &case, found);
        Ok(())
    }

    /// Runs the rules that look at metadata alone.
    fn check_metadata<S: Default>(
        &self,
        table: &Table<S>,
        new: &Object<'_>,
        old: &Object<'_>,
        found: &mut Findings,
    ) {
        let nothing = S::default();
        let case = Case {
            settings: self.settings,
            meta: &new.meta,
            spec: &nothing,
            old: Some((&old.meta, &nothing)),
        };
        self.check(table, &[On::Any], &case, found);
    }

    fn delete<S: Default>(&self, table: &Table<S>, found: &mut Findings) -> Result<(), Unreadable> {
        if !table.rules().any(|rule| rule.on == On::Delete) {
            return Ok(());
        }
        let object = Object::read(self.request.old_object, "oldObject")?;
        let case = Case {
            settings: self.settings,
            meta: &object.meta,
            spec: &S::default(),
            old: None,
        };
        self.check(table, &[On::Delete], &case, found);
        Ok(())
    }

    fn check<S>(&self, table: &Table<S>, on: &[On], case: &Case<'_, S>, found: &mut Findings) {
        let restored = case.old.is_none() && is_restored(case.meta);
        for rule in table.rules() {
            let asked = on.contains(&rule.on) && !(restored && rule.spares_restored);
            if !asked || self.without == Some(rule.id) {
                continue;
            }
            found.begin(rule.id, rule.style);
            let mark = found.mark();
            (rule.check)(case, found);
            let Some((meta, spec)) = case.old else {
                continue;
            };
            if rule.binds == Binds::Changes && found.mark() != mark {
                let mut before = Findings::new();
                let old = Case {
                    settings: case.settings,
                    meta,
                    spec,
                    old: None,
                };
                (rule.check)(&old, &mut before);
                found.forget_old(mark, &before);
            }
        }
    }

    /// Whether the object uses what is behind a closed gate; then nothing else is looked at.
    fn is_gated(&self, object: &Object<'_>, found: &mut Findings) -> Result<bool, Unreadable> {
        // Nothing is behind a gate today: the tree is not built for an empty table.
        let gates = gates::of(self.hook.resource);
        if gates.is_empty() {
            return Ok(false);
        }
        let mark = found.mark();
        gates::check(gates, &object.tree()?, self.settings, found);
        Ok(found.mark() != mark)
    }
}

/// A rule, as the list in docs/admission.md tells it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RuleInfo {
    /// Its id.
    pub id: &'static str,
    /// When it is asked.
    pub on: &'static str,
    /// Code of the refusal; none if it only warns or allows.
    pub code: Option<u16>,
    /// Where it comes from.
    pub origin: Origin,
    /// Whether it binds only what an update changes.
    pub binds_changes: bool,
    /// What it demands.
    pub says: String,
}

impl RuleInfo {
    fn of<S>(rule: &Rule<S>) -> Self {
        Self {
            id: rule.id,
            on: match rule.on {
                On::Create => "create",
                On::Update => "update",
                On::Write | On::Any => "create, update",
                On::Delete => "delete",
            },
            code: match (rule.origin, rule.style) {
                (Origin::Advice, _) => None,
                (_, Style::BadRequest) => Some(400),
                (_, Style::Invalid) => Some(422),
            },
            origin: rule.origin,
            binds_changes: rule.binds == Binds::Changes,
            says: rule.says.to_owned(),
        }
    }

    fn of_field(field: &Field) -> Self {
        let since = match field.since {
            Since::Creation => "",
            Since::Installed => " (as soon as the cluster is installed)",
        };
        let unless = field
            .unless
            .map(|name| format!(", unless the annotation `{name}` means yes"));
        let free = field.change == Change::Free;
        Self {
            id: field.id,
            on: "update",
            code: (!free).then_some(match field.style {
                Style::BadRequest => 400,
                Style::Invalid => 422,
            }),
            origin: Origin::Hive,
            binds_changes: true,
            says: format!(
                "`{}` {}{since}{}",
                field.path,
                field.change.says(),
                unless.unwrap_or_default()
            ),
        }
    }
}

/// Every rule there is, by hook and in the order in which they are run.
pub fn all() -> Vec<RuleInfo> {
    fn of<S>(table: &Table<S>, resource: &str) -> Vec<RuleInfo> {
        let fields = FIELDS.iter().filter(|field| field.resource == resource);
        fields
            .map(RuleInfo::of_field)
            .chain(table.rules().map(RuleInfo::of))
            .collect()
    }
    let mut all = [
        of(&cluster_deployment::TABLE, "clusterdeployments"),
        of(&cluster_pool::TABLE, "clusterpools"),
        of(&machine_pool::TABLE, "machinepools"),
        of(&cluster_image_set::TABLE, "clusterimagesets"),
        of(&cluster_provision::TABLE, "clusterprovisions"),
        of(&dns_zone::TABLE, "dnszones"),
        of(&sync_set::TABLE, "syncsets"),
        of(&sync_set::SELECTOR_TABLE, "selectorsyncsets"),
        of(&customization::TABLE, "clusterdeploymentcustomizations"),
    ]
    .concat();
    let mut known = std::collections::BTreeSet::new();
    all.retain(|rule| known.insert(rule.id));
    all
}
