//! Router tuning of an ingress, as the cluster's ingress controllers take it.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::wire::wire_enum;

/// A duration of several units, or a plain zero, as the tuning fields accept it.
const DURATION_OR_ZERO: &str = r"^(0|([0-9]+(\.[0-9]+)?(ns|us|µs|μs|ms|s|m|h))+)$";

wire_enum! {
    /// How the router takes over changed configuration.
    closed ConfigurationManagement {
        /// In the running process where possible.
        Dynamic => "Dynamic",
        /// By a new process for each change.
        ForkAndReload => "ForkAndReload",
    }
}

/// Tuning of the routers of one ingress.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct TuningOptions {
    /// How long a closing client connection may take.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("format" = "duration"))]
    pub client_fin_timeout: Option<String>,
    /// How long a client may stay silent.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("format" = "duration"))]
    pub client_timeout: Option<String>,
    /// How changed configuration is taken over.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub configuration_management: Option<ConfigurationManagement>,
    /// How long connecting to a server may take.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("pattern" = DURATION_OR_ZERO))]
    pub connect_timeout: Option<String>,
    /// Memory for the headers of one session, in bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("minimum" = 16384))]
    pub header_buffer_bytes: Option<i32>,
    /// Memory reserved for rewriting headers of one session, in bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("minimum" = 4096))]
    pub header_buffer_max_rewrite_bytes: Option<i32>,
    /// Time between two health checks of a server.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("pattern" = DURATION_OR_ZERO))]
    pub health_check_interval: Option<String>,
    /// How long an idle connection waits for its next request.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend(
        "minLength" = 1,
        "maxLength" = 16,
        "x-kubernetes-validations" = [
            {
                "rule": r"self.matches('^([0-9]+(\\.[0-9]+)?(ms|s|m))+$')",
                "message": "must be a duration with units ms, s or m"
            },
            {
                "rule": r"!self.matches('^([0-9]+(\\.[0-9]+)?(ms|s|m))+$') || duration(self) <= duration('15m')",
                "message": "must not exceed 15 minutes"
            },
            {
                "rule": r"!self.matches('^([0-9]+(\\.[0-9]+)?(ms|s|m))+$') || duration(self) >= duration('1ms')",
                "message": "must be at least 1 millisecond"
            }
        ]
    ))]
    pub http_keep_alive_timeout: Option<String>,
    /// Most connections of one router process; 0 is the default, -1 is as many as possible.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("x-kubernetes-validations" = [{
        "rule": "self == 0 || self == -1 || (self >= 2000 && self <= 2000000)",
        "message": "must be 0, -1 or between 2000 and 2000000"
    }]))]
    pub max_connections: Option<i32>,
    /// Least time between two reloads of the router.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("pattern" = DURATION_OR_ZERO))]
    pub reload_interval: Option<String>,
    /// How long a closing server connection may take.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("format" = "duration"))]
    pub server_fin_timeout: Option<String>,
    /// How long a server may stay silent.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("format" = "duration"))]
    pub server_timeout: Option<String>,
    /// Threads of a router process.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("minimum" = 1, "maximum" = 64))]
    pub thread_count: Option<i32>,
    /// How long the router waits for enough data to route an encrypted connection.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("format" = "duration"))]
    pub tls_inspect_delay: Option<String>,
    /// How long a tunnel may stay idle.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("format" = "duration"))]
    pub tunnel_timeout: Option<String>,
}
