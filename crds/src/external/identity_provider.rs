//! A way to log in, as a cluster's `OAuth` configuration lists them.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::v1::cluster_deployment::ConfigMapNameReference;
use crate::wire::wire_enum;

wire_enum! {
    /// How an identity becomes a user.
    open MappingMethod {
        /// It gets the user of its name, unless another identity has it.
        Claim => "claim",
        /// It gets the user that was mapped to it before.
        Lookup => "lookup",
        /// It shares the user of its name.
        Add => "add",
    }
}

wire_enum! {
    /// Which block of a provider counts.
    open IdentityProviderType {
        /// A server that takes name and password.
        BasicAuth => "BasicAuth",
        /// GitHub.
        GitHub => "GitHub",
        /// GitLab.
        GitLab => "GitLab",
        /// Google.
        Google => "Google",
        /// A file of names and hashed passwords.
        HtPasswd => "HTPasswd",
        /// The identity service of `OpenStack`.
        Keystone => "Keystone",
        /// A directory.
        Ldap => "LDAP",
        /// A provider of `OpenID` Connect.
        OpenId => "OpenID",
        /// A proxy that sets headers.
        RequestHeader => "RequestHeader",
    }
}

/// A way to log in.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct IdentityProvider {
    /// A server that takes name and password.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub basic_auth: Option<BasicAuthIdentityProvider>,
    /// GitHub.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub github: Option<GitHubIdentityProvider>,
    /// GitLab.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gitlab: Option<GitLabIdentityProvider>,
    /// Google.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub google: Option<GoogleIdentityProvider>,
    /// A file of names and hashed passwords.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub htpasswd: Option<HtPasswdIdentityProvider>,
    /// The identity service of `OpenStack`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub keystone: Option<KeystoneIdentityProvider>,
    /// A directory.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ldap: Option<LdapIdentityProvider>,
    /// How an identity becomes a user.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mapping_method: Option<MappingMethod>,
    /// Name of the provider, unique among the cluster's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// A provider of `OpenID` Connect.
    #[serde(rename = "openID", skip_serializing_if = "Option::is_none")]
    pub open_id: Option<OpenIdIdentityProvider>,
    /// A proxy that sets headers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub request_header: Option<RequestHeaderIdentityProvider>,
    /// Which of the blocks counts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub r#type: Option<IdentityProviderType>,
}

/// The name of a Secret inside the cluster.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SecretNameReference {
    /// Name.
    pub name: String,
}

/// A server that takes name and password.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct BasicAuthIdentityProvider {
    /// `ConfigMap` with the authorities of the server's certificate.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ca: Option<ConfigMapNameReference>,
    /// Secret with the client certificate.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tls_client_cert: Option<SecretNameReference>,
    /// Secret with the key of the client certificate.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tls_client_key: Option<SecretNameReference>,
    /// Location of the server.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
}

/// GitHub.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct GitHubIdentityProvider {
    /// `ConfigMap` with the authorities of the server's certificate.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ca: Option<ConfigMapNameReference>,
    /// Identifier of the client.
    #[serde(rename = "clientID", skip_serializing_if = "Option::is_none")]
    pub client_id: Option<String>,
    /// Secret with the password of the client.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_secret: Option<SecretNameReference>,
    /// Host of an own instance.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hostname: Option<String>,
    /// Organizations whose members may log in.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub organizations: Option<Vec<String>>,
    /// Teams whose members may log in.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub teams: Option<Vec<String>>,
}

/// GitLab.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct GitLabIdentityProvider {
    /// `ConfigMap` with the authorities of the server's certificate.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ca: Option<ConfigMapNameReference>,
    /// Identifier of the client.
    #[serde(rename = "clientID", skip_serializing_if = "Option::is_none")]
    pub client_id: Option<String>,
    /// Secret with the password of the client.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_secret: Option<SecretNameReference>,
    /// Location of the server.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
}

/// Google.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct GoogleIdentityProvider {
    /// Identifier of the client.
    #[serde(rename = "clientID", skip_serializing_if = "Option::is_none")]
    pub client_id: Option<String>,
    /// Secret with the password of the client.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_secret: Option<SecretNameReference>,
    /// Domain whose accounts may log in.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hosted_domain: Option<String>,
}

/// A file of names and hashed passwords.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct HtPasswdIdentityProvider {
    /// Secret with the file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub file_data: Option<SecretNameReference>,
}

/// The identity service of `OpenStack`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct KeystoneIdentityProvider {
    /// `ConfigMap` with the authorities of the server's certificate.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ca: Option<ConfigMapNameReference>,
    /// Domain of the accounts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub domain_name: Option<String>,
    /// Secret with the client certificate.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tls_client_cert: Option<SecretNameReference>,
    /// Secret with the key of the client certificate.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tls_client_key: Option<SecretNameReference>,
    /// Location of the server.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
}

/// A directory.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct LdapIdentityProvider {
    /// Attributes that an identity is made from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub attributes: Option<LdapAttributeMapping>,
    /// Entry that searches.
    #[serde(rename = "bindDN", skip_serializing_if = "Option::is_none")]
    pub bind_dn: Option<String>,
    /// Secret with the password of that entry.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bind_password: Option<SecretNameReference>,
    /// `ConfigMap` with the authorities of the server's certificate.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ca: Option<ConfigMapNameReference>,
    /// Whether the connection is not encrypted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub insecure: Option<bool>,
    /// Location of the server, and the search.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
}

/// Attributes of a directory that an identity is made from.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct LdapAttributeMapping {
    /// Attributes with the mail address.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub email: Option<Vec<String>>,
    /// Attributes with the identifier.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<Vec<String>>,
    /// Attributes with the name to show.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<Vec<String>>,
    /// Attributes with the login name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub preferred_username: Option<Vec<String>>,
}

/// A provider of `OpenID` Connect.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct OpenIdIdentityProvider {
    /// `ConfigMap` with the authorities of the server's certificate.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ca: Option<ConfigMapNameReference>,
    /// Claims that an identity is made from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub claims: Option<OpenIdClaims>,
    /// Identifier of the client.
    #[serde(rename = "clientID", skip_serializing_if = "Option::is_none")]
    pub client_id: Option<String>,
    /// Secret with the password of the client.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_secret: Option<SecretNameReference>,
    /// Further parameters of the request.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub extra_authorize_parameters: Option<BTreeMap<String, String>>,
    /// Further scopes of the request.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub extra_scopes: Option<Vec<String>>,
    /// Location that the provider names itself by.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub issuer: Option<String>,
}

/// Claims that an identity is made from.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct OpenIdClaims {
    /// Claims with the mail address.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("x-kubernetes-list-type" = "atomic"))]
    pub email: Option<Vec<String>>,
    /// Claims with the names of groups.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(inner(length(min = 1)), extend("x-kubernetes-list-type" = "atomic"))]
    pub groups: Option<Vec<String>>,
    /// Claims with the name to show.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("x-kubernetes-list-type" = "atomic"))]
    pub name: Option<Vec<String>>,
    /// Claims with the login name.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("x-kubernetes-list-type" = "atomic"))]
    pub preferred_username: Option<Vec<String>>,
}

/// A proxy that sets headers.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RequestHeaderIdentityProvider {
    /// `ConfigMap` with the authorities of the proxy's client certificate.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ca: Option<ConfigMapNameReference>,
    /// Where clients are sent that answer challenges.
    #[serde(rename = "challengeURL", skip_serializing_if = "Option::is_none")]
    pub challenge_url: Option<String>,
    /// Names of client certificates that are accepted; any when empty.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_common_names: Option<Vec<String>>,
    /// Headers with the mail address.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub email_headers: Option<Vec<String>>,
    /// Headers with the identity.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub headers: Option<Vec<String>>,
    /// Where clients are sent that show a page.
    #[serde(rename = "loginURL", skip_serializing_if = "Option::is_none")]
    pub login_url: Option<String>,
    /// Headers with the name to show.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name_headers: Option<Vec<String>>,
    /// Headers with the login name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub preferred_username_headers: Option<Vec<String>>,
}
