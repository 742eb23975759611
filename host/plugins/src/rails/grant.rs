//! What a class lets its plugin do, and what the plugin asks for.

use std::collections::{BTreeMap, BTreeSet};

use arcane_contract::api::PluginGrants;
use arcane_contract::quantity::Amount;

use super::pattern;

/// One thing that a plugin may do to Jobs only where the class grants it: a field of
/// [`PluginGrants`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Grant {
    /// [`PluginGrants::images`]
    Images,
    /// [`PluginGrants::service_accounts`]
    ServiceAccounts,
    /// [`PluginGrants::service_account_token`]
    ServiceAccountToken,
    /// [`PluginGrants::secrets`]
    Secrets,
    /// [`PluginGrants::config_maps`]
    ConfigMaps,
    /// [`PluginGrants::image_pull_secrets`]
    ImagePullSecrets,
    /// [`PluginGrants::persistent_volume_claims`]
    PersistentVolumeClaims,
    /// [`PluginGrants::volumes`]
    Volumes,
    /// [`PluginGrants::host_namespaces`]
    HostNamespaces,
    /// [`PluginGrants::security_context`]
    SecurityContext,
    /// [`PluginGrants::privileged`]
    Privileged,
    /// [`PluginGrants::capabilities`]
    Capabilities,
    /// [`PluginGrants::sysctls`]
    Sysctls,
    /// [`PluginGrants::runtime_classes`]
    RuntimeClasses,
    /// [`PluginGrants::priority_classes`]
    PriorityClasses,
    /// [`PluginGrants::placement`]
    Placement,
    /// [`PluginGrants::containers`]
    Containers,
    /// [`PluginGrants::commands`]
    Commands,
    /// [`PluginGrants::dns`]
    Dns,
    /// [`PluginGrants::resources`]
    Resources,
    /// [`PluginGrants::resource_claims`]
    ResourceClaims,
}

/// How a grant is given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// It is given or not.
    Switch,
    /// It lists what it covers, by patterns of names.
    Names,
    /// It sets the most that there may be of each resource.
    Ceilings,
}

impl Grant {
    /// All of them.
    pub const ALL: [Self; 21] = [
        Self::Images,
        Self::ServiceAccounts,
        Self::ServiceAccountToken,
        Self::Secrets,
        Self::ConfigMaps,
        Self::ImagePullSecrets,
        Self::PersistentVolumeClaims,
        Self::Volumes,
        Self::HostNamespaces,
        Self::SecurityContext,
        Self::Privileged,
        Self::Capabilities,
        Self::Sysctls,
        Self::RuntimeClasses,
        Self::PriorityClasses,
        Self::Placement,
        Self::Containers,
        Self::Commands,
        Self::Dns,
        Self::Resources,
        Self::ResourceClaims,
    ];

    /// Its field in `spec.plugin.grants` of the class; plugins ask for it by the same name.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Images => "images",
            Self::ServiceAccounts => "serviceAccounts",
            Self::ServiceAccountToken => "serviceAccountToken",
            Self::Secrets => "secrets",
            Self::ConfigMaps => "configMaps",
            Self::ImagePullSecrets => "imagePullSecrets",
            Self::PersistentVolumeClaims => "persistentVolumeClaims",
            Self::Volumes => "volumes",
            Self::HostNamespaces => "hostNamespaces",
            Self::SecurityContext => "securityContext",
            Self::Privileged => "privileged",
            Self::Capabilities => "capabilities",
            Self::Sysctls => "sysctls",
            Self::RuntimeClasses => "runtimeClasses",
            Self::PriorityClasses => "priorityClasses",
            Self::Placement => "placement",
            Self::Containers => "containers",
            Self::Commands => "commands",
            Self::Dns => "dns",
            Self::Resources => "resources",
            Self::ResourceClaims => "resourceClaims",
        }
    }

    /// The grant of that name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|grant| grant.as_str() == name)
    }

    /// How it is given.
    #[must_use]
    pub fn form(self) -> Form {
        match self {
            Self::ServiceAccountToken
            | Self::HostNamespaces
            | Self::SecurityContext
            | Self::Privileged
            | Self::Placement
            | Self::Containers
            | Self::Commands
            | Self::Dns => Form::Switch,
            Self::Images
            | Self::ServiceAccounts
            | Self::Secrets
            | Self::ConfigMaps
            | Self::ImagePullSecrets
            | Self::PersistentVolumeClaims
            | Self::Volumes
            | Self::Capabilities
            | Self::Sysctls
            | Self::RuntimeClasses
            | Self::PriorityClasses
            | Self::ResourceClaims => Form::Names,
            Self::Resources => Form::Ceilings,
        }
    }

    /// Whether a class gives it, at least in part.
    #[must_use]
    pub fn is_in(self, grants: &PluginGrants) -> bool {
        match self.form() {
            Form::Switch => self.switch(grants),
            Form::Names => !self.names(grants).is_empty(),
            Form::Ceilings => !grants.resources.is_empty(),
        }
    }

    fn switch(self, grants: &PluginGrants) -> bool {
        match self {
            Self::ServiceAccountToken => grants.service_account_token,
            Self::HostNamespaces => grants.host_namespaces,
            Self::SecurityContext => grants.security_context,
            Self::Privileged => grants.privileged,
            Self::Placement => grants.placement,
            Self::Containers => grants.containers,
            Self::Commands => grants.commands,
            Self::Dns => grants.dns,
            _ => false,
        }
    }

    fn names(self, grants: &PluginGrants) -> &[String] {
        match self {
            Self::Images => &grants.images,
            Self::ServiceAccounts => &grants.service_accounts,
            Self::Secrets => &grants.secrets,
            Self::ConfigMaps => &grants.config_maps,
            Self::ImagePullSecrets => &grants.image_pull_secrets,
            Self::PersistentVolumeClaims => &grants.persistent_volume_claims,
            Self::Volumes => &grants.volumes,
            Self::Capabilities => &grants.capabilities,
            Self::Sysctls => &grants.sysctls,
            Self::RuntimeClasses => &grants.runtime_classes,
            Self::PriorityClasses => &grants.priority_classes,
            Self::ResourceClaims => &grants.resource_claims,
            _ => &[],
        }
    }
}

/// What a plugin may do: what its class grants and it asks for itself.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct EffectiveGrants {
    granted: PluginGrants,
    asked: BTreeSet<Grant>,
    ceilings: BTreeMap<String, Amount>,
}

impl EffectiveGrants {
    /// What `granted` by the class and `asked` for by the plugin have in common.
    ///
    /// A ceiling that is no quantity, which the API server does not take, grants nothing.
    #[must_use]
    pub fn of(granted: &PluginGrants, asked: &BTreeSet<Grant>) -> Self {
        let ceilings = granted
            .resources
            .iter()
            .filter_map(|(name, ceiling)| Some((name.clone(), Amount::parse(&ceiling.0).ok()?)))
            .collect();
        Self {
            granted: granted.clone(),
            asked: asked.clone(),
            ceilings,
        }
    }

    /// What is in force, as a class would grant it: what tells two plugins' rights apart.
    #[must_use]
    pub fn in_force(&self) -> PluginGrants {
        // Destructured so that a new grant has to be thought of here.
        let PluginGrants {
            images,
            service_accounts,
            service_account_token,
            secrets,
            config_maps,
            image_pull_secrets,
            persistent_volume_claims,
            volumes,
            host_namespaces,
            security_context,
            privileged,
            capabilities,
            sysctls,
            runtime_classes,
            priority_classes,
            placement,
            containers,
            commands,
            dns,
            resources,
            resource_claims,
        } = &self.granted;
        PluginGrants {
            images: self.if_asked(Grant::Images, images),
            service_accounts: self.if_asked(Grant::ServiceAccounts, service_accounts),
            service_account_token: self.if_asked(Grant::ServiceAccountToken, service_account_token),
            secrets: self.if_asked(Grant::Secrets, secrets),
            config_maps: self.if_asked(Grant::ConfigMaps, config_maps),
            image_pull_secrets: self.if_asked(Grant::ImagePullSecrets, image_pull_secrets),
            persistent_volume_claims: self
                .if_asked(Grant::PersistentVolumeClaims, persistent_volume_claims),
            volumes: self.if_asked(Grant::Volumes, volumes),
            host_namespaces: self.if_asked(Grant::HostNamespaces, host_namespaces),
            security_context: self.if_asked(Grant::SecurityContext, security_context),
            privileged: self.if_asked(Grant::Privileged, privileged),
            capabilities: self.if_asked(Grant::Capabilities, capabilities),
            sysctls: self.if_asked(Grant::Sysctls, sysctls),
            runtime_classes: self.if_asked(Grant::RuntimeClasses, runtime_classes),
            priority_classes: self.if_asked(Grant::PriorityClasses, priority_classes),
            placement: self.if_asked(Grant::Placement, placement),
            containers: self.if_asked(Grant::Containers, containers),
            commands: self.if_asked(Grant::Commands, commands),
            dns: self.if_asked(Grant::Dns, dns),
            resources: self.if_asked(Grant::Resources, resources),
            resource_claims: self.if_asked(Grant::ResourceClaims, resource_claims),
        }
    }

    /// What the plugin asks for and the class does not grant at all.
    #[must_use]
    pub fn missing(&self) -> BTreeSet<Grant> {
        let given = |grant: &Grant| grant.is_in(&self.granted);
        self.asked
            .iter()
            .filter(|grant| !given(grant))
            .copied()
            .collect()
    }

    fn if_asked<T: Clone + Default>(&self, grant: Grant, value: &T) -> T {
        if self.asks(grant) {
            value.clone()
        } else {
            T::default()
        }
    }

    /// Whether the plugin asks for the grant.
    pub(super) fn asks(&self, grant: Grant) -> bool {
        self.asked.contains(&grant)
    }

    /// Whether the class grants `subject`, whatever the plugin asks for.
    pub(super) fn class_covers(&self, grant: Grant, subject: &Subject<'_>) -> bool {
        match subject {
            Subject::Whole => grant.switch(&self.granted),
            Subject::Name(name) => grant
                .names(&self.granted)
                .iter()
                .any(|pattern| pattern::matches(pattern, name)),
            Subject::Amount { resource, amount } => self
                .ceilings
                .get(*resource)
                .is_some_and(|ceiling| amount.is_some_and(|amount| amount <= *ceiling)),
        }
    }

    /// Whether `subject` is both granted and asked for.
    pub(super) fn cover(&self, grant: Grant, subject: &Subject<'_>) -> bool {
        self.asks(grant) && self.class_covers(grant, subject)
    }

    /// Whether the class gives the grant, at least in part.
    pub(super) fn class_gives(&self, grant: Grant) -> bool {
        grant.is_in(&self.granted)
    }

    /// The ceiling that the class sets for a resource, as it is written there.
    pub(super) fn ceiling(&self, resource: &str) -> Option<&str> {
        let ceiling = self.granted.resources.get(resource)?;
        Some(ceiling.0.as_str())
    }
}

/// What a grant is needed for.
#[derive(Clone, Copy, Debug)]
pub(super) enum Subject<'a> {
    /// The grant as a whole.
    Whole,
    /// Something of this name.
    Name(&'a str),
    /// So much of a resource; `None` for no limit.
    Amount {
        /// Name of the resource.
        resource: &'a str,
        /// How much of it.
        amount: Option<Amount>,
    },
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn everything() -> PluginGrants {
        let grants = Grant::ALL.into_iter().map(|grant| {
            let value = match grant.form() {
                Form::Switch => json!(true),
                Form::Names => json!(["a"]),
                Form::Ceilings => json!({"cpu": "1"}),
            };
            (grant.as_str().to_owned(), value)
        });
        serde_json::from_value(serde_json::Value::Object(grants.collect())).unwrap()
    }

    #[test]
    fn every_field_of_a_classs_grants_is_a_grant() {
        let written = json!(everything());
        let fields = written.as_object().unwrap();
        assert_eq!(fields.len(), Grant::ALL.len());
        for field in fields.keys() {
            let grant = Grant::parse(field).unwrap();
            assert_eq!(grant.as_str(), field);
            assert!(grant.is_in(&everything()));
            assert!(!grant.is_in(&PluginGrants::default()));
        }
        assert_eq!(Grant::parse("anything"), None);
    }

    #[test]
    fn in_force_is_what_is_both_granted_and_asked_for() {
        for grant in Grant::ALL {
            let asked = BTreeSet::from([grant]);
            let in_force = EffectiveGrants::of(&everything(), &asked).in_force();
            for other in Grant::ALL {
                assert_eq!(
                    other.is_in(&in_force),
                    other == grant,
                    "{grant:?} {other:?}"
                );
            }
        }
        let nothing = EffectiveGrants::of(&everything(), &BTreeSet::new());
        assert!(nothing.in_force().is_empty());
    }

    #[test]
    fn what_is_asked_for_in_vain_is_told() {
        let asked = BTreeSet::from([Grant::Dns, Grant::Placement]);
        let granted = PluginGrants {
            placement: true,
            images: vec!["*".into()],
            ..PluginGrants::default()
        };
        let missing = EffectiveGrants::of(&granted, &asked).missing();
        assert_eq!(missing, BTreeSet::from([Grant::Dns]));
    }

    #[test]
    fn a_ceiling_that_cannot_be_read_grants_nothing() {
        let granted: PluginGrants =
            serde_json::from_value(json!({"resources": {"cpu": "lots", "memory": "1Gi"}})).unwrap();
        let grants = EffectiveGrants::of(&granted, &Grant::ALL.into());
        let covers = |resource| {
            let amount = Some(Amount::ZERO);
            grants.cover(Grant::Resources, &Subject::Amount { resource, amount })
        };
        assert!(covers("memory"));
        assert!(!covers("cpu"));
    }
}
