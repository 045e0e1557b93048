package resolve

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/internal/trust"
)

// Run is the run that has a reference.
type Run struct {
	// Kind is the kind of the run, and Object is the run.
	Kind   string
	Object metav1.Object
	// Start is when the run has started, as its status records it; zero in its first reconcile.
	Start time.Time
	// Before is the number of definitions that the run has waited for, one after the other, before this one.
	Before int
	// Ending reports that the run ends whatever its references are. Nothing is created for it.
	Ending bool
	// Trust collects whether the definitions that resolvers find are signed; nil if that is not needed.
	Trust *trust.Record
}

// Next returns the run for a reference in a definition that a resolver found, and r for one in any other definition.
func (r Run) Next(source *v1.RefSource) Run {
	if source != nil {
		r.Before++
	}
	return r
}

// StartOf returns the time in a status; zero if there is none.
func StartOf(at *metav1.Time) time.Time {
	if at == nil {
		return time.Time{}
	}
	return at.Time
}

// Request is the request of a reference to a resolver.
type Request struct {
	// Run is the run that has the reference, and Namespace is its namespace.
	Run       Run
	Namespace string
	// Resolver is the name of the resolver.
	Resolver string
	// Kind is the wanted kind: Task, Pipeline or StepAction.
	Kind string
	// Params are the params of the reference, with their variables substituted.
	Params []v1.Param
}

// Fetcher fetches the definitions of references to resolvers. It is called during a reconcile, and must respond from memory or
// within the time of ctx.
type Fetcher interface {
	// Fetch reads the requested object into an object of the wanted kind, and returns its source. The error wraps
	// ErrUnresolvable if a retry cannot help, or is a *PendingError if the definition is not available yet.
	Fetch(ctx context.Context, wanted Request, into client.Object) (*v1.RefSource, error)
}

// Remote is a resolver (resolver: <name>) for objects that are not in the run's namespace.
type Remote interface {
	Fetcher

	// Name returns the name of the resolver in references.
	Name() string
}

// Through makes references to all other resolvers use others. The Remotes of the replaced names are not used any more.
func (r *Resolver) Through(others Fetcher, replaced ...string) *Resolver {
	r.others = others
	for _, name := range replaced {
		delete(r.remotes, name)
	}
	return r
}

// fetch calls the resolver of a reference.
func (r *Resolver) fetch(ctx context.Context, kind string, run Run, ref *v1.ResolverRef, into client.Object) (*v1.RefSource, error) {
	var fetcher Fetcher = r.remotes[ref.Resolver]
	if fetcher == nil {
		fetcher = r.others
	}
	if fetcher == nil {
		return nil, fmt.Errorf("%w: resolver: %q is unknown; use one of %s",
			ErrUnresolvable, ref.Resolver, quoted(slices.Sorted(maps.Keys(r.remotes))))
	}
	source, err := fetcher.Fetch(ctx, Request{
		Run: run, Namespace: run.Object.GetNamespace(), Resolver: ref.Resolver, Kind: kind, Params: ref.Params,
	}, into)
	if err != nil {
		return nil, fmt.Errorf("cannot get %s through resolver %q: %w", kind, ref.Resolver, err)
	}
	return source, r.verify(ctx, kind, run, source, into)
}

func quoted(names []string) string {
	out := make([]string, len(names))
	for i, name := range names {
		out[i] = strconv.Quote(name)
	}
	return strings.Join(out, ", ")
}
