// Package cluster is the resolver "cluster": it reads a definition from another namespace of the cluster, with the rules that
// the controller has for references of this type.
package cluster

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/api/v1beta1"
	"github.com/sluice-ci/sluice/internal/resolve"
	"github.com/sluice-ci/sluice/internal/resolvers"
)

// Type is the type of the resolver.
const Type = resolve.ClusterName

// The params.
const (
	paramKind      = "kind"
	paramName      = "name"
	paramNamespace = "namespace"
)

// Resolver reads definitions of the cluster. It is a resolvers.Resolver.
type Resolver struct {
	live   client.Reader
	policy func() resolve.ClusterPolicy
}

// New returns a Resolver that reads from the API server. It calls policy for each request.
func New(live client.Reader, policy func() resolve.ClusterPolicy) *Resolver {
	return &Resolver{live: live, policy: policy}
}

// Type returns the type of the resolver.
func (*Resolver) Type() string { return Type }

// Params returns the names of its params.
func (*Resolver) Params() []string {
	return []string{paramKind, paramName, paramNamespace}
}

// Keys returns the keys of ConfigMap cluster-resolver-config.
func Keys() []string {
	return []string{"default-kind", "default-namespace", "allowed-namespaces", "blocked-namespaces"}
}

// kinds returns an empty object of each kind, with the kind's name and version.
func kinds() map[string]client.Object {
	task, pipeline, action := &v1.Task{}, &v1.Pipeline{}, &v1beta1.StepAction{}
	task.SetGroupVersionKind(v1.GroupVersion.WithKind(v1.KindTask))
	pipeline.SetGroupVersionKind(v1.GroupVersion.WithKind(v1.KindPipeline))
	action.SetGroupVersionKind(v1beta1.GroupVersion.WithKind(v1beta1.KindStepAction))
	return map[string]client.Object{"task": task, "pipeline": pipeline, "stepaction": action}
}

// Prepare checks the params. The rules for namespaces are checked in Fetch, which is called for each request: a definition of
// the cluster is never kept.
func (r *Resolver) Prepare(_ context.Context, request *resolvers.Request) (*resolvers.Plan, error) {
	policy := r.policy()
	kind, err := request.Params.StringOr(paramKind, cmp.Or(policy.DefaultKind, "task"))
	if err != nil {
		return nil, err
	}
	into, ok := kinds()[strings.ToLower(kind)]
	if !ok {
		return nil, resolvers.Invalid("cannot use param %q: it is %q, want one of task, pipeline, stepaction", paramKind, kind)
	}
	wanted := resolve.Request{Kind: into.GetObjectKind().GroupVersionKind().Kind, Namespace: request.Namespace}
	for _, name := range []string{paramName, paramNamespace} {
		value, err := request.Params.String(name)
		if err != nil {
			return nil, err
		}
		if value != "" {
			wanted.Params = append(wanted.Params, v1.Param{Name: name, Value: v1.StringValue(value)})
		}
	}
	wanted.Params = append(wanted.Params, v1.Param{Name: paramKind, Value: v1.StringValue(kind)})
	if _, err := request.Params.Cache(""); err != nil {
		return nil, err
	}
	return &resolvers.Plan{
		// The namespace of the request is in the key, because the rules depend on it.
		Key:   fmt.Sprintf("%q %q", request.Namespace, wanted.Params),
		Cache: resolvers.CacheNever,
		Fetch: func(ctx context.Context) (*resolvers.Resource, error) { return r.fetch(ctx, policy, wanted, into) },
	}, nil
}

// fetch reads the object.
func (r *Resolver) fetch(ctx context.Context, policy resolve.ClusterPolicy, wanted resolve.Request,
	into client.Object) (*resolvers.Resource, error) {
	version := into.GetObjectKind().GroupVersionKind()
	source, err := resolve.NewCluster(r.live, r.live, policy).Fetch(ctx, wanted, into)
	switch {
	case errors.Is(err, resolve.ErrUnresolvable):
		return nil, resolvers.Failed(err, "%v", err)
	case err != nil:
		return nil, resolvers.Unavailable(err, "the API server cannot answer now")
	}
	content, err := definition(into, version.GroupVersion().String(), version.Kind)
	if err != nil {
		return nil, resolvers.Failed(err, "cannot encode %s %q", version.Kind, into.GetName())
	}
	return &resolvers.Resource{Content: content, Source: *source}, nil
}

// definition returns the YAML of an object, without what belongs to the stored object only.
func definition(object client.Object, apiVersion, kind string) ([]byte, error) {
	encoded, err := json.Marshal(object)
	if err != nil {
		return nil, err
	}
	parts := struct {
		APIVersion string `json:"apiVersion"`
		Kind       string `json:"kind"`
		Metadata   struct {
			Name        string            `json:"name"`
			Namespace   string            `json:"namespace,omitempty"`
			Labels      map[string]string `json:"labels,omitempty"`
			Annotations map[string]string `json:"annotations,omitempty"`
		} `json:"metadata"`
		Spec json.RawMessage `json:"spec"`
	}{}
	if err := json.Unmarshal(encoded, &parts); err != nil {
		return nil, err
	}
	parts.APIVersion, parts.Kind = apiVersion, kind
	return yaml.Marshal(parts)
}
