//! `SyncSet`s and `SelectorSyncSet`s: what both have, and what is each one's own.

use serde_json::{Value, json};

use super::harness::{CANARY, Object, Trial};
use crate::admission::verdict::Cause::{Forbidden, Invalid, NotSupported, Required};

const SETS: &str = "syncsets";
const SELECTOR_SETS: &str = "selectorsyncsets";

fn named() -> Object {
    Object::new(
        "SyncSet",
        "s",
        json!({"clusterDeploymentRefs": [{"name": "c1"}]}),
    )
}

fn selecting() -> Object {
    let selector = json!({"matchLabels": {"fleet": "a"}});
    Object::new(
        "SelectorSyncSet",
        "s",
        json!({"clusterDeploymentSelector": selector}),
    )
    .without("metadata.namespace")
}

pub(super) fn trials() -> Vec<Trial> {
    [
        common(SETS, named),
        common(SELECTOR_SETS, selecting),
        own(),
        selectors(),
    ]
    .concat()
}

fn config_map(name: &str) -> Value {
    json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, "namespace": "default"}})
}

fn patch(kind: &str, text: &str) -> Value {
    json!([{"apiVersion": "v1", "kind": "ConfigMap", "name": "a", "namespace": "b", "patch": text, "patchType": kind}])
}

fn mapping(source: Value, target: Value) -> Value {
    json!([{"sourceRef": source, "targetRef": target}])
}

/// Every case once as a creation and once as an update.
fn common(resource: &'static str, base: fn() -> Object) -> Vec<Trial> {
    let mut trials = Vec::new();
    let mut both = |name: &str, object: Object, finish: &dyn Fn(Trial) -> Trial| {
        trials.push(finish(Trial::create(
            resource,
            format!("made: {name}"),
            object.clone(),
        )));
        trials.push(finish(Trial::update(
            resource,
            format!("changed: {name}"),
            base(),
            object,
        )));
    };
    let fine = |trial: Trial| trial;
    let resources = |list: Value| base().with("spec.resources", list);
    let patches = |kind: &str, text: &str| base().with("spec.patches", patch(kind, text));
    let mappings =
        |source: Value, target: Value| base().with("spec.secretMappings", mapping(source, target));

    both(
        "a resource",
        resources(json!([config_map("a"), config_map("b")])),
        &fine,
    );
    both("no resources", resources(json!([])), &fine);
    both(
        "a resource without a kind",
        resources(json!([config_map("a"), {"apiVersion": "v1"}])),
        &|trial| trial.refused(422, "syncset/resource", "spec.resources[1]", Invalid),
    );
    both(
        "a resource that is no object",
        resources(json!([CANARY])),
        &|trial| trial.refused(422, "syncset/resource", "spec.resources[0]", Invalid),
    );
    for kind in [
        "Role",
        "RoleBinding",
        "ClusterRole",
        "ClusterRoleBinding",
        "SubjectAccessReview",
    ] {
        let of = |group: &str| json!([{"apiVersion": format!("{group}/v1"), "kind": kind, "metadata": {"name": "a"}}]);
        both(
            &format!("{kind} of the old group"),
            resources(of("authorization.openshift.io")),
            &|trial| {
                trial.refused(
                    422,
                    "syncset/resource-group",
                    "spec.resources[0].apiVersion",
                    Invalid,
                )
            },
        );
    }
    let new_group = json!([{"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role", "metadata": {"name": "a"}}]);
    both("a role of the new group", resources(new_group), &fine);
    let other_kind = json!([{"apiVersion": "authorization.openshift.io/v1", "kind": "RoleBindingRestriction", "metadata": {"name": "a"}}]);
    both(
        "another kind of the old group",
        resources(other_kind),
        &fine,
    );
    both(
        "a resource twice",
        resources(json!([config_map("a"), config_map("a")])),
        &|trial| trial.warned("syncset/same-resource-twice", "spec.resources[1]"),
    );
    let secret = json!([{"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "a"}, "stringData": {"token": CANARY}}]);
    both(
        "a Secret among the resources",
        resources(secret),
        &|trial| trial.warned("syncset/secret-in-plain-sight", "spec.resources[0]"),
    );
    for (kind, text) in [
        ("", "{}"),
        ("strategic", "spec:\n  a: 1\n"),
        ("merge", "{\"a\":null}"),
        ("json", "[{\"op\":\"remove\",\"path\":\"/a\"}]"),
    ] {
        both(
            &format!("a patch of type {kind:?}"),
            patches(kind, text),
            &fine,
        );
    }
    let without_type = base()
        .with("spec.patches", patch("", "{}"))
        .without("spec.patches.0.patchType");
    both("a patch without a type", without_type, &fine);
    both(
        "a patch of an unknown type",
        patches("apply", "{}"),
        &|trial| {
            trial.refused(
                422,
                "syncset/patch-type",
                "spec.patches[0].patchType",
                NotSupported,
            )
        },
    );
    for (kind, text) in [
        ("json", "{\"op\":\"remove\"}"),
        ("merge", "[]"),
        ("strategic", "{"),
    ] {
        both(
            &format!("a {kind} patch that is none"),
            patches(kind, text),
            &|trial| trial.refused(422, "syncset/patch-form", "spec.patches[0].patch", Invalid),
        );
    }
    both(
        "a patch that is a template",
        patches("json", "[{{ .a }}]").with("spec.enablePatchTemplates", true),
        &fine,
    );
    both(
        "a template where there are none",
        patches("json", "[{{ .a }}]"),
        &|trial| trial.refused(422, "syncset/patch-form", "spec.patches[0].patch", Invalid),
    );
    let name = |name: &str| json!({"name": name});
    both("a Secret to copy", mappings(name("a"), name("b")), &fine);
    both(
        "a Secret to copy from nowhere",
        mappings(name(""), name("b")),
        &|trial| {
            trial.refused(
                422,
                "syncset/secret-names",
                "spec.secretMappings[0].sourceRef.name",
                Required,
            )
        },
    );
    both(
        "a Secret to copy to nowhere",
        mappings(name("a"), name("")),
        &|trial| {
            trial.refused(
                422,
                "syncset/secret-names",
                "spec.secretMappings[0].targetRef.name",
                Required,
            )
        },
    );
    for mode in ["", "Upsert", "Sync"] {
        both(
            &format!("the mode {mode:?}"),
            base().with("spec.resourceApplyMode", mode),
            &fine,
        );
    }
    both(
        "an unknown mode",
        base().with("spec.resourceApplyMode", "Replace"),
        &|trial| {
            trial.refused(
                422,
                "syncset/apply-mode",
                "spec.resourceApplyMode",
                NotSupported,
            )
        },
    );
    both(
        "patches that are no list",
        base().with("spec.patches", CANARY),
        &|trial| trial.unreadable("spec.patches"),
    );

    let bad_patch = || patches("json", "[1]");
    trials.push(Trial::update(
        resource,
        "a patch that is stored does not hold up other changes",
        bad_patch(),
        bad_patch().with("spec.resourceApplyMode", "Sync"),
    ));
    let bad = || base().with("spec.resourceApplyMode", "Replace");
    trials.push(Trial::update(
        resource,
        "an invalid set is relabelled",
        bad(),
        bad().labelled("a", "b"),
    ));
    trials.push(Trial::update(
        resource,
        "an invalid set is changed while it is deleted",
        bad().being_deleted(),
        bad().being_deleted().with("spec.resources", json!([])),
    ));
    trials.push(Trial::delete(resource, "a set is deleted", bad()));
    trials
}

fn own() -> Vec<Trial> {
    let from = |namespace: &str| {
        named().with(
            "spec.secretMappings",
            mapping(
                json!({"name": "a", "namespace": namespace}),
                json!({"name": "b"}),
            ),
        )
    };
    let path = "spec.secretMappings[0].sourceRef.namespace";
    let refused = |trial: Trial| trial.refused(422, "syncset/own-secrets", path, Invalid);
    vec![
        Trial::create(SETS, "a Secret of the own namespace", from("team")),
        Trial::create(SETS, "a Secret of no namespace", from("")),
        refused(Trial::create(
            SETS,
            "a Secret of another namespace is refused",
            from("other"),
        )),
        refused(Trial::update(
            SETS,
            "a Secret of another namespace is not added",
            named(),
            from("other"),
        )),
    ]
}

fn selectors() -> Vec<Trial> {
    let from = |namespace: &str| {
        selecting().with(
            "spec.secretMappings",
            mapping(
                json!({"name": "a", "namespace": namespace}),
                json!({"name": "b"}),
            ),
        )
    };
    let create = |name: &str, object: Object| Trial::create(SELECTOR_SETS, name, object);
    let path = "spec.secretMappings[0].sourceRef.namespace";
    let listed = |trial: Trial| {
        trial.on(|settings| settings.secret_source_namespaces = Some(["shared".to_owned()].into()))
    };
    let refused = |trial: Trial| {
        listed(trial).refused(422, "selectorsyncset/source-namespaces", path, Forbidden)
    };
    let every = "spec.clusterDeploymentSelector";
    let warned = |trial: Trial| trial.warned("selectorsyncset/every-cluster", every);
    vec![
        create(
            "a Secret of any namespace is fine without a list",
            from("other"),
        ),
        listed(create("a Secret of a listed namespace", from("shared"))),
        refused(create(
            "a Secret of another namespace is refused",
            from("other"),
        )),
        listed(Trial::update(
            SELECTOR_SETS,
            "a Secret that is stored does not hold up other changes",
            from("other"),
            from("other").with("spec.resourceApplyMode", "Sync"),
        )),
        warned(create(
            "an empty selector is warned of",
            selecting().with(every, json!({})),
        )),
        warned(create(
            "no selector is warned of",
            selecting().without(every),
        )),
    ]
}
