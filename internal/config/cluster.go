package config

import (
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/util/validation"
)

const (
	// ClusterResolverName is the ConfigMap of the resolver "cluster".
	ClusterResolverName = "cluster-resolver-config"
	// ResolversNamespace is the namespace in which Tekton has that ConfigMap. The controller reads it there too, so that a
	// cluster that migrates from Tekton keeps its restrictions.
	ResolversNamespace = "tekton-pipelines-resolvers"
)

// Keys of cluster-resolver-config: the same as in Tekton.
const (
	keyDefaultKind       = "default-kind"
	keyDefaultNamespace  = "default-namespace"
	keyAllowedNamespaces = "allowed-namespaces"
	keyBlockedNamespaces = "blocked-namespaces"
)

func clusterKeys() []string {
	return []string{keyDefaultKind, keyDefaultNamespace, keyAllowedNamespaces, keyBlockedNamespaces}
}

// everyNamespace in blocked-namespaces blocks all namespaces that allowed-namespaces does not name.
const everyNamespace = "*"

// ClusterResolver has the settings of the resolver "cluster" from one namespace. The zero value restricts nothing.
type ClusterResolver struct {
	// DefaultKind is the kind of a reference without one, in lower case; empty: the kind that the field needs.
	DefaultKind string
	// DefaultNamespace is the namespace of a reference without one; empty: the namespace of the run.
	DefaultNamespace string
	// Allowed are the namespaces to read from; empty: all that are not blocked.
	Allowed []string
	// Blocked are the namespaces not to read from; "*": all that Allowed does not name.
	Blocked []string
}

// ClusterResolvers has the settings of both namespaces.
type ClusterResolvers struct {
	// Own has the settings of the namespace of the installation.
	Own ClusterResolver
	// Shared has the lists of ResolversNamespace.
	Shared ClusterLists
}

// ClusterLists has the settings that can only restrict. Other settings of ResolversNamespace have no effect: a user who may
// create namespaces may own it, and a default there would choose the definitions that all tenants run.
type ClusterLists struct{ Allowed, Blocked []string }

func (c ClusterResolver) lists() ClusterLists {
	return ClusterLists{Allowed: c.Allowed, Blocked: c.Blocked}
}

// ParseClusterResolver parses the data of the ConfigMap cluster-resolver-config. An invalid entry of a list is reported and
// stays in the list, so that a mistake does not permit what the list forbids.
func ParseClusterResolver(data map[string]string) (ClusterResolver, []SettingError) {
	s := &settings{configMap: ClusterResolverName, data: data}
	var c ClusterResolver
	kind := strings.ToLower(strings.TrimSpace(data[keyDefaultKind]))
	if kind == "" || slices.Contains([]string{"task", "pipeline", "stepaction"}, kind) {
		c.DefaultKind = kind
	} else {
		s.refuse(keyDefaultKind, `one of "task", "pipeline", "stepaction"`, "kind that the reference needs")
	}
	c.DefaultNamespace = strings.TrimSpace(data[keyDefaultNamespace])
	if c.DefaultNamespace != "" && len(validation.IsDNS1123Label(c.DefaultNamespace)) > 0 {
		s.refuse(keyDefaultNamespace, "the name of a namespace", "namespace of the run")
		c.DefaultNamespace = ""
	}
	c.Allowed = s.namespaces(keyAllowedNamespaces)
	c.Blocked = s.namespaces(keyBlockedNamespaces)
	return c, s.problems
}

// namespaces parses a list of namespaces, and reports invalid names.
func (s *settings) namespaces(key string) []string {
	all := entries(s.data[key])
	for _, one := range all {
		if one == everyNamespace && key == keyBlockedNamespaces || len(validation.IsDNS1123Label(one)) == 0 {
			continue
		}
		s.refuseEntry(key, one, "the name of a namespace (patterns are not supported; only "+keyBlockedNamespaces+` may have "*")`)
	}
	return all
}
