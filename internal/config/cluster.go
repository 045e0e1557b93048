package config

import (
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/util/validation"
)

const (
	// ClusterResolverName is the ConfigMap of the resolver "cluster".
	ClusterResolverName = "cluster-resolver-config"
	// ResolversNamespace is where Tekton has that ConfigMap. It is read there as well, so that a cluster that comes from
	// Tekton keeps its restrictions.
	ResolversNamespace = "tekton-pipelines-resolvers"
)

// Keys of cluster-resolver-config; all that Tekton has.
const (
	keyDefaultKind       = "default-kind"
	keyDefaultNamespace  = "default-namespace"
	keyAllowedNamespaces = "allowed-namespaces"
	keyBlockedNamespaces = "blocked-namespaces"
)

func clusterKeys() []string {
	return []string{keyDefaultKind, keyDefaultNamespace, keyAllowedNamespaces, keyBlockedNamespaces}
}

// everyNamespace in blocked-namespaces stands for all that are not allowed by name.
const everyNamespace = "*"

// ClusterResolver is what the ConfigMap of one namespace says about the resolver "cluster". The zero value restricts nothing.
type ClusterResolver struct {
	// DefaultKind is the kind of a reference that does not say it, in lower case; empty for the kind that is wanted.
	DefaultKind string
	// DefaultNamespace is the namespace of a reference that does not say it; empty for the run's own.
	DefaultNamespace string
	// Allowed are the namespaces that may be read from; empty for all that are not blocked.
	Allowed []string
	// Blocked are those that may not; "*" for all that are not allowed by name.
	Blocked []string
}

// ClusterResolvers are the settings of both namespaces.
type ClusterResolvers struct {
	// Own are those of the installation's namespace.
	Own ClusterResolver
	// Shared are the lists of ResolversNamespace.
	Shared ClusterLists
}

// ClusterLists are the settings that can only restrict. Of ResolversNamespace nothing else holds: a user who may create
// namespaces may own it, and a default there would choose the definitions that all tenants run.
type ClusterLists struct{ Allowed, Blocked []string }

func (c ClusterResolver) lists() ClusterLists {
	return ClusterLists{Allowed: c.Allowed, Blocked: c.Blocked}
}

// ParseClusterResolver reads the data of the ConfigMap cluster-resolver-config. An entry of a list that can be no namespace
// is reported, and stays in the list: a mistake must not open what the list closes.
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

// namespaces reads a list of namespaces, and reports what can be none.
func (s *settings) namespaces(key string) []string {
	all := entries(s.data[key])
	for _, one := range all {
		if one == everyNamespace && key == keyBlockedNamespaces || len(validation.IsDNS1123Label(one)) == 0 {
			continue
		}
		s.refuseEntry(key, one, "the name of a namespace (there are no patterns; only "+keyBlockedNamespaces+` may have "*")`)
	}
	return all
}
