//! One request against the store: what each verb reads, refuses and writes. Plain functions of the
//! store and the request; time, faults, delays and crashes are decided around them.

use std::{collections::BTreeMap, sync::Arc};

use jiff::Timestamp;
use serde_json::{Value, json};

use super::{
    defaults,
    patch::{self, Format},
    registry::{Kind, Registry, ResourceKey},
    route::{Target, Verb},
    select::Selector,
    status::{self, Answer, Cause, Failure},
    store::{ObjectKey, Store, revision_of},
    validate::{self, finalizers},
};
use crate::seed;

/// Completes or refuses an object before it is stored: `(kind, new object, old object)`.
pub type Hook = Arc<dyn Fn(&Kind, &mut Value, Option<&Value>) -> Answer<()> + Send + Sync>;

/// The finalizer by which a foreground deletion waits for its dependents.
pub(super) const FOREGROUND: &str = "foregroundDeletion";
/// The finalizer by which an orphaning deletion releases its dependents.
pub(super) const ORPHAN: &str = "orphan";

/// The state of the server.
pub(super) struct Core {
    pub(super) store: Store,
    pub(super) registry: Registry,
    pub(super) seed: u64,
    pub(super) hooks: Vec<Hook>,
    /// What each field manager applied last, by object uid and manager.
    pub(super) applied: BTreeMap<(String, String), Value>,
    generated: u64,
}

/// A successful answer: the code and the body, an object in full.
pub(super) type Reply = (u16, Arc<Value>);

impl Core {
    pub(super) fn new(seed: u64) -> Self {
        Self {
            store: Store::default(),
            registry: Registry::default(),
            seed,
            hooks: Vec::new(),
            applied: BTreeMap::new(),
            generated: 0,
        }
    }

    /// Everything but watches and lists.
    pub(super) fn answer(
        &mut self,
        verb: Verb,
        target: &Target,
        content_type: &str,
        body: &[u8],
        now: Timestamp,
    ) -> Answer<Reply> {
        match verb {
            Verb::Get => self.current(target).map(|object| (200, object)),
            Verb::Create => self.create(target, parse(body)?, now),
            Verb::Update => self.replace(target, parse(body)?, now),
            Verb::Patch => self.patch(target, Format::of(content_type)?, body, now),
            Verb::Delete => {
                let options = if body.is_empty() {
                    Value::Null
                } else {
                    parse(body)?
                };
                self.delete(target, &options, now)
            }
            Verb::DeleteCollection => self.delete_collection(target, body, now),
            Verb::List | Verb::Watch => Err(Failure::internal("not a request for one object")),
        }
    }

    fn key(target: &Target) -> ObjectKey {
        (
            target.scope().to_owned(),
            target.name.clone().unwrap_or_default(),
        )
    }

    fn current(&self, target: &Target) -> Answer<Arc<Value>> {
        let key = Self::key(target);
        self.store
            .get(&target.kind, &key)
            .ok_or_else(|| Failure::not_found(&target.kind, &key.1))
    }

    fn create(&mut self, target: &Target, mut object: Value, now: Timestamp) -> Answer<Reply> {
        let kind = &target.kind;
        check_type(kind, &object)?;
        let namespace = object["metadata"]["namespace"].as_str().unwrap_or_default();
        if !namespace.is_empty() && namespace != target.scope() {
            return Err(Failure::bad_request(
                "the namespace of the provided object does not match the namespace sent on the \
                 request",
            ));
        }
        if !object["metadata"]["resourceVersion"]
            .as_str()
            .unwrap_or_default()
            .is_empty()
        {
            let why = "resourceVersion should not be set on objects to be created";
            return Err(Failure::internal(why));
        }
        self.check_namespace(
            target,
            object["metadata"]["name"].as_str().unwrap_or_default(),
        )?;
        let name = match object["metadata"]["name"].as_str().unwrap_or_default() {
            "" => self.generated_name(kind, &object)?,
            name => name.to_owned(),
        };
        object["apiVersion"] = kind.api_version().into();
        object["kind"] = kind.kind.clone().into();
        let key = (target.scope().to_owned(), name);
        let birth = self.store.next_birth(kind, &key);
        let uid = seed::uuid(
            self.seed,
            &[&kind.resource(), &key.0, &key.1, &birth.to_string()],
        );
        if kind.status {
            set_or_remove(&mut object, "status", None);
        }
        let metadata = metadata_of(&mut object);
        for field in [
            "deletionTimestamp",
            "deletionGracePeriodSeconds",
            "selfLink",
            "generation",
        ] {
            metadata.shift_remove(field);
        }
        metadata.insert("name".into(), key.1.clone().into());
        if kind.namespaced {
            metadata.insert("namespace".into(), key.0.clone().into());
        } else {
            metadata.shift_remove("namespace");
        }
        metadata.insert("uid".into(), uid.into());
        metadata.insert("creationTimestamp".into(), second(now).into());
        if kind.generation {
            metadata.insert("generation".into(), 1.into());
        }
        prune_empty(metadata);
        defaults::fill(kind, &mut object);
        self.run_hooks(kind, &mut object, None)?;
        validate::check(kind, &object, None)?;
        if self.store.get(kind, &key).is_some() {
            return Err(Failure::already_exists(kind, &key.1));
        }
        if target.flag("dryRun") {
            return Ok((201, Arc::new(object)));
        }
        Ok((201, self.store.put(kind, &key, object)))
    }

    fn check_namespace(&self, target: &Target, name: &str) -> Answer<()> {
        let Some(namespace) = target.namespace.as_deref() else {
            return Ok(());
        };
        let kind = self.namespaces();
        let found = self
            .store
            .get(&kind, &(String::new(), namespace.to_owned()));
        let found = found.ok_or_else(|| Failure::not_found(&kind, namespace))?;
        if found["metadata"].get("deletionTimestamp").is_some() {
            return Err(Failure::namespace_terminating(
                &target.kind,
                name,
                namespace,
            ));
        }
        Ok(())
    }

    /// The kind of namespaces.
    pub(super) fn namespaces(&self) -> Kind {
        self.registry.get("", "namespaces").cloned().unwrap()
    }

    fn generated_name(&mut self, kind: &Kind, object: &Value) -> Answer<String> {
        let base = object["metadata"]["generateName"]
            .as_str()
            .unwrap_or_default();
        if base.is_empty() {
            let why = "name or generateName is required";
            let mut causes = vec![Cause::required("metadata.name", why)];
            if kind.custom {
                let why = "some validation rules were not checked because the object was invalid; \
                           correct the existing errors to complete validation";
                causes.push(Cause::invalid("<nil>", &Value::Null, why));
            }
            return Err(Failure::invalid(kind, "", &causes));
        }
        // The server truncates so that the result fits a label value.
        let base = &base[..base.len().min(58)];
        self.generated += 1;
        let count = self.generated.to_string();
        Ok(format!(
            "{base}{}",
            seed::suffix(self.seed, &[&kind.resource(), base, &count])
        ))
    }

    fn replace(&mut self, target: &Target, object: Value, now: Timestamp) -> Answer<Reply> {
        let kind = &target.kind;
        check_type(kind, &object)?;
        let name = target.name.as_deref().unwrap_or_default();
        check_name(&object, name)?;
        if target.subresource.as_deref() == Some("finalize") {
            return self.finalize_namespace(target, &object);
        }
        let current = self.current(target)?;
        match object["metadata"]["resourceVersion"]
            .as_str()
            .unwrap_or_default()
        {
            "" if !kind.unconditional => {
                let why = "must be specified for an update";
                let causes = [Cause::invalid("metadata.resourceVersion", &json!(0), why)];
                return Err(Failure::invalid_resource(kind, name, &causes));
            }
            "" => {}
            revision if revision == revision_of(&current).to_string() => {}
            _ => return Err(Failure::modified(kind, name)),
        }
        let (given, held) = (&object["metadata"]["uid"], &current["metadata"]["uid"]);
        if let Some(given) = given.as_str().filter(|given| held != given) {
            let held = held.as_str().unwrap_or_default();
            return Err(Failure::other_uid(kind, &Self::key(target), given, held));
        }
        self.write(target, &current, object, now)
    }

    fn patch(
        &mut self,
        target: &Target,
        format: Format,
        body: &[u8],
        now: Timestamp,
    ) -> Answer<Reply> {
        let kind = &target.kind;
        let name = target.name.as_deref().unwrap_or_default();
        if format == Format::Apply {
            return self.apply(target, patch::applied(body)?, now);
        }
        if format == Format::Strategic && kind.custom {
            return Err(Failure::unsupported_media_type());
        }
        let current = self.current(target)?;
        let object = patch::patched(format, &current, body)?;
        check_name(&object, name)?;
        let revision = object["metadata"]["resourceVersion"]
            .as_str()
            .unwrap_or_default();
        if !revision.is_empty() && revision != revision_of(&current).to_string() {
            return Err(Failure::modified(kind, name));
        }
        let given = &object["metadata"]["uid"];
        if !given.is_null() && *given != current["metadata"]["uid"] {
            let cause = Cause::invalid("metadata.uid", given, "field is immutable");
            return Err(Failure::invalid(kind, name, &[cause]));
        }
        self.write(target, &current, object, now)
    }

    fn apply(&mut self, target: &Target, wanted: Value, now: Timestamp) -> Answer<Reply> {
        let kind = &target.kind;
        let name = target.name.as_deref().unwrap_or_default();
        let Some(manager) = target.text("fieldManager") else {
            let causes = [Cause::required(
                "fieldManager",
                "is required for apply patch",
            )];
            return Err(Failure::invalid_as_options(&causes));
        };
        let manager = format!(
            "{manager}/{}",
            target.subresource.as_deref().unwrap_or_default()
        );
        check_type(kind, &wanted)?;
        check_name(&wanted, name)?;
        let mut owned = wanted.clone();
        for field in ["name", "namespace", "resourceVersion", "uid"] {
            metadata_of(&mut owned).shift_remove(field);
        }
        let reply = match self.current(target) {
            Err(failure) if target.subresource.is_some() => return Err(failure),
            Err(_) => {
                let mut object = wanted;
                object["metadata"]["name"] = name.into();
                self.create(target, object, now)?
            }
            Ok(current) => {
                let revision = wanted["metadata"]["resourceVersion"]
                    .as_str()
                    .unwrap_or_default();
                if !revision.is_empty() && revision != revision_of(&current).to_string() {
                    return Err(Failure::modified(kind, name));
                }
                let before = self.applied.get(&(uid_of(&current), manager.clone()));
                let object = patch::apply(&current, before, &owned);
                self.write(target, &current, object, now)?
            }
        };
        if !target.flag("dryRun") {
            self.applied.insert((uid_of(&reply.1), manager), owned);
        }
        Ok(reply)
    }

    /// Stores the part of `object` that the target may write.
    fn write(
        &mut self,
        target: &Target,
        current: &Arc<Value>,
        object: Value,
        now: Timestamp,
    ) -> Answer<Reply> {
        let kind = &target.kind;
        let key = Self::key(target);
        let mut next = if target.subresource.as_deref() == Some("status") {
            let mut next = Value::clone(current);
            set_or_remove(&mut next, "status", object.get("status"));
            next
        } else {
            let mut next = object;
            if kind.status {
                set_or_remove(&mut next, "status", current.get("status"));
            }
            next
        };
        keep_identity(&mut next, current);
        defaults::refill(kind, &mut next);
        self.run_hooks(kind, &mut next, Some(current))?;
        if same(&next, current) {
            return Ok((200, Arc::clone(current)));
        }
        if kind.generation && generation_changes(kind, current, &next) {
            let generation = current["metadata"]["generation"]
                .as_i64()
                .unwrap_or_default();
            next["metadata"]["generation"] = (generation + 1).into();
        }
        validate::check(kind, &next, Some(current))?;
        let _ = now;
        if target.flag("dryRun") {
            return Ok((200, Arc::new(next)));
        }
        if is_deleting(&next) && finalizers(&next).is_empty() && !is_graceful(&next) {
            self.store.remove(kind, &key);
            return Ok((200, Arc::new(next)));
        }
        Ok((200, self.store.put(kind, &key, next)))
    }

    /// DELETE of one object; `options` are a `DeleteOptions` body or nothing.
    pub(super) fn delete(
        &mut self,
        target: &Target,
        options: &Value,
        now: Timestamp,
    ) -> Answer<Reply> {
        let kind = &target.kind;
        let key = Self::key(target);
        let current = self.current(target)?;
        let held = &current["metadata"];
        let wanted = &options["preconditions"];
        if let Some(uid) = wanted["uid"].as_str().filter(|uid| held["uid"] != *uid) {
            let why = format!(
                "the UID in the precondition ({uid}) does not match the UID in record ({}). The \
                 object might have been deleted and then recreated",
                held["uid"].as_str().unwrap_or_default()
            );
            return Err(Failure::delete_precondition(kind, &key.1, &why));
        }
        let revision = wanted["resourceVersion"].as_str();
        if let Some(revision) = revision.filter(|revision| held["resourceVersion"] != *revision) {
            let why = format!(
                "the ResourceVersion in the precondition ({revision}) does not match the \
                 ResourceVersion in record ({}). The object might have been modified",
                held["resourceVersion"].as_str().unwrap_or_default()
            );
            return Err(Failure::delete_precondition(kind, &key.1, &why));
        }
        if target.flag("dryRun") || options.get("dryRun").is_some_and(|dry| !dry.is_null()) {
            return Ok((200, Self::deleted(kind, &current)));
        }
        let mut next = Value::clone(&current);
        for finalizer in propagation(kind, &current, options) {
            add_finalizer(&mut next, finalizer);
        }
        let grace = grace_period(kind, &current, options);
        let waits = !finalizers(&next).is_empty() || grace > 0 || is_namespace(kind);
        if !waits {
            self.store.remove(kind, &key);
            return Ok((200, Self::deleted(kind, &current)));
        }
        if !is_deleting(&current) {
            let at = now
                .checked_add(jiff::SignedDuration::from_secs(grace))
                .unwrap_or(now);
            next["metadata"]["deletionTimestamp"] = second(at).into();
            next["metadata"]["deletionGracePeriodSeconds"] = grace.into();
            if let Some(generation) = next["metadata"]["generation"].as_i64().filter(|n| *n > 0) {
                next["metadata"]["generation"] = (generation + 1).into();
            }
            if is_namespace(kind) {
                next["status"]["phase"] = "Terminating".into();
                if let Some(metadata) = next["metadata"].as_object_mut() {
                    metadata.shift_remove("deletionGracePeriodSeconds");
                }
            }
        } else if grace == 0 && is_graceful(&current) {
            next["metadata"]["deletionGracePeriodSeconds"] = 0.into();
        }
        if same(&next, &current) {
            return Ok((200, current));
        }
        Ok((200, self.store.put(kind, &key, next)))
    }

    /// Some kinds answer a deletion with the object, most with a success Status.
    fn deleted(kind: &Kind, object: &Arc<Value>) -> Arc<Value> {
        let returned = [
            "pods",
            "services",
            "serviceaccounts",
            "persistentvolumeclaims",
        ];
        if !kind.custom && returned.contains(&kind.plural.as_str()) {
            return Arc::clone(object);
        }
        let name = object["metadata"]["name"].as_str().unwrap_or_default();
        let mut details = status::details(kind, name);
        details["uid"] = object["metadata"]["uid"].clone();
        Arc::new(json!({
            "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success",
            "details": details,
        }))
    }

    fn delete_collection(&mut self, target: &Target, body: &[u8], now: Timestamp) -> Answer<Reply> {
        let options = if body.is_empty() {
            Value::Null
        } else {
            parse(body)?
        };
        let selector = selector(target)?;
        let mut items = Vec::new();
        for ((namespace, name), object) in self.in_scope(target) {
            if !selector.matches(&object) {
                continue;
            }
            let one = Target {
                namespace: target.kind.namespaced.then_some(namespace),
                name: Some(name),
                ..target.clone()
            };
            self.delete(&one, &options, now)?;
            items.push(Value::clone(&object));
        }
        let list = list_of(&target.kind, self.store.revision(), items);
        Ok((200, Arc::new(list)))
    }

    /// The objects in the target's scope.
    fn in_scope(&mut self, target: &Target) -> Vec<(ObjectKey, Arc<Value>)> {
        let scope = target.namespace.clone();
        let shelf = self.store.shelf(&target.kind);
        shelf
            .objects
            .iter()
            .filter(|(key, _)| scope.as_ref().is_none_or(|scope| *scope == key.0))
            .map(|(key, object)| (key.clone(), Arc::clone(object)))
            .collect()
    }

    /// The end of a namespace: its own finalizers are in `spec`.
    fn finalize_namespace(&mut self, target: &Target, object: &Value) -> Answer<Reply> {
        let key = Self::key(target);
        let current = self.current(target)?;
        let mut next = Value::clone(&current);
        next["spec"]["finalizers"] = object["spec"]["finalizers"].clone();
        let done = next["spec"]["finalizers"]
            .as_array()
            .is_none_or(Vec::is_empty)
            && finalizers(&next).is_empty();
        if is_deleting(&next) && done {
            self.store.remove(&target.kind, &key);
            return Ok((200, Arc::new(next)));
        }
        Ok((200, self.store.put(&target.kind, &key, next)))
    }

    fn run_hooks(&self, kind: &Kind, object: &mut Value, old: Option<&Value>) -> Answer<()> {
        self.hooks
            .iter()
            .try_for_each(|hook| hook(kind, object, old))
    }

    /// How often objects of each key were created, by resource.
    pub(super) fn births(&self) -> &BTreeMap<(ResourceKey, ObjectKey), u64> {
        self.store.births()
    }
}

impl Failure {
    fn invalid_as_options(causes: &[Cause]) -> Box<Self> {
        let kind = Kind::custom("meta.k8s.io", "v1", "patchoptions", "PatchOptions");
        Self::invalid(&kind, "", causes)
    }
}

/// The selectors of a query. Custom resources can be selected by name and namespace only.
pub(super) fn selector(target: &Target) -> Answer<Selector> {
    let fields = target.text("fieldSelector");
    let foreign = fields
        .into_iter()
        .flat_map(|fields| fields.split(','))
        .find_map(|term| {
            let label = term.split(['=', '!']).next().unwrap_or_default();
            (target.kind.custom && !matches!(label, "metadata.name" | "metadata.namespace"))
                .then_some(label)
        });
    if let Some(label) = foreign {
        return Err(Failure::bad_request(&format!(
            "field label not supported: {label}"
        )));
    }
    Selector::parse(target.text("labelSelector"), fields)
}

/// A list body; items of built-in kinds do not repeat their type.
pub(super) fn list_of(kind: &Kind, revision: u64, items: Vec<Value>) -> Value {
    let items = items
        .into_iter()
        .map(|mut item| {
            if let Some(fields) = item.as_object_mut().filter(|_| !kind.custom) {
                fields.shift_remove("apiVersion");
                fields.shift_remove("kind");
            }
            item
        })
        .collect::<Vec<_>>();
    let mut metadata = json!({"resourceVersion": revision.to_string()});
    if kind.custom {
        metadata["continue"] = "".into();
    }
    json!({
        "kind": format!("{}List", kind.kind),
        "apiVersion": kind.api_version(),
        "metadata": metadata,
        "items": items,
    })
}

/// Timestamps in metadata have whole seconds.
pub(super) fn second(at: Timestamp) -> String {
    Timestamp::from_second(at.as_second())
        .unwrap_or(at)
        .to_string()
}

pub(super) fn is_deleting(object: &Value) -> bool {
    object["metadata"].get("deletionTimestamp").is_some()
}

pub(super) fn uid_of(object: &Value) -> String {
    object["metadata"]["uid"]
        .as_str()
        .unwrap_or_default()
        .to_owned()
}

fn is_namespace(kind: &Kind) -> bool {
    kind.group.is_empty() && kind.plural == "namespaces"
}

/// A pod whose containers still get time to end.
fn is_graceful(object: &Value) -> bool {
    object["metadata"]["deletionGracePeriodSeconds"]
        .as_i64()
        .unwrap_or_default()
        > 0
}

/// Only pods that a node runs are deleted gracefully.
fn grace_period(kind: &Kind, object: &Value, options: &Value) -> i64 {
    let running = kind.group.is_empty()
        && kind.plural == "pods"
        && object["spec"]["nodeName"].is_string()
        && !matches!(
            object["status"]["phase"].as_str(),
            Some("Succeeded" | "Failed")
        );
    if !running {
        return 0;
    }
    let wanted = options["gracePeriodSeconds"].as_i64();
    wanted
        .or_else(|| object["spec"]["terminationGracePeriodSeconds"].as_i64())
        .unwrap_or(30)
}

/// The garbage collector's finalizers that a deletion adds.
fn propagation(kind: &Kind, object: &Value, options: &Value) -> Vec<&'static str> {
    let present = finalizers(object);
    let orphans = !kind.custom && kind.group == "batch" && kind.plural == "jobs";
    let policy = options["propagationPolicy"].as_str().or_else(|| {
        options["orphanDependents"]
            .as_bool()
            .map(|orphan| if orphan { "Orphan" } else { "Background" })
    });
    match policy {
        Some("Foreground") => vec![FOREGROUND],
        Some("Orphan") => vec![ORPHAN],
        None if present.contains(&FOREGROUND) || present.contains(&ORPHAN) => Vec::new(),
        // The API of Jobs keeps the default it had before garbage collection existed.
        None if orphans => vec![ORPHAN],
        Some(_) | None => Vec::new(),
    }
}

fn add_finalizer(object: &mut Value, finalizer: &str) {
    if finalizers(object).contains(&finalizer) {
        return;
    }
    let list = &mut object["metadata"]["finalizers"];
    match list.as_array_mut() {
        Some(list) => list.push(finalizer.into()),
        None => *list = json!([finalizer]),
    }
}

fn check_type(kind: &Kind, object: &Value) -> Answer<()> {
    let given = (object["apiVersion"].as_str(), object["kind"].as_str());
    let (version, named) = (kind.api_version(), kind.kind.as_str());
    match given {
        (Some(given_version), Some(given_kind))
            if given_version != version || given_kind != named =>
        {
            Err(Failure::bad_request(&format!(
                "the API version in the data ({given_version}) does not match the expected API \
                 version ({version})"
            )))
        }
        _ => Ok(()),
    }
}

fn check_name(object: &Value, name: &str) -> Answer<()> {
    let given = object["metadata"]["name"].as_str().unwrap_or_default();
    if !given.is_empty() && given != name {
        return Err(Failure::bad_request(&format!(
            "the name of the object ({given}) does not match the name on the URL ({name})"
        )));
    }
    Ok(())
}

/// Nobody changes what the server itself wrote into the metadata.
fn keep_identity(next: &mut Value, current: &Value) {
    for field in ["apiVersion", "kind"] {
        next[field] = current[field].clone();
    }
    let held = &current["metadata"];
    let metadata = metadata_of(next);
    for field in [
        "name",
        "generateName",
        "namespace",
        "uid",
        "creationTimestamp",
        "deletionTimestamp",
        "deletionGracePeriodSeconds",
        "generation",
        "resourceVersion",
    ] {
        match held.get(field) {
            Some(value) => {
                metadata.insert(field.into(), value.clone());
            }
            None => {
                metadata.shift_remove(field);
            }
        }
    }
    prune_empty(metadata);
}

fn metadata_of(object: &mut Value) -> &mut serde_json::Map<String, Value> {
    if !object["metadata"].is_object() {
        object["metadata"] = json!({});
    }
    object["metadata"].as_object_mut().unwrap()
}

/// Typed metadata has no empty collections.
fn prune_empty(metadata: &mut serde_json::Map<String, Value>) {
    metadata.shift_remove("managedFields");
    metadata.shift_remove("selfLink");
    metadata.retain(|_, value| match value {
        Value::Null => false,
        Value::Object(map) => !map.is_empty(),
        Value::Array(list) => !list.is_empty(),
        Value::String(_) | Value::Number(_) | Value::Bool(_) => true,
    });
}

fn set_or_remove(object: &mut Value, field: &str, value: Option<&Value>) {
    match value {
        Some(value) => object[field] = value.clone(),
        None => {
            if let Some(fields) = object.as_object_mut() {
                fields.shift_remove(field);
            }
        }
    }
}

/// Equality of content, whatever the order of the members.
fn same(one: &Value, other: &Value) -> bool {
    one == other
}

fn generation_changes(kind: &Kind, old: &Value, new: &Value) -> bool {
    let fields = |object: &Value| -> BTreeMap<String, Value> {
        let members = object.as_object().into_iter().flatten();
        members
            .filter(|(name, _)| *name != "metadata" && !(kind.status && *name == "status"))
            .map(|(name, value)| (name.clone(), value.clone()))
            .collect()
    };
    fields(old) != fields(new)
}

fn parse(body: &[u8]) -> Answer<Value> {
    let value: Value = serde_json::from_slice(body)
        .map_err(|error| Failure::bad_request(&format!("error decoding body: {error}")))?;
    if value.is_object() {
        Ok(value)
    } else {
        Err(Failure::bad_request("body is not an object"))
    }
}
