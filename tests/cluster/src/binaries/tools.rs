//! The Go modules that hold the programs of a control plane, embedded so that their digest is known.

use sha2::{Digest, Sha256};

/// A Go module under `tools/` and how it is built.
#[derive(Debug)]
pub(crate) struct Tool {
    /// Name of the module, of its binary and of its folder in messages.
    pub(crate) name: &'static str,
    /// What a cold build takes on two cores.
    pub(crate) takes: &'static str,
    /// The programs that its binary is, chosen by the name it is called by.
    pub(crate) programs: &'static [&'static str],
    /// The package that is built.
    pub(crate) package: &'static str,
    /// The linker's flags.
    pub(crate) ldflags: &'static str,
    /// The module's files: name and content.
    pub(crate) files: &'static [(&'static str, &'static str)],
}

/// Without debug information.
const STRIPPED: &str = "-s -w";
/// With Kubernetes' version: the server would otherwise say that it is v0.0.0, and clients misbehave.
const VERSIONED: &str = "-s -w \
    -X k8s.io/component-base/version.gitVersion=v1.36.3 \
    -X k8s.io/component-base/version.gitMajor=1 \
    -X k8s.io/component-base/version.gitMinor=36";

/// Every module, in the order of building: what fails soon comes first.
pub(crate) const TOOLS: [Tool; 4] = [
    Tool {
        name: "etcd",
        takes: "about 30 seconds",
        programs: &["etcd"],
        package: "go.etcd.io/etcd/server/v3",
        ldflags: STRIPPED,
        files: &[
            ("go.mod", include_str!("../../tools/etcd/go.mod")),
            ("go.sum", include_str!("../../tools/etcd/go.sum")),
        ],
    },
    Tool {
        name: "kubernetes",
        takes: "about 6 minutes",
        programs: &[
            "kube-apiserver",
            "kube-controller-manager",
            "kube-scheduler",
            "kubectl",
        ],
        package: ".",
        ldflags: VERSIONED,
        files: &[
            ("go.mod", include_str!("../../tools/k8s/go.mod")),
            ("go.sum", include_str!("../../tools/k8s/go.sum")),
            ("main.go", include_str!("../../tools/k8s/main.go")),
        ],
    },
    Tool {
        name: "kwok",
        takes: "about 1 minute",
        programs: &["kwok"],
        package: "sigs.k8s.io/kwok/cmd/kwok",
        ldflags: STRIPPED,
        files: &[
            ("go.mod", include_str!("../../tools/kwok/go.mod")),
            ("go.sum", include_str!("../../tools/kwok/go.sum")),
        ],
    },
    Tool {
        name: "helm",
        takes: "about 1 minute",
        programs: &["helm"],
        package: "helm.sh/helm/v4/cmd/helm",
        ldflags: STRIPPED,
        files: &[
            ("go.mod", include_str!("../../tools/helm/go.mod")),
            ("go.sum", include_str!("../../tools/helm/go.sum")),
        ],
    },
];

impl Tool {
    /// `go`'s arguments that build the binary as `output`.
    pub(crate) fn build_arguments(&self, output: &str) -> [String; 7] {
        [
            "build",
            "-trimpath",
            "-ldflags",
            self.ldflags,
            "-o",
            output,
            self.package,
        ]
        .map(str::to_owned)
    }

    /// Lower-case hex SHA-256 over everything of ours that decides what the binary is: the files
    /// and the build's arguments.
    pub(crate) fn digest(&self) -> String {
        let mut digest = Sha256::new();
        let parts = self
            .files
            .iter()
            .flat_map(|(name, content)| [*name, *content]);
        let arguments = self.build_arguments("");
        for part in parts.chain(arguments.iter().map(String::as_str)) {
            digest.update((part.len() as u64).to_le_bytes());
            digest.update(part);
        }
        digest
            .finalize()
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_tool_has_its_own_digest_and_it_is_the_same_every_time() {
        let digests: Vec<_> = TOOLS.iter().map(Tool::digest).collect();
        assert_eq!(digests, TOOLS.iter().map(Tool::digest).collect::<Vec<_>>());
        for (index, digest) in digests.iter().enumerate() {
            assert_eq!(digest.len(), 64);
            assert!(!digests[..index].contains(digest));
        }
    }

    #[test]
    fn other_flags_are_another_digest() {
        let [etcd, ..] = TOOLS;
        let plain = Tool {
            ldflags: "",
            ..etcd
        };
        assert_ne!(plain.digest(), TOOLS[0].digest());
    }
}
