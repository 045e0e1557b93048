package resolve

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"sigs.k8s.io/controller-runtime/pkg/client"

	v1 "github.com/sluice-ci/sluice/api/v1"
)

// Request is the request of a reference to a resolver.
type Request struct {
	// Kind is the wanted kind: Task, Pipeline or StepAction.
	Kind string
	// Namespace is the namespace of the run.
	Namespace string
	// Params are the params of the reference, with their variables substituted.
	Params []v1.Param
}

// Remote is a resolver (resolver: <name>) for objects that are not in the run's namespace. It is called during a reconcile,
// and must respond from memory or within the time of ctx.
type Remote interface {
	// Name returns the name of the resolver in references.
	Name() string
	// Fetch reads the requested object into an object of the wanted kind, and returns its source. The error wraps
	// ErrUnresolvable if a retry cannot help.
	Fetch(ctx context.Context, wanted Request, into client.Object) (*v1.RefSource, error)
}

// fetch calls the resolver of a reference.
func (r *Resolver) fetch(ctx context.Context, kind, namespace string, ref *v1.ResolverRef, into client.Object) (*v1.RefSource, error) {
	remote, ok := r.remotes[ref.Resolver]
	if !ok {
		return nil, fmt.Errorf("%w: resolver: %q is unknown; use one of %s",
			ErrUnresolvable, ref.Resolver, quoted(slices.Sorted(maps.Keys(r.remotes))))
	}
	source, err := remote.Fetch(ctx, Request{Kind: kind, Namespace: namespace, Params: ref.Params}, into)
	if err != nil {
		return nil, fmt.Errorf("cannot get %s through resolver %q: %w", kind, ref.Resolver, err)
	}
	return source, nil
}

func quoted(names []string) string {
	out := make([]string, len(names))
	for i, name := range names {
		out[i] = strconv.Quote(name)
	}
	return strings.Join(out, ", ")
}
