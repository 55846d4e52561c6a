//! Argo CD's health checks: Lua 5.1 scripts that read `obj` and return a table with `status` and `message`.
//!
//! Argo CD gives a script no library that reaches outside; neither does this.

use anyhow::{Context as _, Result, bail};
use mlua::{Lua, LuaOptions, StdLib, Table};
use serde_json::Value;

/// What a check says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Health {
    /// `Healthy`, `Progressing`, `Degraded`, `Suspended`, `Missing` or `Unknown`.
    pub status: String,
    /// For people.
    pub message: String,
}

/// A check.
pub struct Check {
    lua: Lua,
    script: String,
}

const STATUSES: [&str; 6] = [
    "Healthy",
    "Progressing",
    "Degraded",
    "Suspended",
    "Missing",
    "Unknown",
];

impl Check {
    /// The check for a kind in the text of an `argocd-cm`.
    pub fn of_kind(config_map: &str, group: &str, kind: &str) -> Result<Self> {
        let tree: Value = serde_saphyr::from_str(config_map).context("read the ConfigMap")?;
        let key = format!("resource.customizations.health.{group}_{kind}");
        let script = tree["data"][&key].as_str();
        let script = script
            .with_context(|| format!("there is no {key}"))?
            .to_owned();
        let libraries = StdLib::TABLE | StdLib::STRING | StdLib::MATH;
        let lua = Lua::new_with(libraries, LuaOptions::default()).context("start Lua")?;
        Ok(Self { lua, script })
    }

    /// What the check says about an object.
    pub fn run(&self, object: &Value) -> Result<Health> {
        let globals = self.lua.globals();
        globals
            .set("obj", self.table(object)?)
            .context("hand over the object")?;
        let answer: Table = self
            .lua
            .load(&self.script)
            .set_name("health")
            .eval()
            .context("run the script")?;
        let status: String = answer.get("status").context("read the status")?;
        if !STATUSES.contains(&status.as_str()) {
            bail!("there is no status {status}");
        }
        let message: Option<String> = answer.get("message").context("read the message")?;
        let message = message.unwrap_or_default();
        Ok(Health { status, message })
    }

    fn table(&self, value: &Value) -> mlua::Result<mlua::Value> {
        Ok(match value {
            Value::Null => mlua::Value::Nil,
            Value::Bool(flag) => mlua::Value::Boolean(*flag),
            Value::Number(number) => mlua::Value::Number(number.as_f64().unwrap_or(f64::NAN)),
            Value::String(text) => mlua::Value::String(self.lua.create_string(text)?),
            Value::Array(items) => {
                let items: mlua::Result<Vec<_>> =
                    items.iter().map(|item| self.table(item)).collect();
                mlua::Value::Table(self.lua.create_sequence_from(items?)?)
            }
            Value::Object(fields) => {
                let table = self.lua.create_table()?;
                for (name, field) in fields {
                    table.set(name.as_str(), self.table(field)?)?;
                }
                mlua::Value::Table(table)
            }
        })
    }
}
