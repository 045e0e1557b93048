package resolve

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/internal/config"
)

// ClusterName is how references call the resolver for other namespaces.
const ClusterName = "cluster"

// Params of the resolver for other namespaces.
const (
	paramKind      = "kind"
	paramName      = "name"
	paramNamespace = "namespace"
	// paramCache is accepted for the sake of references that have it. What is read comes from the controller's cache,
	// which is as new as the API server's.
	paramCache = "cache"
)

// ClusterPolicy says which namespaces definitions may be taken from, and what a reference means that leaves something out.
// The zero value allows all.
type ClusterPolicy struct {
	// Allowed namespaces; empty means all that are not blocked.
	Allowed []string
	// Blocked namespaces, which come before Allowed; "*" means all that are not allowed by name.
	Blocked []string
	// DefaultKind and DefaultNamespace are those of a reference that does not say them; empty for the kind that is wanted, and
	// for the run's own namespace.
	DefaultKind, DefaultNamespace string
	// Also has to permit a namespace as well; nil for nothing.
	Also *ClusterPolicy
}

// Permits reports whether definitions may be taken from a namespace. A run's own namespace is always permitted.
func (p ClusterPolicy) Permits(namespace string) bool {
	allowed := slices.Contains(p.Allowed, namespace)
	switch {
	case p.Also != nil && !p.Also.Permits(namespace), slices.Contains(p.Blocked, namespace):
		return false
	case slices.Contains(p.Blocked, "*"):
		return allowed
	}
	return allowed || len(p.Allowed) == 0
}

// PolicyOf makes a policy of the settings: the lists of both ConfigMaps hold, so that neither opens what the other closes.
// The defaults are those of the installation's namespace alone.
func PolicyOf(settings config.ClusterResolvers) ClusterPolicy {
	own, shared := settings.Own, settings.Shared
	return ClusterPolicy{
		Allowed: own.Allowed, Blocked: own.Blocked,
		DefaultKind: own.DefaultKind, DefaultNamespace: own.DefaultNamespace,
		Also: &ClusterPolicy{Allowed: shared.Allowed, Blocked: shared.Blocked},
	}
}

// Cluster takes Tasks, Pipelines and StepActions from other namespaces. It is a Remote.
type Cluster struct {
	cache, live client.Reader
	policy      func() ClusterPolicy
}

// NewCluster returns a Cluster that reads as a Resolver does.
func NewCluster(cache, live client.Reader, policy ClusterPolicy) *Cluster {
	return &Cluster{cache: cache, live: live, policy: func() ClusterPolicy { return policy }}
}

// Name is ClusterName.
func (c *Cluster) Name() string { return ClusterName }

// Fetch reads the object that the params name: kind (by default what is wanted), name, and namespace (by default the
// run's own), where the policy has no other defaults. A refusal says the same whether or not the object exists: nothing is read
// before it.
func (c *Cluster) Fetch(ctx context.Context, wanted Request, into client.Object) (*v1.RefSource, error) {
	policy := c.policy()
	params := map[string]string{
		paramKind: cmp.Or(policy.DefaultKind, wanted.Kind), paramNamespace: cmp.Or(policy.DefaultNamespace, wanted.Namespace),
	}
	for i := range wanted.Params {
		p := &wanted.Params[i]
		if !slices.Contains(clusterParams(), p.Name) {
			return nil, fmt.Errorf("%w: params[%d]: %q is not a param of this resolver; it has: %s",
				ErrUnresolvable, i, p.Name, quoted(clusterParams()))
		}
		if p.Value.Type != v1.TypeString || p.Value.String == "" {
			return nil, fmt.Errorf("%w: params[%d]: %q must be a string that is not empty", ErrUnresolvable, i, p.Name)
		}
		params[p.Name] = p.Value.String
	}
	name, namespace := params[paramName], params[paramNamespace]
	switch {
	case !strings.EqualFold(params[paramKind], wanted.Kind):
		return nil, fmt.Errorf("%w: params: kind is %q, and a %s is wanted here", ErrUnresolvable, params[paramKind], wanted.Kind)
	case name == "":
		return nil, fmt.Errorf("%w: params: name is missing; give the name of a %s", ErrUnresolvable, wanted.Kind)
	case namespace != wanted.Namespace && !policy.Permits(namespace):
		return nil, fmt.Errorf("%w: params: namespace %q may not be read from: allowed-namespaces or "+
			"blocked-namespaces of ConfigMap %s does not permit it; ask an administrator",
			ErrUnresolvable, namespace, config.ClusterResolverName)
	}
	if err := get(ctx, c.cache, c.live, types.NamespacedName{Namespace: namespace, Name: name}, into); err != nil {
		return nil, fmt.Errorf("cannot get %s %q of namespace %q: %w", wanted.Kind, name, namespace, err)
	}
	return sourceOf(wanted.Kind, into), nil
}

func clusterParams() []string { return []string{paramKind, paramName, paramNamespace, paramCache} }

// sourceOf tells which object was taken: its path in the API with its UID, and the digest of its spec.
func sourceOf(kind string, o client.Object) *v1.RefSource {
	source := &v1.RefSource{URI: fmt.Sprintf("/apis/%s/namespaces/%s/%s/%s@%s",
		v1.GroupVersion, o.GetNamespace(), strings.ToLower(kind), o.GetName(), o.GetUID())}
	var parts struct {
		Spec json.RawMessage `json:"spec"`
	}
	encoded, err := json.Marshal(o)
	if err == nil && json.Unmarshal(encoded, &parts) == nil {
		sum := sha256.Sum256(parts.Spec)
		source.Digest = map[string]string{"sha256": hex.EncodeToString(sum[:])}
	}
	return source
}
