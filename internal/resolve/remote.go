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

// Request is what a reference asks a resolver for.
type Request struct {
	// Kind of what is wanted: Task, Pipeline or StepAction.
	Kind string
	// Namespace of the run.
	Namespace string
	// Params of the reference, with their variables substituted.
	Params []v1.Param
}

// Remote is a resolver that references name (resolver: <name>): it fetches what does not lie in the run's namespace. It is
// asked in the middle of a pass, and must answer from what it has at hand or within the time that ctx gives.
type Remote interface {
	// Name by which references call it.
	Name() string
	// Fetch reads what is wanted into an object of the wanted kind, and says where it was. The error wraps
	// ErrUnresolvable when trying again cannot help.
	Fetch(ctx context.Context, wanted Request, into client.Object) (*v1.RefSource, error)
}

// fetch asks the resolver that a reference names.
func (r *Resolver) fetch(ctx context.Context, kind, namespace string, ref *v1.ResolverRef, into client.Object) (*v1.RefSource, error) {
	remote, ok := r.remotes[ref.Resolver]
	if !ok {
		return nil, fmt.Errorf("%w: resolver: %q is not known; known are: %s",
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
